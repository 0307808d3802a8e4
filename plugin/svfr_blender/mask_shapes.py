# SPDX-License-Identifier: GPL-3.0-or-later
"""One Blender mask, as it stands, to the shape that the service draws.

Reads only the mask's own data (layers, splines, points), in mask coordinates, and places it on the plate.
Blender fills overlapping splines of a layer by the even-odd rule unless "Holes" is off; a layer hidden from
renders is left out.
"""

from __future__ import annotations

from typing import Any

from .errors import MaskCannotBeSent
from .placement import Placement
from .svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline

# Blender's layer blends. Those that fall together here differ only where two soft edges meet.
_BLENDS = {
    "MERGE_ADD": "add",
    "ADD": "add",
    "LIGHTEN": "add",
    "MERGE_SUBTRACT": "subtract",
    "SUBTRACT": "subtract",
    "MUL": "intersect",
    "DARKEN": "intersect",
    "REPLACE": "replace",
    "DIFFERENCE": "difference",
}
_Bezier = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


def shape_of(mask: Any, placement: Placement) -> MaskShape:
    """Return the shape of a mask at the moment; raises MaskCannotBeSent for an unknown blend mode."""
    layers: list[MaskLayer] = []
    for layer in mask.layers:
        if not layer.hide_render:
            layers += _layers_of(layer, placement)
    return MaskShape(tuple(layers), placement.width, placement.height)


def _layers_of(layer: Any, placement: Placement) -> list[MaskLayer]:
    blend = _BLENDS.get(layer.blend)
    if blend is None:
        raise MaskCannotBeSent(
            f'The mask layer "{layer.name}" blends by {layer.blend}.',
            remedy="Use one of " + ", ".join(sorted(_BLENDS)) + ".",
        )
    splines = tuple(_spline_of(spline, placement) for spline in layer.splines if _counts(spline))
    fill = "even_odd" if layer.use_fill_holes else "union"
    opacity = min(max(layer.alpha, 0.0), 1.0)
    if opacity == 1.0 or layer.invert == (blend == "intersect"):
        return [MaskLayer(splines, blend, opacity, layer.invert, fill=fill)]
    if blend in ("replace", "difference"):
        raise MaskCannotBeSent(
            f'The mask layer "{layer.name}" is inverted, partly opaque and blends by {layer.blend}.',
            remedy="Set its alpha to 1, or blend it by adding or subtracting.",
        )
    # Blender takes the alpha before it inverts, and into a product; the service takes it last. The whole
    # layer, then an even one of the remaining strength, comes to the same.
    return [
        MaskLayer(splines, blend, 1.0, layer.invert, fill=fill),
        MaskLayer((), blend, 1.0 - opacity, layer.invert),
    ]


def _counts(spline: Any) -> bool:
    return bool(spline.use_fill) and len(spline.points) > 0


def _spline_of(spline: Any, placement: Placement) -> MaskSpline:
    points = list(spline.points)
    corners = [_Corner(point) for point in points]
    pairs = range(len(points) if spline.use_cyclic else len(points) - 1)
    extra: dict[int, list[_Corner]] = {}
    for i in pairs:
        extra[i] = _split(corners[i], corners[(i + 1) % len(points)], points[i].feather_points)
    ordered = [corner for i, own in enumerate(corners) for corner in (own, *extra.get(i, ()))]
    if spline.use_cyclic and _runs_counter_clockwise(ordered):
        # Its feather points inwards, where Blender has filled already: nothing of it is seen.
        for corner in ordered:
            corner.weight = 0.0
    return MaskSpline(tuple(corner.placed(placement) for corner in ordered), closed=bool(spline.use_cyclic))


class _Corner:
    """A Bezier point in mask coordinates, with its feather in mask units."""

    def __init__(self, point: Any) -> None:
        self.left = (float(point.handle_left[0]), float(point.handle_left[1]))
        self.centre = (float(point.co[0]), float(point.co[1]))
        self.right = (float(point.handle_right[0]), float(point.handle_right[1]))
        self.weight = float(point.weight)

    @classmethod
    def between(cls, left: Any, centre: Any, right: Any, weight: float) -> _Corner:
        """Return a point that lies on a curve."""
        made = cls.__new__(cls)
        made.left, made.centre, made.right, made.weight = left, centre, right, weight
        return made

    def placed(self, placement: Placement) -> MaskPoint:
        """Return the point in plate pixels."""
        feather = max(0.0, self.weight) * placement.scale
        return MaskPoint(placement(*self.left), placement(*self.centre), placement(*self.right), feather)


def _runs_counter_clockwise(corners: list[_Corner]) -> bool:
    """Return whether the outline runs against the clock, y up (twice its area is positive)."""
    outline = [at for corner in corners for at in (corner.left, corner.centre, corner.right)]
    following = [*outline[1:], outline[0]]
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(outline, following, strict=True)) > 0.0


def _split(start: _Corner, end: _Corner, feather_points: Any) -> list[_Corner]:
    """Return new points where the artist put feather points between two corners.

    The curve stays the same (de Casteljau); the handles of both corners are shortened.
    """
    made: list[_Corner] = []
    before, done = start, 0.0
    for feather in sorted(feather_points, key=lambda f: f.u):
        t = (feather.u - done) / (1.0 - done) if done < 1.0 else 1.0
        if not 0.0 < t < 1.0:
            continue
        curve = (before.centre, before.right, end.left, end.centre)
        first, second = _halves(curve, t)
        before.right, end.left = first[1], second[2]
        corner = _Corner.between(first[2], first[3], second[1], float(feather.weight))
        made.append(corner)
        before, done = corner, feather.u
    return made


def _halves(curve: _Bezier, t: float) -> tuple[_Bezier, _Bezier]:
    a, b, c, d = curve
    ab, bc, cd = _mix(a, b, t), _mix(b, c, t), _mix(c, d, t)
    abc, bcd = _mix(ab, bc, t), _mix(bc, cd, t)
    middle = _mix(abc, bcd, t)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def _mix(p: tuple[float, float], q: tuple[float, float], t: float) -> tuple[float, float]:
    return p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t
