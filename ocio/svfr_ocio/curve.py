"""The transfer curve of the model domain: sRGB, mirrored for negative values, in closed form.

The constants are OpenColorIO's for gamma 2.4 and offset 0.055: the straight part meets the power part with
equal slope (at 0.0030399 instead of IEC 61966-2-1's rounded 0.0031308), so the curve and its inverse have no
step anywhere. ``tests`` compare it with OpenColorIO's own.
"""

from __future__ import annotations

import numpy as np

from svfr_ocio.arrays import Float32

GAMMA = 2.4
OFFSET = 0.055
BREAK_CODE = OFFSET / (GAMMA - 1.0)
SLOPE = (GAMMA - 1.0) / OFFSET * (OFFSET * GAMMA / ((GAMMA - 1.0) * (1.0 + OFFSET))) ** GAMMA
BREAK_LINEAR = BREAK_CODE * SLOPE


def encode_srgb(linear: Float32) -> Float32:
    """Return code values of linear light, both unbounded float32; 0 -> 0, 1 -> 1, odd symmetry."""
    magnitude = np.abs(linear)
    codes = np.power(magnitude, np.float32(1.0 / GAMMA))
    codes *= np.float32(1.0 + OFFSET)
    codes -= np.float32(OFFSET)
    straight = magnitude <= np.float32(BREAK_LINEAR)
    np.multiply(magnitude, np.float32(1.0 / SLOPE), out=codes, where=straight)
    return np.copysign(codes, linear, out=codes)


def decode_srgb(codes: Float32) -> Float32:
    """Return linear light of code values; the inverse of :func:`encode_srgb`."""
    magnitude = np.abs(codes)
    linear = magnitude + np.float32(OFFSET)
    linear *= np.float32(1.0 / (1.0 + OFFSET))
    np.power(linear, np.float32(GAMMA), out=linear)
    straight = magnitude <= np.float32(BREAK_CODE)
    np.multiply(magnitude, np.float32(SLOPE), out=linear, where=straight)
    return np.copysign(linear, codes, out=linear)
