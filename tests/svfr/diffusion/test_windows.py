import itertools

from hypothesis import given
from hypothesis import strategies as st

from svfr.diffusion.windows import (
    OVERLAPPING_STEPS,
    DecodeWindow,
    official_decode_windows,
    official_windows,
    reflect,
    studio_decode_windows,
    studio_windows,
    triangle_weights,
)

COUNTS = st.integers(1, 200)
STEPS = st.integers(0, 40)
LENGTHS = st.integers(4, 20)


def covered(windows: tuple) -> dict[int, int]:
    """The sum of weights of every frame."""
    total: dict[int, int] = {}
    for window in windows:
        for frame, weight in zip(window.frames, window.weights, strict=True):
            total[frame] = total.get(frame, 0) + weight
    return total


def test_triangle_weights_rise_and_fall_by_one() -> None:
    assert triangle_weights(5) == (1, 2, 3, 2, 1)
    assert triangle_weights(4) == (1, 2, 2, 1)


@given(COUNTS, LENGTHS, STEPS)
def test_official_windows_weigh_every_frame(count: int, length: int, step: int) -> None:
    weights = covered(official_windows(count, length, 3, step))
    assert sorted(weights) == list(range(count))
    assert min(weights.values()) > 0


def test_official_evaluations_are_as_many_as_published() -> None:
    first = sum(len(official_windows(16, 16, 3, step)) for step in range(50))
    second = sum(len(official_windows(100, 16, 3, step)) for step in range(30))
    assert (first, second) == (53, 24 + 189)


def test_official_windows_join_the_ends_of_a_clip() -> None:
    assert (19, 0) in zip(
        official_windows(20, 8, 3, 0)[-1].frames, official_windows(20, 8, 3, 0)[-1].frames[1:], strict=False
    )


@given(COUNTS, LENGTHS, STEPS)
def test_studio_windows_weigh_every_frame_of_the_shot_and_nothing_else(
    count: int, length: int, step: int
) -> None:
    weights = covered(studio_windows(count, length, 3, step))
    assert sorted(weights) == list(range(count))
    assert min(weights.values()) > 0


@given(COUNTS, LENGTHS, STEPS)
def test_studio_windows_never_jump(count: int, length: int, step: int) -> None:
    for window in studio_windows(count, length, 3, step):
        assert len(window.frames) == length
        neighbours = zip(window.frames, window.frames[1:], strict=False)
        assert all(abs(a - b) == (1 if count > 1 else 0) for a, b in neighbours)


@given(st.integers(21, 200), LENGTHS, STEPS)
def test_studio_never_lets_the_ends_of_a_longer_shot_meet(count: int, length: int, step: int) -> None:
    for window in studio_windows(count, length, 3, step):
        assert not {0, count - 1} <= set(window.frames)


@given(COUNTS, LENGTHS, STEPS)
def test_reflected_context_has_no_weight(count: int, length: int, step: int) -> None:
    for window in studio_windows(count, length, 3, step):
        weighted = [f for f, w in zip(window.frames, window.weights, strict=True) if w]
        assert len(set(weighted)) == len(weighted)


@given(st.integers(21, 200), LENGTHS, STEPS)
def test_studio_starts_are_anchored_at_the_first_frame(count: int, length: int, step: int) -> None:
    stride = length - 3 if step < OVERLAPPING_STEPS else length
    shift = step * 3 % length
    for k, window in enumerate(studio_windows(count, length, 3, step)):
        start = k * stride - shift
        inside = [(i, f) for i, f in enumerate(window.frames) if window.weights[i]]
        assert all(f == start + i for i, f in inside)


@given(st.integers(21, 100), st.integers(1, 100), LENGTHS, STEPS)
def test_a_longer_range_keeps_the_windows_that_lay_inside(
    count: int, more: int, length: int, step: int
) -> None:
    inside = [w for w in studio_windows(count, length, 3, step) if w.weights[-1]]
    assert studio_windows(count + more, length, 3, step)[: len(inside)] == tuple(inside)


SHORTEST = st.integers(1, 20)


@given(COUNTS, LENGTHS, STEPS, SHORTEST)
def test_shorter_end_windows_weigh_every_frame_as_whole_ones(
    count: int, length: int, step: int, shortest: int
) -> None:
    whole = studio_windows(count, length, 3, step)
    short = studio_windows(count, length, 3, step, shortest)
    for a, b in zip(whole, short, strict=True):
        weighed = [{f: w for f, w in zip(v.frames, v.weights, strict=True) if w} for v in (a, b)]
        assert weighed[0] == weighed[1]


@given(COUNTS, LENGTHS, STEPS, SHORTEST)
def test_no_window_is_shorter_than_asked_or_longer_than_a_whole_one(
    count: int, length: int, step: int, shortest: int
) -> None:
    for window in studio_windows(count, length, 3, step, shortest):
        assert min(shortest, length) <= len(window.frames) <= length
        neighbours = zip(window.frames, window.frames[1:], strict=False)
        assert all(abs(a - b) == (1 if count > 1 else 0) for a, b in neighbours)


@given(st.integers(20, 100), LENGTHS, STEPS, SHORTEST)
def test_a_short_window_takes_its_context_from_the_shot_where_it_can(
    count: int, length: int, step: int, shortest: int
) -> None:
    for window in studio_windows(count, length, 3, step, min(shortest, length - 1)):
        assert len(set(window.frames)) == len(window.frames)


def test_a_single_frame_is_evaluated_alone_by_a_model_that_can() -> None:
    assert [window.frames for window in studio_windows(1, 16, 3, 0, shortest=1)] == [(0,)]
    assert [len(window.frames) for window in studio_windows(1, 16, 3, 0, shortest=8)] == [8]


@given(st.integers(17, 200), SHORTEST)
def test_shorter_end_windows_evaluate_less_and_every_frame_at_least_once_a_step(
    count: int, shortest: int
) -> None:
    def evaluated(least: int | None) -> int:
        windows = (w for step in range(8) for w in studio_windows(count, 16, 3, step, least))
        return sum(len(window.frames) for window in windows)

    assert 8 * count <= evaluated(min(shortest, 15)) < evaluated(None)


@given(st.integers(1, 16), STEPS)
def test_a_shot_that_fits_is_one_window_at_every_step(count: int, step: int) -> None:
    (window,) = studio_windows(count, 16, 3, step)
    assert window.frames[:count] == tuple(range(count))


def test_reflection_does_not_repeat_the_mirror_frame() -> None:
    assert [reflect(i, 4) for i in range(-3, 8)] == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert [reflect(i, 1) for i in (-2, 0, 3)] == [0, 0, 0]


@given(COUNTS, st.integers(1, 20))
def test_decode_windows_cover_the_shot_in_order(count: int, length: int) -> None:
    for windows in (official_decode_windows(count, length), studio_decode_windows(count, length)):
        assert windows[0].start == 0 and windows[0].blend == 0 and windows[-1].stop == count
        for before, after in itertools.pairwise(windows):
            assert after.start == before.stop - after.blend
            assert before.start < after.start and before.stop < after.stop
            assert after.stop - after.start > after.blend


def test_official_decoding_does_not_overlap_and_studio_decoding_does() -> None:
    assert official_decode_windows(20, 16) == (DecodeWindow(0, 16, 0), DecodeWindow(16, 20, 0))
    assert studio_decode_windows(20, 16) == (DecodeWindow(0, 16, 0), DecodeWindow(12, 20, 4))
