"""The forms of holes: boxes, polygons, free-form strokes and lettering, each from a seed.

A form is drawn white on a square picture and stays within the circle inside it, so that it can be turned.
Free-form strokes after Yu et al. 2019 ("Free-Form Image Inpainting with Gated Convolution", section 3.4).
"""

from __future__ import annotations

import math
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:.-&"
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)
_FONT_SCALE, _LINE_PX, _LETTER_PX = 2.0, 64, 60
_FILLED = 255


class ShapeKind(StrEnum):
    """What a hole looks like."""

    BOX = "box"
    POLYGON = "polygon"
    """Rounded, as a roto artist draws it around a defect or an object."""
    STROKE = "stroke"
    """A thick line that wanders: a brush, a cable, a strand of hair."""
    TEXT = "text"
    """One to three lines of letters: titles, time codes, watermarks."""


def draw_shape(kind: ShapeKind, seed: int, side_px: int) -> NDArray[np.uint8]:
    """Return the form (side_px, side_px), 0 outside and 255 inside, for a seed of 0 or more."""
    rng = np.random.default_rng([seed, tuple(ShapeKind).index(kind)])
    return _DRAW[kind](rng, side_px)


def _box(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    corner = rng.uniform(math.radians(20), math.radians(70))
    half_width, half_height = math.cos(corner), math.sin(corner)
    corners = np.array([(x * half_width, y * half_height) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    return _filled(corners, side_px)


def _polygon(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(5, 13))))
    reach = rng.uniform(0.45, 1.0, len(angles))
    stretch = rng.uniform(0.6, 1.0, 2)
    canvas = _filled(np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None] * stretch, side_px)
    rounded = cv2.GaussianBlur(canvas, (0, 0), max(0.3, rng.uniform(0.02, 0.09) * side_px))
    # rounding may erase a sliver: then its unrounded shape is the form
    return np.asarray(np.where(rounded > 127, _FILLED, 0), np.uint8) if (rounded > 127).any() else canvas


def _stroke(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    thick = rng.uniform(0.08, 0.3)
    heading = rng.uniform(0, 2 * math.pi)
    point = rng.uniform(-0.5, 0.5, 2)
    points = [point]
    for _ in range(int(rng.integers(3, 10))):
        heading += rng.normal(0, 0.9)
        point = point + rng.uniform(0.2, 0.7) * np.array([math.cos(heading), math.sin(heading)])
        points.append(point)
    path = np.stack(points) - (np.min(points, axis=0) + np.max(points, axis=0)) / 2
    path *= (1 - thick / 2) / max(1.0, float(np.linalg.norm(path, axis=1).max()))
    canvas = np.zeros((side_px, side_px), np.uint8)
    cv2.polylines(
        canvas, [_to_px(path, side_px)], False, _FILLED, max(1, round(thick * side_px / 2)), cv2.LINE_8
    )
    return canvas


def _text(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    """Letters of one of OpenCV's line fonts, as wide as fits into the circle, dilated as a mask would be."""
    lines = [
        "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), int(rng.integers(3, 11))))
        for _ in range(int(rng.integers(1, 4)))
    ]
    font, thick = _FONTS[int(rng.integers(len(_FONTS)))], int(rng.integers(4, 11))
    sheet = np.zeros((_LINE_PX * (len(lines) + 1), _LETTER_PX * 14), np.uint8)
    for row, line in enumerate(lines):
        cv2.putText(sheet, line, (_LETTER_PX, _LINE_PX * (row + 1)), font, _FONT_SCALE, _FILLED, thick)
    rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
    ink = sheet[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = side_px / math.hypot(*ink.shape)
    size = max(1, int(ink.shape[1] * scale)), max(1, int(ink.shape[0] * scale))
    fitted = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = np.zeros((side_px, side_px), np.uint8)
    top, left = (side_px - size[1]) // 2, (side_px - size[0]) // 2
    # thin strokes of small letters count from a quarter of a pixel on: a mask covers what it hides
    canvas[top : top + size[1], left : left + size[0]] = np.where(fitted > 63, _FILLED, 0)
    return canvas


_DRAW = {
    ShapeKind.BOX: _box,
    ShapeKind.POLYGON: _polygon,
    ShapeKind.STROKE: _stroke,
    ShapeKind.TEXT: _text,
}


def _filled(corners: NDArray[np.float64], side_px: int) -> NDArray[np.uint8]:
    canvas = np.zeros((side_px, side_px), np.uint8)
    cv2.fillPoly(canvas, [_to_px(corners, side_px)], _FILLED)
    return canvas


def _to_px(points: NDArray[np.float64], side_px: int) -> NDArray[np.int32]:
    """Turn -1..1 into pixels of the square."""
    return np.rint((points + 1) / 2 * (side_px - 1)).astype(np.int32)
