"""A Bezier spline as a polyline that departs from it by less than 1/256 of a pixel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float64
from svfr_client.masks import MaskSpline
from svfr_restore.media.window import Window

# A matte's coverage may be wrong by less than 1/128; half of that is left to the outline.
TOLERANCE_PX = 1.0 / 256.0
MOST_STEPS = 2000


@dataclass(frozen=True)
class Outline:
    """Vertices (n, 2) in EXR pixels and the feather at each; a closed outline ends where it began."""

    points: Float64
    feather_px: Float64
    closed: bool

    @property
    def bounds(self) -> Window:
        """The pixels that the outline touches or encloses."""
        (left, top), (right, bottom) = self.points.min(axis=0), self.points.max(axis=0)
        return Window.from_corners(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))

    @property
    def signed_area(self) -> float:
        """Twice the enclosed area; its sign is the direction of the outline."""
        x, y = self.points.T
        return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))

    def same_direction(self) -> Outline:
        """Return the outline running so that its signed area is not negative."""
        if self.signed_area >= 0:
            return self
        return Outline(self.points[::-1], self.feather_px[::-1], self.closed)


def flatten(spline: MaskSpline, layer_feather_px: float = 0.0) -> Outline:
    """Return the spline's polyline; the feather of points and layer add and go straight between points."""
    curves = _curves(spline)
    feather = np.array([p.feather_px for p in spline.points]) + layer_feather_px
    steps = _steps(curves)
    curve = np.repeat(np.arange(len(steps)), steps)
    step = np.arange(1, len(curve) + 1) - np.repeat(np.cumsum(steps) - steps, steps)
    last = steps[curve]
    t = np.where(step == last, 1.0, step * (1.0 / last))
    following = (curve + 1) % len(feather)
    feathers = feather[curve] + (feather[following] - feather[curve]) * t
    start = np.array([spline.points[0].centre], np.float64)
    points = _bezier(t[:, None], *(curves[curve, end] for end in range(4)))
    return Outline(np.concatenate([start, points]), np.concatenate([feather[:1], feathers]), spline.closed)


def drawing_pieces(splines: Iterable[MaskSpline], display: Window) -> int:
    """Return an upper bound of the pieces into which the pixels of ``display`` divide the splines' outlines.

    A curve crosses no row or column of pixels more often than its control points' polygon does.
    """
    low = np.array([display.x, display.y], np.float64)
    high = np.array([display.right, display.bottom], np.float64)
    pieces = 0.0
    for spline in splines:
        curves = _curves(spline)
        within = np.clip(curves, low, high)
        pieces += float(np.abs(np.diff(within, axis=1)).sum()) + float(_steps(curves).sum())
    return math.ceil(pieces)


def _curves(spline: MaskSpline) -> Float64:
    """Return the control points (n, 4, 2) of the spline's curves: start, two handles, end."""
    centres = np.array([p.centre for p in spline.points], np.float64)
    before = np.array([p.left for p in spline.points], np.float64)
    after = np.array([p.right for p in spline.points], np.float64)
    curves = np.stack([centres, after, np.roll(before, -1, axis=0), np.roll(centres, -1, axis=0)], axis=1)
    return curves if spline.closed else curves[:-1]


def _bezier(t: Float64, a: Float64, b: Float64, c: Float64, d: Float64) -> Float64:
    s = 1.0 - t
    return s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d


def _steps(curves: Float64) -> NDArray[np.intp]:
    """Return how many chords keep within the tolerance: their error is |second derivative| / 8n² at most."""
    a, b, c, d = (curves[:, end] for end in range(4))
    bend = 6.0 * np.maximum(np.hypot(*(a - 2 * b + c).T), np.hypot(*(b - 2 * c + d).T))
    return np.clip(np.ceil(np.sqrt(bend / (8.0 * TOLERANCE_PX))), 1, MOST_STEPS).astype(np.intp)
