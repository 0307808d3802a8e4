"""A Bezier spline as a polyline that departs from it by less than 1/256 of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
    centres = np.array([p.centre for p in spline.points], np.float64)
    before = np.array([p.left for p in spline.points], np.float64)
    after = np.array([p.right for p in spline.points], np.float64)
    feather = np.array([p.feather_px for p in spline.points]) + layer_feather_px
    count = len(centres)
    segments = count if spline.closed else count - 1
    points, feathers = [centres[:1]], [feather[:1]]
    for i in range(segments):
        j = (i + 1) % count
        steps = np.linspace(0.0, 1.0, _steps(centres[i], after[i], before[j], centres[j]) + 1)[1:]
        points.append(_bezier(steps[:, None], centres[i], after[i], before[j], centres[j]))
        feathers.append(feather[i] + (feather[j] - feather[i]) * steps)
    return Outline(np.concatenate(points), np.concatenate(feathers), spline.closed)


def _bezier(t: Float64, a: Float64, b: Float64, c: Float64, d: Float64) -> Float64:
    s = 1.0 - t
    return s**3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t**3 * d


def _steps(a: Float64, b: Float64, c: Float64, d: Float64) -> int:
    """Return how many chords keep within the tolerance: their error is |second derivative| / 8n² at most."""
    bend = 6.0 * max(np.hypot(*(a - 2 * b + c)), np.hypot(*(b - 2 * c + d)))
    return int(np.clip(np.ceil(np.sqrt(bend / (8.0 * TOLERANCE_PX))), 1, MOST_STEPS))
