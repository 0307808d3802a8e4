# SPDX-License-Identifier: GPL-3.0-or-later
"""What one mask looks like at the moment, copied out of Blender as plain numbers.

Taking a snapshot is all that has to happen in Blender's main thread; making shapes of it, which takes much
longer, can be done in any. Two snapshots are equal where the mask has not changed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any, NamedTuple


class FeatherPointSnapshot(NamedTuple):
    """A feather point between two points: where on the curve, 0..1, and its weight."""

    u: float
    weight: float


@dataclass(frozen=True)
class PointSnapshot:
    """A point as Blender names its parts, in mask coordinates."""

    handle_left: tuple[float, float]
    co: tuple[float, float]
    handle_right: tuple[float, float]
    weight: float
    feather_points: tuple[FeatherPointSnapshot, ...]


@dataclass(frozen=True)
class SplineSnapshot:
    """An outline: ``values`` are the left handles, points, right handles and weights as float32 bytes."""

    use_fill: bool
    use_cyclic: bool
    values: bytes
    feathers: tuple[tuple[FeatherPointSnapshot, ...], ...]

    @property
    def points(self) -> tuple[PointSnapshot, ...]:
        """Return the points one by one."""
        numbers = array("f", self.values)
        count = len(self.feathers)
        left, centre, right = (
            [(numbers[at], numbers[at + 1]) for at in range(part * 2 * count, (part + 1) * 2 * count, 2)]
            for part in range(3)
        )
        weights = numbers[6 * count :]
        return tuple(
            PointSnapshot(*place) for place in zip(left, centre, right, weights, self.feathers, strict=True)
        )


@dataclass(frozen=True)
class LayerSnapshot:
    """A layer; the names are Blender's."""

    name: str
    hide_render: bool
    blend: str
    alpha: float
    invert: bool
    use_fill_holes: bool
    splines: tuple[SplineSnapshot, ...]


@dataclass(frozen=True)
class MaskSnapshot:
    """A whole mask."""

    layers: tuple[LayerSnapshot, ...]

    @property
    def has_outline(self) -> bool:
        """Return whether any outline of a layer that renders is closed and filled."""
        shown = (layer for layer in self.layers if not layer.hide_render)
        return any(spline.use_cyclic and spline.use_fill for layer in shown for spline in layer.splines)


def snapshot(mask: Any) -> MaskSnapshot:
    """Return a copy of a mask as it stands."""
    return MaskSnapshot(tuple(_layer(layer) for layer in mask.layers))


def _layer(layer: Any) -> LayerSnapshot:
    return LayerSnapshot(
        name=layer.name,
        hide_render=layer.hide_render,
        blend=layer.blend,
        alpha=layer.alpha,
        invert=layer.invert,
        use_fill_holes=layer.use_fill_holes,
        splines=tuple(_spline(spline) for spline in layer.splines if len(spline.points) > 0),
    )


def _spline(spline: Any) -> SplineSnapshot:
    points = spline.points
    values = b""
    for name, size in (("handle_left", 2), ("co", 2), ("handle_right", 2), ("weight", 1)):
        numbers = array("f", bytes(4 * size * len(points)))
        points.foreach_get(name, numbers)
        values += numbers.tobytes()
    feathers = tuple(
        tuple(FeatherPointSnapshot(f.u, f.weight) for f in point.feather_points) for point in points
    )
    return SplineSnapshot(bool(spline.use_fill), bool(spline.use_cyclic), values, feathers)
