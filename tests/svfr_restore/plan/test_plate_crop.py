"""A face's square is resampled once where there is room to keep it."""

import numpy as np

from svfr_restore.plan.plate_crop import KeptSquares, Square


def square(value: float) -> Square:
    return Square(np.full((8, 8, 3), value, np.float32), np.full((8, 8, 3), value / 2, np.float32))


BYTES = 2 * 8 * 8 * 3 * 4


def test_what_is_kept_can_be_taken_once() -> None:
    kept, one = KeptSquares(BYTES), square(1.0)
    kept.keep(1001, 0, one)
    assert kept.take(1001, 1) is None and kept.take(1002, 0) is None
    assert kept.take(1001, 0) is one
    assert kept.take(1001, 0) is None


def test_no_more_is_kept_than_there_is_room_for_and_taking_makes_room() -> None:
    kept = KeptSquares(2 * BYTES)
    for frame in range(3):
        kept.keep(frame, 0, square(frame))
    assert kept.take(2, 0) is None
    assert kept.take(0, 0) is not None
    kept.keep(2, 0, square(2.0))
    assert kept.take(1, 0) is not None and kept.take(2, 0) is not None


def test_a_square_that_is_kept_already_takes_no_more_room() -> None:
    kept = KeptSquares(2 * BYTES)
    for _ in range(5):
        kept.keep(1, 0, square(1.0))
    kept.keep(2, 0, square(2.0))
    assert kept.take(1, 0) is not None and kept.take(2, 0) is not None
