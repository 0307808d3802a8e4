"""Luma weights. Rec.601 is what colorization is given, and how monochrome film sees display-coded RGB.

Rec.709 is for linear light with its primaries, and for a figure of how much a picture changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LUMA_601 = np.array([0.299, 0.587, 0.114], np.float32)
LUMA_709 = np.array([0.2126, 0.7152, 0.0722])


def luma_601(codes: NDArray[Any]) -> NDArray[Any]:
    """Return the luma (..., 1) of code values (..., 3), in their own precision.

    Written out, since a matrix product rounds as the processor's kernel likes: on some it fuses multiply and
    add, and then 13 of the 73,728 grey codes of a clip came out one off.
    """
    red, green, blue = codes[..., 0], codes[..., 1], codes[..., 2]
    return np.asarray(((red * LUMA_601[0] + green * LUMA_601[1]) + blue * LUMA_601[2])[..., None])
