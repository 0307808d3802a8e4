"""Pictures turned upright: EXIF orientation of stills, display rotation of movies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return pixels (h, w, ...) as EXIF (TIFF 6.0, tag 274) orders them to be shown; 1 and unknown: as is."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def swaps_sides(orientation: int) -> bool:
    """Return whether an EXIF orientation makes the width the height."""
    return orientation in (5, 6, 7, 8)


def orientation_of_rotation(counterclockwise_degrees: int) -> int:
    """Return the EXIF orientation of a movie's display rotation, to the nearest quarter turn."""
    return (1, 8, 3, 6)[round(counterclockwise_degrees / 90) % 4]
