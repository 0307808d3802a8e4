"""Cutting a crop out of a plate and lifting a crop's delta back onto plate pixels.

Both directions use one resampler: separable Keys cubic (a = -1/2, IEEE ASSP 29(6), 1981), whose kernel is
stretched to the area of a destination pixel when shrinking, and whose result stays within the range of the
pixels it reads: a plate holds highlights a hundred times its greys. Weights are computed per row and column
in float64 from the exact positions (OpenCV's remap and warpAffine round positions to 1/32 px, which is more
than the two directions may disagree by); pixels are float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32, Float64
from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.transform import CropTransform
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.media.window import Window

# Each round leaves less than a tenth of the misplacement.
_AIMING_ROUNDS = 4
# What is summed at once stays in the processor's cache: 5 arrays of 128 KiB.
_BLOCK_VALUES = 32 * 1024


def warp_to_crop(rgb: Float32, data_window: Window, transform: CropTransform, crop_px: int) -> Float32:
    """Return the crop (crop_px, crop_px, C) or (crop_px, crop_px) of an array laid over ``data_window``.

    Pixels outside the window are those of its nearest edge. When the transform is a copy the result holds
    the very bits of the plate. One NaN would spread over the kernel: what is read is made finite before, as
    :func:`svfr_ocio.sanitise.sanitise` does, so that nobody needs to do so for the whole plate.
    """
    _check_covers(rgb, data_window)
    left, top = transform.left - data_window.x, transform.top - data_window.y
    if transform.is_copy:
        rows = np.clip(np.arange(crop_px) + int(top), 0, data_window.height - 1)
        columns = np.clip(np.arange(crop_px) + int(left), 0, data_window.width - 1)
        return sanitise(np.ascontiguousarray(rgb[rows[:, None], columns[None, :]]))
    centres = np.arange(crop_px) + 0.5
    down = Taps.build(top + centres * transform.scale_y, transform.scale_y, data_window.height)
    across = Taps.build(left + centres * transform.scale_x, transform.scale_x, data_window.width)
    return _resample(sanitise(_read_by(rgb, down, across)), down, across)


def warp_to_plate(delta: Float32, transform: CropTransform, window: Window) -> Float32:
    """Return a crop-sized array (S, S, C) or (S, S) on the plate pixels of ``window``: (h, w, C) or (h, w).

    Plate pixels whose centre lies outside the crop are exactly 0; a delta of 0 stays exactly 0; when the
    transform is a copy, values keep their bits. Beyond the crop's outermost pixel centres the delta holds
    its edge value, so nothing fades here: the matte does that.
    """
    crop_px = delta.shape[0]
    if delta.ndim not in (2, 3) or delta.shape[1] != crop_px or delta.dtype != np.float32:
        raise PictureArrayDoesNotFit(
            f"A crop's delta has shape {delta.shape} and type {delta.dtype}.",
            remedy="Pass a square float32 array.",
        )
    warped = np.zeros((*window.shape, *delta.shape[2:]), np.float32)
    x0, x1 = _covered(transform.left, transform.scale_x, crop_px, window.x, window.right)
    y0, y1 = _covered(transform.top, transform.scale_y, crop_px, window.y, window.bottom)
    if x0 >= x1 or y0 >= y1:
        return warped
    inside = Window.from_corners(x0, y0, x1, y1)
    if transform.is_copy:
        square = Window(int(transform.left), int(transform.top), crop_px, crop_px)
        warped[inside.slices_in(window)] = delta[inside.slices_in(square)]
        return warped
    across = Taps.build(
        (np.arange(x0, x1) + 0.5 - transform.left) / transform.scale_x, 1 / transform.scale_x, crop_px
    )
    down = Taps.build(
        (np.arange(y0, y1) + 0.5 - transform.top) / transform.scale_y, 1 / transform.scale_y, crop_px
    )
    warped[inside.slices_in(window)] = _resample(_read_by(delta, down, across), down, across)
    return warped


@dataclass(frozen=True)
class Taps:
    """One axis of a resampling: for every output, the sources it reads and their weights (which sum to 1).

    ``first`` to ``stop`` are the sources that any output reads, so that the other axis need not be
    resampled outside them; ``index`` (outputs, taps) counts from ``first``.
    """

    first: int
    stop: int
    index: NDArray[np.intp]
    weight: Float32

    @classmethod
    def build(cls, positions: NDArray[np.floating], scale: float, size: int) -> Taps:
        """Return the taps that read ``size`` pixels at ``positions`` (source pixels, centres at +0.5).

        ``scale`` is source pixels per output pixel; above 1 the kernel is that much wider.
        """
        width = max(1.0, scale)
        count = 2 * math.ceil(2 * width) + 1
        start = np.floor(positions - 2 * width).astype(np.intp)
        sources = start[:, None] + np.arange(count)
        weight = _centred_weights(sources + 0.5, positions, width)
        used = np.flatnonzero(np.any(weight != 0.0, axis=0))
        sources, weight = sources[:, used], weight[:, used]
        clamped = np.clip(sources, 0, size - 1)
        first, stop = int(clamped.min()), int(clamped.max()) + 1
        return cls(first, stop, clamped - first, weight.astype(np.float32))


def _centred_weights(sources: Float64, positions: NDArray[np.floating], width: float) -> Float64:
    """Return weights (outputs, taps) that sum to 1 and whose centre of gravity is the position.

    Keys' kernel has both properties at width 1. Stretched over a grid it keeps them only nearly: gradients
    would land up to 0.02 px aside. Aiming the kernel by that much the other way makes them land exactly.
    """
    aim = np.array(positions, np.float64)
    for _ in range(1 if width == 1.0 else _AIMING_ROUNDS):
        weight = _keys_cubic((sources - aim[:, None]) / width)
        weight /= weight.sum(axis=1, keepdims=True)
        aim += positions - (weight * sources).sum(axis=1)
    return weight


def _keys_cubic(x: Float64) -> Float64:
    """Return Keys' cubic convolution kernel with a = -1/2: 1 at 0, 0 at 1 and from 2 on."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _read_by(pixels: Float32, down: Taps, across: Taps) -> Float32:
    """Return the part of an array that any output reads, contiguous."""
    return np.ascontiguousarray(pixels[down.first : down.stop, across.first : across.stop])


