"""The demo's roto: an ellipse that wanders over a face, cheek to mouth to cheek, and follows the head."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask

# The damage stays this far inside the shape, as an artist draws a roto a little larger than the flaw.
MARGIN_PX = 1.0
# Handle length of the cubic Bezier that is nearest to a quarter circle: (4/3) (sqrt(2) - 1).
KAPPA = 4.0 / 3.0 * (math.sqrt(2.0) - 1.0)


@dataclass(frozen=True)
class WanderingEllipse:
    """An ellipse on a half circle of ``reach_px`` around a point ``below_px`` under the face's centre.

    ``frames`` are consecutive; the face's centre is known at some of them (EXR pixels) and interpolated.
    """

    frames: range
    face_centres: Mapping[int, tuple[float, float]]
    radii_px: tuple[float, float]
    reach_px: tuple[float, float]
    below_px: float

    def centre_at(self, frame: int) -> tuple[float, float]:
        """Return the ellipse's centre in EXR pixels."""
        keys = sorted(self.face_centres)
        x, y = (
            float(np.interp(frame, keys, [self.face_centres[key][axis] for key in keys])) for axis in (0, 1)
        )
        turn = math.pi * (frame - self.frames.start) / max(1, len(self.frames) - 1)
        return (
            x - self.reach_px[0] * math.cos(turn),
            y + self.below_px + self.reach_px[1] * math.sin(turn),
        )

    def mask(self, width: int, height: int) -> SplineMask:
        """Return the roto over a plate of ``width`` x ``height`` pixels, a shape for every frame."""
        shapes = {}
        for frame in self.frames:
            layer = MaskLayer((ellipse(self.centre_at(frame), self.radii_px),))
            shapes[frame] = MaskShape((layer,), width, height)
        return SplineMask(shapes)

    def lost(self, frame: int, width: int, height: int) -> NDArray[np.bool_]:
        """Return (height, width) bool, True where the picture is lost: the ellipse less ``MARGIN_PX``."""
        cx, cy = self.centre_at(frame)
        x = (np.arange(width) + 0.5 - cx) / (self.radii_px[0] - MARGIN_PX)
        y = (np.arange(height) + 0.5 - cy) / (self.radii_px[1] - MARGIN_PX)
        return np.asarray(x[None, :] ** 2 + y[:, None] ** 2 <= 1.0)


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> MaskSpline:
    """Return four Bezier points around an ellipse with axes along x and y, in EXR pixels."""
    (cx, cy), (rx, ry) = centre, radii
    points = []
    for quarter in range(4):
        dx, dy = round(math.cos(quarter * math.pi / 2)), round(math.sin(quarter * math.pi / 2))
        x, y = cx + rx * dx, cy + ry * dy
        along = (-dy * rx * KAPPA, dx * ry * KAPPA)
        points.append(MaskPoint((x - along[0], y - along[1]), (x, y), (x + along[0], y + along[1])))
    return MaskSpline(tuple(points))
