import numpy as np
import PyOpenColorIO as Ocio
import pytest

from svfr_ocio.curve import BREAK_LINEAR, decode_srgb, encode_srgb
from svfr_ocio.processors import LosslessProcessor


@pytest.fixture(scope="module")
def ocio_encode() -> LosslessProcessor:
    transform = Ocio.ExponentWithLinearTransform(
        gamma=[2.4, 2.4, 2.4, 1.0],
        offset=[0.055, 0.055, 0.055, 0.0],
        negativeStyle=Ocio.NEGATIVE_MIRROR,
        direction=Ocio.TRANSFORM_DIR_INVERSE,
    )
    return LosslessProcessor(Ocio.Config.CreateRaw().getProcessor(transform), "sRGB")


def ramp() -> np.ndarray:
    return np.linspace(-1.5, 1.5, 30000, dtype=np.float32).reshape(100, 100, 3)


def test_the_closed_form_is_opencolorios_curve_to_5e_6_of_a_code(ocio_encode):
    assert np.abs(encode_srgb(ramp()) - ocio_encode.convert(ramp())).max() <= 5e-6


def test_black_and_white_stay_and_the_curve_is_odd():
    ends = encode_srgb(np.array([[[0.0, 1.0, -1.0]]], np.float32))
    assert np.allclose(ends, [[[0.0, 1.0, -1.0]]], atol=1e-6)
    assert np.array_equal(encode_srgb(-ramp()), -encode_srgb(ramp()))


def test_decoding_undoes_encoding():
    linear = ramp()
    assert np.abs(decode_srgb(encode_srgb(linear)) - linear).max() <= 1e-6


def test_the_curve_has_no_step_where_its_two_parts_meet():
    around = np.float32(BREAK_LINEAR) * np.array([[[1 - 1e-4, 1.0, 1 + 1e-4]]], np.float32)
    low, middle, high = encode_srgb(around)[0, 0].astype(np.float64)
    assert high - middle == pytest.approx(middle - low, rel=1e-2)


def test_the_codes_are_within_half_an_8_bit_code_of_the_rounded_standard():
    linear = np.linspace(0.0, 1.0, 30000).reshape(100, 100, 3)
    standard = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(encode_srgb(linear.astype(np.float32)) - standard).max() < 1e-5