def _resample(region: Float32, down: Taps, across: Taps) -> Float32:
    """Apply the taps of both axes, rows first, to the part of an array that they read."""
    flat = region.reshape(region.shape[0], -1)
    rows = _sum_taps(flat, down)
    channels = region.shape[2:]
    by_column = _transposed(rows.reshape(len(rows), region.shape[1], -1))
    columns = _sum_taps(by_column.reshape(region.shape[1], -1), across)
    turned = _transposed(columns.reshape(len(across.index), len(rows), -1))
    return turned.reshape(len(rows), len(across.index), *channels)


def _transposed(pixels: Float32) -> Float32:
    """Return (h, w, C) with rows and columns exchanged, as numpy copies it, in a third of its time."""
    return np.asarray(cv2.transpose(pixels), np.float32)


def _sum_taps(lines: Float32, taps: Taps) -> Float32:
    """Return the weighted sums of whole lines, (sources, n) -> (outputs, n), limited to what they read.

    Cubic weights reach below 0. Beside a highlight of 20 a mid-grey would come out at -1, the model would
    repair that dark ring, and the repair would be pasted as a bright one: so no output leaves the range of
    the pixels that it is made of.
    """
    result = np.zeros((len(taps.index), lines.shape[1]), np.float32)
    block = max(1, _BLOCK_VALUES // max(1, lines.shape[1]))
    for start in range(0, len(result), block):
        part = slice(start, start + block)
        _sum_block(lines, taps.index[part], taps.weight[part], result[part])
    return result


def _sum_block(lines: Float32, index: NDArray[np.intp], weight: Float32, result: Float32) -> None:
    """Add the weighted lines to ``result`` (outputs, n), which holds zeros, and limit it."""
    read, scaled = np.empty_like(result), np.empty_like(result)
    low, high = np.full_like(result, np.inf), np.full_like(result, -np.inf)
    for tap in range(index.shape[1]):
        np.take(lines, index[:, tap], axis=0, out=read, mode="clip")  # "raise" would buffer
        np.minimum(low, read, out=low)
        np.maximum(high, read, out=high)
        np.multiply(read, weight[:, tap, None], out=scaled)
        result += scaled
    np.clip(result, low, high, out=result)
    result += np.float32(0.0)  # -0.0 of a limit becomes +0.0


def _covered(origin: float, scale: float, crop_px: int, first: int, stop: int) -> tuple[int, int]:
    """Return the [first, stop) of a window's pixels whose centres lie in the crop's [0, crop_px)."""
    start = math.ceil(origin - 0.5)
    end = math.ceil(origin + crop_px * scale - 0.5)
    return max(first, start), min(stop, end)


def _check_covers(rgb: Float32, window: Window) -> None:
    if rgb.shape[:2] != window.shape or rgb.ndim not in (2, 3) or rgb.dtype != np.float32 or window.is_empty:
        raise PictureArrayDoesNotFit(
            f"An array of shape {rgb.shape} and type {rgb.dtype} is said to cover "
            f"{window.width} x {window.height} pixels.",
            remedy="Pass float32 pixels of the whole data window.",
        )
