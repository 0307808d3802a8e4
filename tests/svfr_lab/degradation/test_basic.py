import numpy as np
import pytest

from svfr_client.vocabulary import TASKS
from svfr_lab.clips.augmentation import augment
from svfr_lab.degradation.basic import EVALUATION, TRAINING, TRAINING_WIDE, draw_hole
from svfr_lab.degradation.degrade import HOLE_CODE, Degraded, degrade
from svfr_lab.degradation.jpeg import through_jpeg
from svfr_lab.errors import ArgumentOutOfRange

COMBINATIONS = [
    frozenset(names.split("+"))
    for names in ("bfr", "colorize", "inpaint", "bfr+colorize", "bfr+inpaint", "bfr+colorize+inpaint")
]


@pytest.fixture(scope="module")
def clip():
    """Four frames of smooth colour with one moving edge."""
    y, x = np.mgrid[0:96, 0:96] / 96
    frames = [np.stack([x, y, (x > 0.3 + 0.02 * f) * 0.8], axis=-1) for f in range(4)]
    return np.stack(frames).astype(np.float32)


@pytest.mark.parametrize("tasks", COMBINATIONS)
@pytest.mark.parametrize("parameters", [EVALUATION, TRAINING])
def test_shape_and_range_stay_and_the_seed_decides(clip, tasks, parameters):
    first, again, other = (
        degrade(clip, tasks, np.random.default_rng(seed), parameters).lq for seed in (1, 1, 2)
    )
    assert first.shape == clip.shape and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1
    assert np.array_equal(first, again)
    assert tasks == {"colorize"} or not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("parameters", "next_numbers"),
    [
        (EVALUATION, (0.615131509843, 0.053930702382, 0.654132415103)),
        (TRAINING, (0.431296632908, 0.053930702382, 0.654132415103)),
        (TRAINING_WIDE, (0.469725290992, 0.053930702382, 0.796534114518)),
    ],
)
def test_recipes_in_use_never_draw_other_numbers(parameters, next_numbers):
    dark = np.zeros((2, 96, 96, 3), np.float32)
    for tasks, expected in zip(({"bfr"}, {"inpaint"}, frozenset(TASKS)), next_numbers, strict=True):
        rng = np.random.default_rng(5)
        degrade(dark, frozenset(tasks), rng, parameters)
        assert rng.random() == pytest.approx(expected, abs=1e-11)


def test_every_frame_has_its_hole_whether_the_hole_moves_or_not(clip):
    still, moving = np.eye(96, dtype=np.bool_), np.zeros((4, 96, 96), np.bool_)
    moving[2, 5] = True
    assert Degraded(clip, still, None).hole_of(3) is still
    assert np.array_equal(Degraded(clip, moving, None).hole_of(2), moving[2])
    assert not Degraded(clip, moving, None).hole_of(0).any()
    assert Degraded(clip, None, None).hole_of(0) is None


def test_jpeg_loses_more_at_a_lower_quality_and_cuts_what_it_cannot_hold(clip):
    low, high = (np.abs(through_jpeg(clip[0], quality) - clip[0]).mean() for quality in (10, 95))
    assert low > 2 * high > 0
    assert through_jpeg(clip[0] * 3 - 1, 95).max() <= 1


def test_the_input_is_left_alone(clip):
    before = clip.copy()
    degrade(clip, frozenset(TASKS), np.random.default_rng(1), TRAINING)
    augment(clip, np.random.default_rng(1))
    assert np.array_equal(clip, before)


def test_no_task_means_no_damage(clip):
    degraded = degrade(clip, frozenset(), np.random.default_rng(1), EVALUATION)
    assert np.array_equal(degraded.lq, clip)
    assert degraded.hole is None and degraded.low_resolution is None


def test_bfr_keeps_the_small_frames_it_enlarged(clip):
    degraded = degrade(clip, frozenset({"bfr"}), np.random.default_rng(1), EVALUATION)
    assert degraded.low_resolution is not None
    assert degraded.low_resolution.shape == (4, 24, 24, 3)
    codes = degraded.low_resolution * 255
    assert np.allclose(codes, np.rint(codes), atol=1e-3)
    assert degraded.hole is None


