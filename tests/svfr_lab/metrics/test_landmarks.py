import numpy as np
import pytest

from svfr_lab.metrics.landmarks import MISSED_ERROR, drift, jitter, landmark_error, offsets

RIGHT, DOWN = np.array([1.0, 0.0]), np.array([0.0, 1.0])
FACE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


def test_equal_points_have_no_drift():
    assert drift(offsets(FACE, FACE)) == 0.0


def test_drift_is_in_distances_between_the_truth_s_eyes():
    assert drift(offsets(FACE + 12.0 * RIGHT - 16.0 * DOWN, FACE)) == pytest.approx(20.0 / 40.0)


def test_drift_is_the_mean_over_the_five_points():
    moved = FACE.copy()
    moved[2] += 10.0 * DOWN
    assert drift(offsets(moved, FACE)) == pytest.approx(10.0 / 40.0 / 5)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_drift_does_not_depend_on_the_size_of_the_picture(scale):
    assert drift(offsets(scale * (FACE + 3.0), scale * FACE)) == pytest.approx(
        drift(offsets(FACE + 3.0, FACE))
    )


def test_a_face_that_is_steadily_off_does_not_jitter():
    later = FACE + 40.0 * RIGHT + 9.0 * DOWN
    here, there = offsets(FACE + 4.0 * RIGHT, FACE), offsets(later + 4.0 * RIGHT, later)
    assert jitter(here, there) == pytest.approx(0.0, abs=1e-12)


def test_a_face_that_swings_jitters_by_the_whole_swing():
    left, right = offsets(FACE - 4.0 * RIGHT, FACE), offsets(FACE + 4.0 * RIGHT, FACE)
    assert jitter(left, right) == pytest.approx(8.0 / 40.0)


def test_a_face_that_is_missed_or_far_off_counts_the_most_and_no_more():
    assert landmark_error(None, FACE) == MISSED_ERROR
    assert landmark_error(FACE + 400.0 * RIGHT, FACE) == MISSED_ERROR
    assert landmark_error(FACE + 4.0 * RIGHT, FACE) == pytest.approx(0.1)


def test_eyes_one_behind_the_other_count_as_missed():
    profile = FACE.copy()
    profile[1] = profile[0]
    assert landmark_error(profile, profile) == MISSED_ERROR
