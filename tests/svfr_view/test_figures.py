"""Figures over time, on cases whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from svfr_ocio.curve import decode_srgb
from svfr_view.figures import Figures
from svfr_view.pictures import FramePair


def pair(frame: int, before: float, after: float, matte: float = 1.0) -> FramePair:
    def flat(code: float) -> np.ndarray:
        return np.asarray(decode_srgb(np.full((4, 4, 3), code / 255, np.float32)), np.float32)

    return FramePair(
        frame=frame, before=flat(before), after=flat(after), matte=np.full((4, 4), matte, np.float32)
    )


def figures(*pairs: FramePair) -> Figures:
    made = Figures()
    for one in pairs:
        made.add(one)
    return made


def test_change_and_flicker_are_code_values() -> None:
    made = figures(pair(1, 100, 110), pair(2, 104, 112))
    np.testing.assert_allclose(np.array(made.changed, float), [10, 8], atol=0.02)
    np.testing.assert_allclose(np.array(made.flicker_before[1:], float), [4], atol=0.02)
    np.testing.assert_allclose(np.array(made.flicker_after[1:], float), [2], atol=0.02)


def test_doubts_are_means_under_the_matte_in_code_values_and_identity_is_by_face() -> None:
    half = np.zeros((4, 4), np.float32)
    half[:2] = 1.0
    first, second, third = (pair(frame, 50, 60) for frame in (1, 2, 3))
    made = figures(
        replace(first, matte=half, doubts={"invention": half * np.float32(20 / 255)}),
        replace(second, doubts={"invention": np.zeros((4, 4), np.float32)}, identity={"2": 0.9}),
        replace(third, matte=0 * half, doubts={"invention": 0 * half}),
    )
    assert made.doubts["invention"][0] == pytest.approx(20, abs=1e-3)
    assert made.doubts["invention"][1:] == [0.0, None]
    assert made.aligned(made.identity["2"]) == [None, 0.9, None]


def test_a_gap_has_no_flicker_and_an_empty_matte_no_figure() -> None:
    made = figures(pair(1, 0, 0), pair(3, 9, 9), pair(4, 9, 50, matte=0.0))
    assert made.flicker_before == [None, None, None] and made.changed[2] is None
