# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the sequencer's preview and the plate: where a click falls, and where the boxes of faces lie.

Positions of the preview are pixels of the scene's frame from its centre, y up, as Blender's view gives them
(x times the pixel aspect). Plate positions are pixels of the source's files, x right and y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .placement import over_frame
from .sources import content_index
from .svfr_client.hosting.faces import FoundFace

Point = tuple[float, float]


@dataclass(frozen=True)
class FacesOfStrip:
    """The faces found in a source strip; ``content`` is the plate frame of each of its elements."""

    faces: tuple[FoundFace, ...]
    content: tuple[int, ...]

    def plate_frame(self, strip: Any, at: int) -> int | None:
        """Return the plate frame that the strip shows at a timeline frame; None when it has changed since."""
        index = content_index(strip, at)
        return self.content[index] if index < len(self.content) else None


class PreviewPlace:
    """The map between the preview and one strip's plate; raises MaskCannotBeSent for a scale of 0."""

    def __init__(
        self, strip: Any, plate: tuple[int, int], frame: tuple[int, int], pixel_aspect: float = 1.0
    ) -> None:
        self._placement = over_frame(strip, plate, frame)
        self._side = float(max(frame))
        self._aspect = pixel_aspect

    def to_plate(self, x: float, y: float) -> Point:
        """Return the plate position under a position of the preview."""
        return self._placement(x / self._aspect / self._side + 0.5, y / self._side + 0.5)

    def to_preview(self, x: float, y: float) -> Point:
        """Return where the preview shows a plate position."""
        a, b, c, d = self._placement.matrix
        x, y = x - self._placement.shift[0], y - self._placement.shift[1]
        size = a * d - b * c
        across, up = (d * x - b * y) / size, (a * y - c * x) / size
        return (across - 0.5) * self._side * self._aspect, (up - 0.5) * self._side


def place_text(x: float, y: float, frame: int) -> str:
    """Return a plate position as jobs take it: ``640,360@1001``."""
    return f"{round(x)},{round(y)}@{frame}"


def outline(face: FoundFace, frame: int, place: PreviewPlace) -> list[Point]:
    """Return the four corners of a face's crop in the preview, in order; none where it is not seen."""
    square = face.squares.get(frame)
    if square is None:
        return []
    half = square.side_px / 2
    corners = ((-half, -half), (half, -half), (half, half), (-half, half))
    return [place.to_preview(square.centre_x + dx, square.centre_y + dy) for dx, dy in corners]


def lines(corners: Sequence[Point]) -> list[Point]:
    """Return the ends of the lines around an outline, two points a line."""
    return [point for i, corner in enumerate(corners) for point in (corner, corners[(i + 1) % len(corners)])]
