"""Code values as whole numbers of eight bits."""

import numpy as np
import pytest

from svfr.eight_bit import eight_bit


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_large_picture_is_rounded_as_its_pixels_are(kind):
    codes = np.random.default_rng(4).uniform(-0.2, 1.2, (150, 160, 3)).astype(kind)
    expected = np.rint(np.clip(codes, 0, 1) * 255.0).astype(np.uint8)
    assert np.array_equal(eight_bit(codes), expected)
    assert np.array_equal(eight_bit(codes[::2, ::-1]), expected[::2, ::-1])


def test_halves_go_to_the_even_number_and_what_is_no_code_to_an_end():
    codes = np.array([0.5 / 255, 1.5 / 255, 1.0, np.nan, np.inf, -np.inf, -0.0])
    assert eight_bit(codes).tolist() == [0, 2, 255, 0, 255, 0, 0]
    assert eight_bit(np.zeros((0, 3), np.float32)).shape == (0, 3)
