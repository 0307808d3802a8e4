# SPDX-License-Identifier: GPL-3.0-or-later
"""Projective maps of the plane: shifts, scales, and the one that takes four corners to four others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
_Nine = tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class Projective:
    """A map given by the rows of its 3 x 3 matrix, for columns (x, y, 1)."""

    rows: _Nine

    @classmethod
    def shift(cls, x: float, y: float) -> Projective:
        """Return the map that moves every point by (x, y)."""
        return cls((1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0, 1.0))

    @classmethod
    def scale(cls, x: float, y: float, about: Point) -> Projective:
        """Return the map that scales both directions and leaves ``about`` where it is."""
        return cls((x, 0.0, about[0] * (1.0 - x), 0.0, y, about[1] * (1.0 - y), 0.0, 0.0, 1.0))

    def __call__(self, x: float, y: float) -> Point:
        """Return where a point goes; (x, y) itself where the map has no value."""
        a, b, c, d, e, f, g, h, i = self.rows
        depth = g * x + h * y + i
        return ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth) if depth != 0.0 else (x, y)

    def after(self, first: Projective) -> Projective:
        """Return the map that does ``first`` and then this."""
        a, b = self.rows, first.rows
        products = [sum(a[3 * r + k] * b[3 * k + c] for k in range(3)) for r in range(3) for c in range(3)]
        return Projective(_nine(products))

    def inverse(self) -> Projective:
        """Return the map back, up to a factor that changes nothing (the adjugate)."""
        a, b, c, d, e, f, g, h, i = self.rows
        adjugate = (
            e * i - f * h, c * h - b * i, b * f - c * e,
            f * g - d * i, a * i - c * g, c * d - a * f,
            d * h - e * g, b * g - a * h, a * e - b * d,
        )  # fmt: skip
        return Projective(adjugate)


def between_quads(before: Sequence[Point], after: Sequence[Point]) -> Projective:
    """Return the map that takes four corners, in order around, to four others."""
    return _from_unit_square(after).after(_from_unit_square(before).inverse())


def _from_unit_square(corners: Sequence[Point]) -> Projective:
    """Return the map that takes (0,0), (1,0), (1,1), (0,1) to four corners (Heckbert 1989, 2.2.3)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    if area == 0.0:
        return Projective.shift(0.0, 0.0)  # three corners on one line: there is no such map
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    return Projective(
        (x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0)
    )


def _nine(values: Sequence[float]) -> _Nine:
    a, b, c, d, e, f, g, h, i = values
    return a, b, c, d, e, f, g, h, i
