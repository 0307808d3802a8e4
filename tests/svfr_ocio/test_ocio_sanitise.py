"""Pixels that are safe to compute with: what is in order is not copied, everything else is put in order."""

import numpy as np
import pytest

from svfr_ocio.sanitise import HALF_MAX, sanitise


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(3).normal(0.0, 1000.0, (300, 200, 3)).astype(np.float32)


def test_pixels_in_order_come_back_as_they_are(pixels):
    pixels[0, 0] = [-0.0, HALF_MAX, -HALF_MAX]
    before = pixels.copy()
    assert sanitise(pixels) is pixels
    np.testing.assert_array_equal(pixels.view(np.uint32), before.view(np.uint32))


@pytest.mark.parametrize("place", [(0, 0, 0), (299, 199, 2), (150, 7, 1)])
@pytest.mark.parametrize(
    ("bad", "good"),
    [(np.nan, 0.0), (np.inf, HALF_MAX), (-np.inf, -HALF_MAX), (65505.0, HALF_MAX), (-1e30, -HALF_MAX)],
)
def test_one_bad_value_anywhere_is_put_in_order_in_a_copy(pixels, place, bad, good):
    pixels[place] = bad
    before, expected = pixels.copy(), pixels.copy()
    expected[place] = good
    clean = sanitise(pixels)
    np.testing.assert_array_equal(clean, expected)
    np.testing.assert_array_equal(pixels, before)


def test_pixels_of_another_layout_come_back_contiguous(pixels):
    turned = pixels.transpose(1, 0, 2)
    clean = sanitise(turned)
    assert clean.flags.c_contiguous
    np.testing.assert_array_equal(clean, turned)


def test_no_pixels_at_all_are_in_order():
    assert sanitise(np.zeros((0, 4, 3), np.float32)).shape == (0, 4, 3)
