"""Code values as 8-bit integers: what detectors, landmark nets and OpenCV's inpainting take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def eight_bit(codes: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return code values of any shape, clipped to 0..1, as 0..255, rounded half to even; NaN is 0."""
    return np.rint(np.clip(np.nan_to_num(codes, nan=0.0), 0.0, 1.0) * 255.0).astype(np.uint8)
