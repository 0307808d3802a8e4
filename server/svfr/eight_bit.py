"""Code values as 8-bit integers: what detectors, landmark nets and OpenCV's inpainting take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# What is looked at five times in a row stays in the processor's cache.
_BLOCK_VALUES = 32 * 1024


def eight_bit(codes: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return code values of any shape, clipped to 0..1, as 0..255, rounded half to even; NaN is 0."""
    flat = np.ascontiguousarray(codes).reshape(-1)
    bits = np.empty(flat.size, np.uint8)
    for at in range(0, flat.size, _BLOCK_VALUES):
        block = flat[at : at + _BLOCK_VALUES]
        # the larger of a number and NaN is the number here
        held = np.fmax(block, 0.0, dtype=block.dtype)
        np.minimum(held, 1.0, out=held)
        held *= 255.0
        np.rint(held, out=held)
        bits[at : at + _BLOCK_VALUES] = held
    return bits.reshape(np.shape(codes))