def test_the_evaluation_always_shrinks_by_four_and_training_does_not(clip):
    def heights(parameters):
        return {
            degrade(
                clip[:1], frozenset({"bfr"}), np.random.default_rng(seed), parameters
            ).low_resolution.shape[1]
            for seed in range(40)
        }

    assert heights(EVALUATION) == {24}
    assert len(heights(TRAINING)) > 5
    assert min(heights(TRAINING)) >= 21 and max(heights(TRAINING)) <= 48


def test_colorize_leaves_rec601_luma_in_all_channels(clip):
    lq = degrade(clip, frozenset({"colorize"}), np.random.default_rng(1), EVALUATION).lq
    assert np.array_equal(lq[..., 0], lq[..., 2])
    assert np.allclose(lq[..., 1], clip @ [0.299, 0.587, 0.114], atol=1e-6)


def test_a_hole_hides_the_truth_and_changes_nothing_else(clip):
    degraded = degrade(clip, frozenset({"inpaint"}), np.random.default_rng(1), EVALUATION)
    assert degraded.hole is not None and degraded.hole.dtype == np.bool_
    assert (degraded.lq[:, degraded.hole] == HOLE_CODE).all()
    assert np.array_equal(degraded.lq[:, ~degraded.hole], clip[:, ~degraded.hole])


@pytest.mark.parametrize("parameters", [EVALUATION, TRAINING])
@pytest.mark.parametrize("size", [(96, 96), (48, 64), (256, 200)])
def test_holes_are_never_empty_and_leave_something_known(parameters, size):
    for seed in range(60):
        hole = draw_hole(*size, np.random.default_rng(seed), parameters)
        assert hole.shape == size
        assert 0.002 < hole.mean() < 0.6


def test_evaluation_holes_are_boxes_and_half_of_the_training_holes_are_not():
    def is_box_like(hole):
        rows, columns = np.unique(np.diff(hole.astype(int), axis=0).nonzero()[0]), hole.any(axis=0)
        return len(rows) <= 4 and columns.any()

    evaluation, training = (
        [is_box_like(draw_hole(96, 96, np.random.default_rng(seed), parameters)) for seed in range(80)]
        for parameters in (EVALUATION, TRAINING)
    )
    assert all(evaluation)
    assert 0.3 < np.mean(training) < 0.7


def test_augmentation_is_seeded_and_stays_in_range(clip):
    for seed in range(30):
        first, again = (augment(clip, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.shape == clip.shape and first.dtype == np.float32
        assert first.min() >= 0 and first.max() <= 1
        assert first.flags["C_CONTIGUOUS"]


def test_augmentation_treats_all_frames_of_a_clip_alike():
    still = np.repeat(np.random.default_rng(0).random((1, 96, 96, 3), np.float32), 3, axis=0)
    for seed in range(20):
        augmented = augment(still, np.random.default_rng(seed))
        assert np.array_equal(augmented[0], augmented[2])


def test_an_unknown_task_is_named_with_the_known_ones(clip):
    with pytest.raises(ArgumentOutOfRange, match=r"\['deblur'\].*bfr, colorize, inpaint"):
        degrade(clip, frozenset({"deblur"}), np.random.default_rng(1), EVALUATION)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 96, 96), np.float32),
        np.zeros((4, 96, 96, 4), np.float32),
        np.zeros((0, 96, 96, 3), np.float32),
        np.zeros((4, 96, 96, 3), np.uint8),
        np.full((1, 96, 96, 3), 255, np.float32),
        np.full((1, 96, 96, 3), -0.1, np.float32),
        np.full((1, 96, 96, 3), np.nan, np.float32),
    ],
)
def test_clips_of_another_shape_type_or_range_are_refused(wrong):
    with pytest.raises(ArgumentOutOfRange):
        degrade(wrong, frozenset({"bfr"}), np.random.default_rng(1), EVALUATION)
