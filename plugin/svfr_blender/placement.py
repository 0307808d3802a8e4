# SPDX-License-Identifier: GPL-3.0-or-later
"""Where masks lie: from Blender's mask coordinates, over the frame or over the picture, to plate pixels.

Mask coordinates are 0..1 along the longer side, centred, y up. A mask edited over the plate refers to the
plate; one used in the sequencer is drawn over the whole frame, so that the strip's own position, scale and
rotation have to be undone. Plate pixels are x right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import MaskCannotBeSent

Point = tuple[float, float]


@dataclass(frozen=True)
class Placement:
    """An affine map from mask coordinates to plate pixels; ``scale`` is the length of one mask unit in px."""

    matrix: tuple[float, float, float, float]
    shift: Point
    width: int
    height: int

    def __call__(self, x: float, y: float) -> Point:
        """Return the plate position of a mask position."""
        a, b, c, d = self.matrix
        return a * x + b * y + self.shift[0], c * x + d * y + self.shift[1]

    @property
    def scale(self) -> float:
        """Return plate pixels per mask unit; the mean of both directions where they differ."""
        a, b, c, d = self.matrix
        return math.sqrt(abs(a * d - b * c))


def over_plate(width: int, height: int) -> Placement:
    """Return the placement of a mask that was drawn over the plate itself."""
    side = float(max(width, height))
    return _placement(
        lambda x, y: ((x - 0.5) * side + width / 2, (y - 0.5) * side + height / 2), width, height
    )


def over_frame(
    strip: Any, plate: tuple[int, int], frame: tuple[int, int], before_flip: bool = False
) -> Placement:
    """Return the placement of a mask drawn over the whole sequencer frame, for one strip's picture.

    ``plate`` and ``frame``: width and height in pixels of the strip's files and of the scene. Blender places
    a picture in the middle of the frame, scales and turns it about its origin, moves it, and flips the whole
    frame last; ``before_flip``: the mask is applied to the frame that is not flipped yet.
    """
    transform = strip.transform
    scale_x, scale_y = transform.scale_x, transform.scale_y
    if scale_x == 0.0 or scale_y == 0.0:
        raise MaskCannotBeSent(
            f'The strip "{strip.name}" is scaled to nothing.', remedy="Give it a scale other than 0."
        )
    width, height = plate
    side = float(max(frame))
    pivot = (width * transform.origin[0], height * transform.origin[1])
    left = (frame[0] - width) / 2 + transform.offset_x
    low = (frame[1] - height) / 2 + transform.offset_y
    cos, sin = math.cos(transform.rotation), math.sin(transform.rotation)
    turn_x = -1.0 if strip.use_flip_x and not before_flip else 1.0
    turn_y = -1.0 if strip.use_flip_y and not before_flip else 1.0

    def to_plate(x: float, y: float) -> Point:
        frame_x = (x - 0.5) * side * turn_x + frame[0] / 2 - left - pivot[0]
        frame_y = (y - 0.5) * side * turn_y + frame[1] / 2 - low - pivot[1]
        plate_x = (cos * frame_x + sin * frame_y) / scale_x + pivot[0]
        plate_y = (cos * frame_y - sin * frame_x) / scale_y + pivot[1]
        return plate_x, plate_y

    return _placement(to_plate, width, height)


def _placement(to_plate_y_up: Callable[[float, float], Point], width: int, height: int) -> Placement:
    """Return the affine map as numbers, with y turned downwards."""
    zero, one_x, one_y = to_plate_y_up(0.0, 0.0), to_plate_y_up(1.0, 0.0), to_plate_y_up(0.0, 1.0)
    matrix = (one_x[0] - zero[0], one_y[0] - zero[0], zero[1] - one_x[1], zero[1] - one_y[1])
    return Placement(matrix, (zero[0], height - zero[1]), width, height)
