"""Cuts: found where there is one, not found in motion, light changes, flashes and fades."""

import cv2
import numpy as np
import pytest

from svfr_restore.media.shots import Shot, find_cuts


def scene(seed, width=900, height=90):
    """Return a wide picture of coloured blobs on a tinted ground, unlike that of another seed."""
    rng = np.random.default_rng(seed)
    ground = np.ones((height, width, 3)) * rng.uniform(20, 230, 3)
    for _ in range(60):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.circle(ground, centre, int(rng.integers(4, 30)), rng.uniform(0, 255, 3).tolist(), -1)
    return np.clip(cv2.GaussianBlur(ground, (0, 0), 1.5), 0, 255).astype(np.uint8)


def pan(seed, count, step, start=0):
    wide = scene(seed)
    noise = np.random.default_rng(seed + 100)
    views = [wide[:, start + i * step : start + i * step + 160].astype(float) for i in range(count)]
    return [np.clip(view + noise.normal(0, 3, view.shape), 0, 255).astype(np.uint8) for view in views]


def lit(image, gain):
    return np.clip(image.astype(float) * gain, 0, 255).astype(np.uint8)


def test_shots_are_the_stretches_between_cuts_in_absolute_frames():
    images = pan(1, 20, 3) + pan(2, 15, 2) + pan(3, 25, 1)
    assert find_cuts(iter(images), 1001) == [Shot(1001, 1020), Shot(1021, 1035), Shot(1036, 1060)]


@pytest.mark.parametrize("seeds", [(1, 2), (4, 5), (6, 7), (8, 9), (10, 11)])
def test_a_cut_between_moving_shots_is_found(seeds):
    images = pan(seeds[0], 12, 6) + pan(seeds[1], 12, 6)
    assert find_cuts(images) == [Shot(0, 11), Shot(12, 23)]


def test_a_cut_in_grey_footage_is_found():
    images = [
        np.repeat(i.mean(axis=2, keepdims=True).astype(np.uint8), 3, 2) for i in pan(1, 9, 2) + pan(5, 9, 2)
    ]
    assert find_cuts(images) == [Shot(0, 8), Shot(9, 17)]


@pytest.mark.parametrize("step", [0, 5, 20, 45])
def test_a_pan_is_one_shot_however_fast(step):
    count = min(30, 700 // max(step, 1))
    assert find_cuts(pan(3, count, step)) == [Shot(0, count - 1)]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("gain", [3.5, 0.1])
def test_a_flash_or_a_black_frame_is_no_cut(length, gain):
    images = pan(4, 30, 2)
    images[12 : 12 + length] = [lit(image, gain) for image in images[12 : 12 + length]]
    assert find_cuts(images) == [Shot(0, 29)]


def test_a_flash_just_before_a_cut_does_not_hide_it():
    images = pan(4, 15, 2) + pan(5, 15, 2)
    images[9] = lit(images[9], 3.5)
    assert find_cuts(images) == [Shot(0, 14), Shot(15, 29)]


def test_a_light_that_is_turned_up_over_some_frames_is_no_cut():
    images = [lit(image, 0.3 + 0.7 * min(1.0, i / 8)) for i, image in enumerate(pan(6, 30, 2))]
    assert find_cuts(images) == [Shot(0, 29)]


def test_something_large_that_passes_the_camera_is_no_cut():
    images = pan(7, 30, 1)
    for i in range(8, 20):
        left = int((i - 8) / 12 * 260) - 100
        images[i][:, max(left, 0) : max(left + 70, 0)] = (40, 30, 25)
    assert find_cuts(images) == [Shot(0, 29)]


def test_a_shot_of_a_few_frames_between_two_others_is_a_shot():
    images = pan(1, 12, 2) + pan(2, 5, 2) + pan(3, 12, 2)
    assert find_cuts(images) == [Shot(0, 11), Shot(12, 16), Shot(17, 28)]


def test_one_and_two_frames_are_shots_too_and_none_is_no_shot():
    assert find_cuts([]) == []
    assert find_cuts(pan(1, 1, 0), 7) == [Shot(7, 7)]
    assert find_cuts(pan(1, 1, 0) + pan(2, 1, 0)) == [Shot(0, 0), Shot(1, 1)]
    assert find_cuts(pan(1, 2, 2)) == [Shot(0, 1)]


def test_black_frames_throughout_are_one_shot():
    assert find_cuts([np.zeros((20, 30, 3), np.uint8)] * 5) == [Shot(0, 4)]


def test_the_size_of_the_pictures_hardly_matters():
    images = pan(8, 10, 4) + pan(9, 10, 4)
    large = [cv2.resize(image, None, fx=3, fy=3) for image in images]
    assert find_cuts(images) == find_cuts(large)


def test_a_shots_frames_include_both_ends():
    assert list(Shot(3, 5).frames) == [3, 4, 5]
