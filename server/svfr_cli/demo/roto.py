"""The demo's roto: an ellipse that wanders over the talking man's face, from cheek to mouth to cheek.

The face's position in the clip is known (frame number: centre in pixels), so the shape follows the head.
"""

import math

import numpy as np
from numpy.typing import NDArray

from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask

FACE_CENTRES = {81: (70.0, 62.0), 89: (65.0, 68.0), 97: (64.0, 70.0), 105: (67.0, 69.0), 113: (70.0, 65.0)}
RADII = (8.5, 7.0)
# The damage stays this far inside the shape, as an artist draws a roto a little larger than the flaw.
MARGIN_PX = 1.0
REACH = (13.0, 9.0)
BELOW_CENTRE_PX = 8.0
# Handle length of the cubic Bezier that is nearest to a quarter circle: (4/3) (sqrt(2) - 1).
KAPPA = 4.0 / 3.0 * (math.sqrt(2.0) - 1.0)


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


def centre_at(frame: int, frames: range) -> tuple[float, float]:
    """Return the ellipse's centre: a half circle below the face's centre, once from start to end."""
    keys = sorted(FACE_CENTRES)
    x, y = (float(np.interp(frame, keys, [FACE_CENTRES[k][axis] for k in keys])) for axis in (0, 1))
    turn = math.pi * (frame - frames.start) / max(1, len(frames) - 1)
    return x - REACH[0] * math.cos(turn), y + BELOW_CENTRE_PX + REACH[1] * math.sin(turn)


def wandering_mask(frames: range, width: int, height: int) -> SplineMask:
    """Return the roto for consecutive ``frames`` of a ``width`` x ``height`` plate, a shape for each."""
    shapes = {}
    for frame in frames:
        layer = MaskLayer((ellipse(centre_at(frame, frames), RADII),))
        shapes[frame] = MaskShape((layer,), width, height)
    return SplineMask(shapes)


def lost(frame: int, frames: range, width: int, height: int) -> NDArray[np.bool_]:
    """Return (height, width) bool, True where the picture is lost: the ellipse less ``MARGIN_PX``."""
    cx, cy = centre_at(frame, frames)
    x = (np.arange(width) + 0.5 - cx) / (RADII[0] - MARGIN_PX)
    y = (np.arange(height) + 0.5 - cy) / (RADII[1] - MARGIN_PX)
    return np.asarray(x[None, :] ** 2 + y[:, None] ** 2 <= 1.0)
