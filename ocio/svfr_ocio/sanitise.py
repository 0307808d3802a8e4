"""Make pixels safe to compute with: no NaN, no infinity, nothing beyond the range of half floats.

This is for the copy the model and the transfer see; the plate's own bits are kept elsewhere. One NaN in one
channel would otherwise reach all channels through the first matrix.
"""

from __future__ import annotations

import numpy as np

from svfr_ocio.arrays import Float32

HALF_MAX = 65504.0
"""The largest finite half float, the bound of every pixel this project writes."""

# What is looked at twice in a row stays in the processor's cache.
_BLOCK_VALUES = 64 * 1024


def sanitise(rgb: Float32) -> Float32:
    """Return contiguous pixels with NaN as 0 and everything else held to [-65504, 65504].

    Pixels that are so already come back as they are, not as a copy: nobody writes into the result.
    """
    if rgb.flags.c_contiguous and rgb.dtype == np.float32 and _is_clean(rgb.reshape(-1)):
        return rgb
    clean = np.clip(rgb, np.float32(-HALF_MAX), np.float32(HALF_MAX), order="C")
    unknown = np.isnan(clean)
    if unknown.any():
        clean[unknown] = 0.0
    return clean


def _is_clean(values: Float32) -> bool:
    """Return whether all of (n,) values are within the range; NaN compares as false."""
    blocks = (values[at : at + _BLOCK_VALUES] for at in range(0, values.size, _BLOCK_VALUES))
    return all(block.min() >= -HALF_MAX and block.max() <= HALF_MAX for block in blocks)
