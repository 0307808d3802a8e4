"""How much of every pixel polygons cover: exact areas, not samples.

Every edge adds its signed area to the pixels it crosses and its height to all pixels right of it, so a
running sum along the row gives each pixel's mean winding number (the signed-area accumulation of font
rasterisers). The fill rules fold that number; the result is exact wherever edges of different outlines do
not cross inside one pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float64
from svfr_restore.mattes.outline import Outline
from svfr_restore.media.window import Window

# Running sums leave about 1e-13 where the exact answer is a whole number.
_ROUNDING = 1e-9


def union_coverage(outlines: Sequence[Outline], window: Window) -> Float64:
    """Return the (h, w) part 0..1 of each pixel that lies inside any closed outline."""
    return np.minimum(np.abs(mean_winding(outlines, window)), 1.0)


def even_odd_coverage(outlines: Sequence[Outline], window: Window) -> Float64:
    """Return the (h, w) part 0..1 of each pixel that lies inside an odd number of closed outlines."""
    winding = mean_winding(outlines, window)
    return np.abs(winding - 2.0 * np.round(winding / 2.0))


def mean_winding(outlines: Sequence[Outline], window: Window) -> Float64:
    """Return each pixel's mean winding number, (h, w); all outlines count as running the same way."""
    winding = np.zeros(window.shape)
    bounds = Window(0, 0, 0, 0)
    for outline in outlines:
        bounds = bounds.union(outline.bounds)
    region = bounds.intersect(window)
    if not region.is_empty:
        winding[region.slices_in(window)] = _winding_within(outlines, region)
    return winding


def _winding_within(outlines: Sequence[Outline], window: Window) -> Float64:
    height, width = window.shape
    start, stop = _edges(outlines, window)
    row, sign, x_low, x_high, tall = _split_by_rows(start, stop, height)
    index, amount = _split_by_columns(row, sign, x_low=x_low, x_high=x_high, tall=tall, width=width)
    summed = np.bincount(index, amount, height * (width + 1)).reshape(height, width + 1)
    winding = np.cumsum(summed, axis=1)[:, :width]
    nearest = np.round(winding)
    return np.where(np.abs(winding - nearest) < _ROUNDING, nearest, winding)


def _edges(outlines: Sequence[Outline], window: Window) -> tuple[Float64, Float64]:
    """Return both ends (n, 2) of all edges that are not level, relative to the window, cut to its rows."""
    closed = [outline.same_direction().points for outline in outlines if outline.closed]
    empty = np.zeros((0, 2))
    origin = np.array([window.x, window.y], np.float64)
    start = np.concatenate([empty, *(points[:-1] for points in closed)]) - origin
    stop = np.concatenate([empty, *(points[1:] for points in closed)]) - origin
    start_y, stop_y = np.clip(start[:, 1], 0, window.height), np.clip(stop[:, 1], 0, window.height)
    used = start_y != stop_y
    start, stop, start_y, stop_y = start[used], stop[used], start_y[used], stop_y[used]
    slope = (stop[:, 0] - start[:, 0]) / (stop[:, 1] - start[:, 1])
    start_x = start[:, 0] + (start_y - start[:, 1]) * slope
    stop_x = start[:, 0] + (stop_y - start[:, 1]) * slope
    return np.stack([start_x, start_y], axis=1), np.stack([stop_x, stop_y], axis=1)


def _split_by_rows(
    start: Float64, stop: Float64, height: int
) -> tuple[NDArray[np.intp], Float64, Float64, Float64, Float64]:
    """Cut edges at pixel rows; return each piece's row, sign, lower x, higher x and height."""
    sign = np.sign(stop[:, 1] - start[:, 1])
    upper = np.where((sign > 0)[:, None], start, stop)
    lower = np.where((sign > 0)[:, None], stop, start)
    first = np.floor(upper[:, 1]).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 1]).astype(np.intp) - 1, first, height - 1)
    edge, row = _runs(first, last)
    y_top = np.maximum(upper[edge, 1], row)
    y_bottom = np.minimum(lower[edge, 1], row + 1)
    slope = ((lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1]))[edge]
    x_top = upper[edge, 0] + (y_top - upper[edge, 1]) * slope
    x_bottom = upper[edge, 0] + (y_bottom - upper[edge, 1]) * slope
    return row, sign[edge], np.minimum(x_top, x_bottom), np.maximum(x_top, x_bottom), y_bottom - y_top


def _split_by_columns(
    row: NDArray[np.intp], sign: Float64, *, x_low: Float64, x_high: Float64, tall: Float64, width: int
) -> tuple[NDArray[np.intp], Float64]:
    """Cut pieces at pixel columns; return flat indices into (height, width + 1) and what to add there.

    Column -1 stands for everything left of the window, column ``width`` for everything right of it.
    """
    first = np.clip(np.floor(x_low), -1, width).astype(np.intp)
    last = np.clip(np.ceil(x_high) - 1, first, width).astype(np.intp)
    piece, column = _runs(first, last)
    left = np.where(column < 0, x_low[piece], np.maximum(x_low[piece], column))
    right = np.where(column == width, x_high[piece], np.minimum(x_high[piece], column + 1))
    span = (x_high - x_low)[piece]
    alone = (first == last)[piece]
    share = np.where(alone, 1.0, (right - left) / np.where(span > 0, span, 1.0))
    amount = sign[piece] * tall[piece] * share
    # What of the pixel lies right of the edge: all of it when the edge is left of the window.
    within = np.clip((left + right) / 2 - column, 0.0, 1.0)
    covered = np.where(column < 0, 1.0, np.where(column == width, 0.0, 1.0 - within))
    at = row[piece] * (width + 1) + np.clip(column, 0, width)
    inner = (column >= 0) & (column < width)
    index = np.concatenate([at, at[inner] + 1])
    return index, np.concatenate([amount * covered, amount[inner] * within[inner]])


def _runs(first: NDArray[np.intp], last: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return, for every i, the numbers first[i]..last[i], as (i repeated, number)."""
    counts = last - first + 1
    owner = np.repeat(np.arange(len(first)), counts)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, first[owner] + offset
