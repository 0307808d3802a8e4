"""Pictures turned upright: EXIF orientation of stills, display matrix of movies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svfr_restore.media.window import Window

# Signs of a, b, c and d of a display matrix -> EXIF orientation
_OF_MATRIX: Mapping[tuple[int, ...], int] = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
_ROUNDING = 0.01  # of the largest entry: half a degree


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return pixels (h, w, ...) as EXIF (TIFF 6.0, tag 274) orders them to be shown; 1 and unknown: as is."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def upright_window(part: Window, whole: tuple[int, int], orientation: int) -> Window:
    """Return where a part of a picture of ``whole`` (width, height) lies once the picture is upright."""
    x, y, width, height = part.x, part.y, part.width, part.height
    across, down = whole
    if swaps_sides(orientation):
        x, y, width, height, across, down = y, x, height, width, down, across
    if orientation in (3, 4, 7, 8):
        y = down - y - height
    if orientation in (2, 3, 6, 7):
        x = across - x - width
    return Window(x, y, width, height)


def swaps_sides(orientation: int) -> bool:
    """Return whether an EXIF orientation makes the width the height."""
    return orientation in (5, 6, 7, 8)


def orientation_of_matrix(matrix: Sequence[float]) -> int | None:
    """Return the EXIF orientation of a movie's display matrix, None for one that turns by no quarter.

    ``matrix``: a, b, u, c, d, v, x, y, w (ISO 14496-12, 6.2.2): the point (p, q) of a picture is shown at
    (ap + cq + x, bp + dq + y). Its scales are no matter of orientation.
    """
    a, b, u, c, d, v, _, _, _ = matrix
    least = _ROUNDING * max(abs(a), abs(b), abs(c), abs(d))
    signs = tuple(0 if abs(value) <= least else 1 if value > 0 else -1 for value in (a, b, c, d))
    return None if u or v else _OF_MATRIX.get(signs)
