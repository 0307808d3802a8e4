"""The soft border outside an outline, by distance from it; the distance at which it ends varies along it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32, Float64
from svfr_restore.mattes.outline import Outline
from svfr_restore.media.window import Window

# Samples of the outline lie this close, so that no pixel of it is skipped.
_SPACING_PX = 0.5
_MOST_SAMPLES = 200_000
# The labelled transform names a sample near the nearest one; these strides along the outline find it.
_WALK_STEPS = (32, 16, 8, 4, 2, 1, 1)


@dataclass(frozen=True)
class Softness:
    """``value`` (h, w) falls from 1 on the outline to 0 at its feather, on both sides of it.

    ``weight`` is 1 where the feather is a pixel or wider and falls with it to 0: there the pixel's
    coverage counts, so that a feather that shrinks to nothing ends as the plain anti-aliased edge.
    """

    value: Float32
    weight: Float32


def smoothstep(t: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 3t² - 2t³ with t limited to 0..1: no kink at either end, as Blender's smooth falloff."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def soften(outline: Outline, window: Window, wanted: NDArray[np.bool_]) -> Softness:
    """Return the feather of one outline at the ``wanted`` (h, w) pixels of a window, 0 at all others.

    The nearest outline sample of every pixel comes from OpenCV's labelled distance transform; the distance
    itself is then taken to the outline's straight pieces around that sample, from the pixel's centre.
    """
    value, weight = np.zeros(window.shape, np.float32), np.zeros(window.shape, np.float32)
    reach = float(outline.feather_px.max())
    region = outline.bounds.expand(math.ceil(reach) + 1).intersect(window)
    if reach <= 0.0 or region.is_empty:
        return Softness(value, weight)
    grid = region.expand(math.ceil(reach) + 2)
    samples = _sample(outline)
    asked = np.zeros(grid.shape, bool)
    asked[region.slices_in(grid)] = wanted[region.slices_in(window)]
    rows, columns, nearest = _nearest_samples(samples, grid, asked, reach)
    x = columns + grid.x + 0.5
    y = rows + grid.y + 0.5
    distance, feather = _distance(samples, nearest, x, y)
    soft = smoothstep(1.0 - distance / np.maximum(feather, 1e-6))
    place = rows + grid.y - window.y, columns + grid.x - window.x
    value[place] = np.where(feather > 0.0, soft, 0.0)
    weight[place] = np.minimum(feather, 1.0)
    return Softness(value, weight)


@dataclass(frozen=True)
class _Samples:
    """Points in order along an outline, and the feather at each."""

    x: Float64
    y: Float64
    feather: Float64
    closed: bool

    def beside(self, index: NDArray[np.intp], step: int) -> NDArray[np.intp]:
        """Return the samples ``step`` further on: around a closed outline, up to the ends of an open one."""
        count = len(self.x)
        return (index + step) % count if self.closed else np.clip(index + step, 0, count - 1)


def _sample(outline: Outline) -> _Samples:
    """Return points along the outline no further apart than the spacing (wider on a very long one)."""
    start, along = outline.points[:-1], np.diff(outline.points, axis=0)
    length = np.hypot(*along.T)
    spacing = max(_SPACING_PX, float(length.sum()) / _MOST_SAMPLES)
    counts = np.maximum(1, np.ceil(length / spacing)).astype(np.intp)
    edge = np.repeat(np.arange(len(start)), counts)
    part = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[edge]
    points = start[edge] + along[edge] * part[:, None]
    feather = outline.feather_px[:-1][edge] + np.diff(outline.feather_px)[edge] * part
    if not outline.closed:
        points = np.vstack([points, outline.points[-1:]])
        feather = np.append(feather, outline.feather_px[-1])
    return _Samples(points[:, 0], points[:, 1], feather, outline.closed)


def _nearest_samples(
    samples: _Samples, grid: Window, asked: NDArray[np.bool_], reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return (rows, columns, sample) of the pixels asked for that the feather may reach."""
    column = np.floor(samples.x).astype(np.intp) - grid.x
    row = np.floor(samples.y).astype(np.intp) - grid.y
    inside = (column >= 0) & (column < grid.width) & (row >= 0) & (row < grid.height)
    empty = np.zeros(0, np.intp)
    if not inside.any():
        return empty, empty, empty
    marks = np.ones(grid.shape, np.uint8)
    owner = np.zeros(grid.shape, np.intp)
    marks[row[inside], column[inside]] = 0
    owner[row[inside], column[inside]] = np.flatnonzero(inside)
    distance, labels = cv2.distanceTransformWithLabels(
        marks, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    sample_of_label = np.zeros(int(labels.max()) + 1, np.intp)
    sample_of_label[labels[marks == 0]] = owner[marks == 0]
    rows, columns = np.nonzero(asked & (distance <= reach + 1.5))
    return rows, columns, sample_of_label[labels[rows, columns]]


def _distance(
    samples: _Samples, nearest: NDArray[np.intp], x: NDArray[np.floating], y: NDArray[np.floating]
) -> tuple[Float64, Float64]:
    """Return the distance to the outline near a sample, and the feather at the nearest place of it."""
    nearest = _walk_to_nearest(samples, nearest, x, y)
    start_x, start_y = samples.x[nearest], samples.y[nearest]
    best = np.full(len(nearest), np.inf)
    feather = np.zeros(len(nearest))
    for other in (samples.beside(nearest, -1), samples.beside(nearest, 1)):
        along_x, along_y = samples.x[other] - start_x, samples.y[other] - start_y
        length = np.maximum(along_x * along_x + along_y * along_y, 1e-12)
        part = np.clip(((x - start_x) * along_x + (y - start_y) * along_y) / length, 0.0, 1.0)
        away = np.hypot(x - start_x - part * along_x, y - start_y - part * along_y)
        there = samples.feather[nearest] * (1.0 - part) + samples.feather[other] * part
        feather = np.where(away < best, there, feather)
        best = np.minimum(best, away)
    return best, feather


def _walk_to_nearest(
    samples: _Samples, nearest: NDArray[np.intp], x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Return the samples after walking from each along the outline, ever nearer to its pixel."""
    best = (samples.x[nearest] - x) ** 2 + (samples.y[nearest] - y) ** 2
    for step in _WALK_STEPS:
        for other in (samples.beside(nearest, -step), samples.beside(nearest, step)):
            away = (samples.x[other] - x) ** 2 + (samples.y[other] - y) ** 2
            nearer = away < best
            nearest, best = np.where(nearer, other, nearest), np.where(nearer, away, best)
    return nearest
