"""The matte that a crop is pasted through: the crop's feathered square, times what the artist sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32, Float64
from svfr_restore.crops.transform import CropTransform
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.faces.box import FaceBox
from svfr_restore.mattes.feather import smoothstep
from svfr_restore.media.window import Window

# Values below this are set to 0, so that pixels outside are not touched at all.
TAIL = 1.0 / 1024.0


def crop_matte(
    transform: CropTransform, crop_px: int, window: Window, feather: float, plate_display: Window
) -> Float32:
    """Return the matte of a crop's square over a window of plate pixels, (h, w), 0..1.

    It rises by smoothstep from 0 on the square's sides to 1 at ``feather`` (0..0.5, part of the side)
    within. A side on or beyond the plate's edge does not fade: no seam can show there. The feather of a
    side that is nearer to the plate's edge than its feather is wide shrinks to that distance, so that
    nothing pops when a moving crop reaches the edge.
    """
    columns, plate_columns = (window.x, window.right), (plate_display.x, plate_display.right)
    rows, plate_rows = (window.y, window.bottom), (plate_display.y, plate_display.bottom)
    width, height = crop_px * transform.scale_x, crop_px * transform.scale_y
    across = _side_profile(columns, transform.left, width, feather=feather, plate=plate_columns)
    down = _side_profile(rows, transform.top, height, feather=feather, plate=plate_rows)
    return _without_tail(np.outer(down, across).astype(np.float32))


def combine(square: Float32, roto: Float32 | None) -> Float32:
    """Return the crop's matte times the artist's soft mask over the same window (None: no mask)."""
    if roto is None:
        return square
    if roto.shape != square.shape:
        raise PictureArrayDoesNotFit(
            f"A mask of shape {roto.shape} meets a crop matte of shape {square.shape}.",
            remedy="Rasterise or read the mask over the crop's window.",
        )
    return _without_tail(square * roto)


def marks_any(roto: Float32) -> bool:
    """Return whether a mask can change a pixel: what is fainter than a crop's own matte may be never does."""
    return bool((roto >= TAIL).any())


def matte_box(matte: Float32, window: Window) -> FaceBox | None:
    """Return the bounds of a matte's pixels of one half and more, in EXR pixels; None for an empty one."""
    inside = matte >= 0.5
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if len(columns) == 0:
        return None
    left, top = window.x + int(columns[0]), window.y + int(rows[0])
    right, bottom = window.x + int(columns[-1]) + 1, window.y + int(rows[-1]) + 1
    return FaceBox.of_window(Window.from_corners(left, top, right, bottom))


def _side_profile(
    pixels: tuple[int, int], start: float, length: float, *, feather: float, plate: tuple[int, int]
) -> Float64:
    """Return 0..1 along one axis: the centres of ``pixels`` (first, end) against a square's two sides.

    ``plate`` is the plate's first pixel and its end; all in plate pixels.
    """
    centres, stop = np.arange(*pixels) + 0.5, start + length
    inside = (centres >= start) & (centres < stop)
    rise = _ramp(centres - start, min(feather * length, start - plate[0]))
    fall = _ramp(stop - centres, min(feather * length, plate[1] - stop))
    return np.where(inside, rise * fall, 0.0)


def _ramp(depth: NDArray[np.floating], width: float) -> Float64:
    return smoothstep(depth / width).astype(np.float64) if width > 0 else np.ones_like(depth)


def _without_tail(matte: Float32) -> Float32:
    return np.where(matte < TAIL, np.float32(0.0), matte)
