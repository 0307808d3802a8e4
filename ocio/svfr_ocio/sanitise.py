"""Make pixels safe to compute with: no NaN, no infinity, nothing beyond the range of half floats.

This is for the copy the model and the transfer see; the plate's own bits are kept elsewhere. One NaN in one
channel would otherwise reach all channels through the first matrix.
"""

from __future__ import annotations

import numpy as np

from svfr_ocio.arrays import Float32

HALF_MAX = 65504.0
"""The largest finite half float, the bound of every pixel this project writes."""


def sanitise(rgb: Float32) -> Float32:
    """Return a contiguous copy with NaN as 0 and everything else held to [-65504, 65504]."""
    clean = np.clip(rgb, np.float32(-HALF_MAX), np.float32(HALF_MAX), order="C")
    unknown = np.isnan(clean)
    if unknown.any():
        clean[unknown] = 0.0
    return clean
