"""Which steps take over what, and which window keeps it for a frame."""

import pytest

from svfr.diffusion.reuse import Reuse, kept_places
from svfr.diffusion.windows import FrameWindow, official_windows, segment_windows, studio_windows


def test_nothing_is_taken_over_unless_asked() -> None:
    reuse = Reuse()
    assert not reuse.is_used
    for step in range(5):
        assert reuse.has_unconditional(step) and reuse.begins_anew(step)
        assert reuse.evaluations(step, 2) == (2, 0) and reuse.evaluations(step, 1) == (1, 0)


def test_each_branch_goes_deep_when_it_is_first_evaluated_among_so_many_steps() -> None:
    reuse = Reuse(guidance_every=2, deep_every=3)
    assert [reuse.evaluations(step, 2) for step in range(7)] == [
        (2, 0),  # both
        (0, 1),  # the conditional one's topmost level
        (0, 2),
        (1, 0),  # the conditional one begins anew; the other is not evaluated,
        (1, 1),  # and begins anew here
        (0, 1),
        (2, 0),
    ]
    assert [step for step in range(13) if reuse.begins_anew(step)] == [0, 6, 12]


@pytest.mark.parametrize("guidance", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [1, 2, 3, 5])
def test_no_step_uses_what_was_computed_before_a_step_that_begins_anew(guidance: int, deep: int) -> None:
    reuse = Reuse(guidance_every=guidance, deep_every=deep)
    difference_of, features_of = -1, {True: -1, False: -1}
    last_anew = 0
    for step in range(40):
        last_anew = step if reuse.begins_anew(step) else last_anew
        for conditional in (True, False) if reuse.has_unconditional(step) else (True,):
            if reuse.is_deep(step, conditional=conditional):
                features_of[conditional] = step
            assert last_anew <= features_of[conditional] and step - features_of[conditional] < deep
        difference_of = step if reuse.has_unconditional(step) else difference_of
        assert last_anew <= difference_of and step - difference_of < guidance


@pytest.mark.parametrize(
    "windows",
    [
        studio_windows(1, 8, 3, 0),
        studio_windows(20, 8, 3, 1),
        studio_windows(20, 8, 3, 4, 4),
        official_windows(10, 16, 3, 1),
        segment_windows(40, 10, 12, 1, length=8, overlap=3, shortest=None),
    ],
)
def test_every_frame_is_kept_once_and_where_it_weighs_most(windows: tuple[FrameWindow, ...]) -> None:
    kept = [
        (window.frames[place], window.weights[place])
        for window, places in zip(windows, kept_places(windows), strict=True)
        for place in places
    ]
    frames = [frame for frame, _ in kept]
    assert sorted(frames) == sorted({frame for window in windows for frame in window.frames})
    for frame, weight in kept:
        weights = [
            w for window in windows for f, w in zip(window.frames, window.weights, strict=True) if f == frame
        ]
        assert weight == max(weights) > 0
