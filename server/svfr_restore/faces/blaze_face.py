"""MediaPipe's BlazeFace, full range, run by OpenCV (Bazarevsky et al. 2019, arXiv 1907.05047).

The net sees 192 x 192 pixels and knows faces from about a twentieth of that side on, so a picture is looked
at as a whole and in overlapping tiles. It answers for each cell of a 48 x 48 grid with a box, in pixels of
its input from the cell's middle, and a logit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.model_files import open_network

INPUT_PX = 192
GRID = 48
_OUTPUTS = ("reshaped_regressor_face_4", "reshaped_classifier_face_4")

# Larger pictures are reduced to this longer side first.
WORKING_PX = 1920
TILE_PX, CLOSE_TILE_PX = 480, 240
# Neighbouring tiles share this part of their side: a face that one cuts lies whole in the other.
TILE_OVERLAP = 0.25
# Tiles that are no more than so much smaller than the picture show nothing that the whole does not.
LEAST_GAIN = 1.25

# Probabilities from which a face counts; in close tiles a finger may look like one.
LEAST_PROBABILITY, CLOSE_PROBABILITY = 0.5, 0.65
# What a probability is on HOG's scale: at the least it is doubtful (0), at SURE_PROBABILITY it is as sure as
# :data:`svfr_restore.faces.tracks.SURE_SCORE`. benchmarks/faces/finders.py prints what both are worth.
SURE_PROBABILITY, SURE_SCORE = 0.65, 0.25
# The sides of BlazeFace's boxes in those of HOG's, and how far their middles lie from HOG's: medians over
# portraits (the same script).
_SIDE, _RIGHT, _DOWN = 1.109, 0.005, -0.015
# Boxes that overlap by more than this part of the smaller one are of one face.
_SAME_FACE = 0.5


@dataclass(frozen=True)
class _Square:
    """A square part of a picture, which may reach beyond it."""

    left: int
    top: int
    side: int


class BlazeFace:
    """The net of one file; it keeps no state."""

    def __init__(self, file: Path) -> None:
        self._net = open_network(file)
        middles = (np.arange(GRID) + 0.5) / GRID
        self._cells = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)

    def find(self, rgb_u8: NDArray[np.uint8], pixel_aspect: float) -> list[FaceBox]:
        """Return the faces of (H, W, 3), as a whole and in tiles, best first, as HOG would give them."""
        return self._find(rgb_u8, pixel_aspect, TILE_PX, LEAST_PROBABILITY, whole=True)

    def find_small(self, rgb_u8: NDArray[np.uint8], pixel_aspect: float) -> list[FaceBox]:
        """Return the faces of (H, W, 3) in small tiles alone, as :meth:`look` does."""
        return self._find(rgb_u8, pixel_aspect, CLOSE_TILE_PX, CLOSE_PROBABILITY, whole=False)

    def _find(
        self, rgb_u8: NDArray[np.uint8], pixel_aspect: float, tile_px: int, least: float, whole: bool
    ) -> list[FaceBox]:
        height, width = rgb_u8.shape[:2]
        scale = min(1.0, WORKING_PX / max(width * pixel_aspect, float(height)))
        size = max(1, round(width * pixel_aspect * scale)), max(1, round(height * scale))
        shown = _resized(rgb_u8, size)
        found: list[tuple[float, NDArray[np.float64]]] = []
        for square in _squares(size, tile_px, whole):
            found += self._faces(shown, square, least)
        across, down = width / size[0], height / size[1]
        return [_as_hog(box, p, across, down) for p, box in _without_doubles(found)]

    def _faces(
        self, shown: NDArray[np.uint8], square: _Square, least: float
    ) -> list[tuple[float, NDArray[np.float64]]]:
        """Return probabilities and boxes (left, top, width, height) in pixels of the picture."""
        raw, logits = self.raw(_cut(shown, square))
        probability = 1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0)))
        chosen = np.flatnonzero(probability >= least)
        middles = raw[chosen, :2] / INPUT_PX + self._cells[chosen]
        sides = raw[chosen, 2:4] / INPUT_PX
        corner = np.array([square.left, square.top])
        boxes = np.concatenate([(middles - sides / 2) * square.side + corner, sides * square.side], axis=1)
        return list(zip(probability[chosen].tolist(), boxes.astype(np.float64), strict=True))

    def raw(self, square: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the net's answers for a square picture (S, S, 3): (2304, 16) pixels and (2304,) logits."""
        small = _resized(square, (INPUT_PX, INPUT_PX)).astype(np.float32) / np.float32(127.5) - np.float32(1)
        self._net.setInput(np.ascontiguousarray(small.transpose(2, 0, 1)[None]))
        regressed, classified = self._net.forward(list(_OUTPUTS))
        return (
            np.asarray(regressed, np.float32).reshape(GRID * GRID, -1),
            np.asarray(classified, np.float32).reshape(-1),
        )


def _squares(size: tuple[int, int], tile_px: int, whole: bool) -> Iterator[_Square]:
    """Yield the square around the whole picture, then its tiles, where these are notably smaller."""
    width, height = size
    longer = max(size)
    if whole:
        yield _Square((width - longer) // 2, (height - longer) // 2, longer)
    if longer < LEAST_GAIN * tile_px:
        if not whole:
            yield _Square((width - longer) // 2, (height - longer) // 2, longer)
        return
    for top in _starts(height, tile_px):
        for left in _starts(width, tile_px):
            yield _Square(left, top, tile_px)


def _starts(length: int, tile_px: int) -> list[int]:
    if length <= tile_px:
        return [(length - tile_px) // 2]
    count = 1 + int(np.ceil((length - tile_px) / (tile_px * (1.0 - TILE_OVERLAP))))
    return [round(start) for start in np.linspace(0, length - tile_px, count)]


def _cut(picture: NDArray[np.uint8], square: _Square) -> NDArray[np.uint8]:
    """Return a square of a picture, black outside it."""
    height, width = picture.shape[:2]
    left, top = max(0, square.left), max(0, square.top)
    right, bottom = min(width, square.left + square.side), min(height, square.top + square.side)
    if (right - left, bottom - top) == (square.side, square.side):
        return picture[top:bottom, left:right]
    whole = np.zeros((square.side, square.side, 3), np.uint8)
    whole[top - square.top : bottom - square.top, left - square.left : right - square.left] = picture[
        top:bottom, left:right
    ]
    return whole


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    shrinks = size[0] < picture.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), size, interpolation=way), np.uint8)


def _without_doubles(
    found: list[tuple[float, NDArray[np.float64]]],
) -> list[tuple[float, NDArray[np.float64]]]:
    """Return the best box of each face, best first."""
    kept: list[tuple[float, NDArray[np.float64]]] = []
    for probability, box in sorted(found, key=lambda each: -each[0]):
        if all(_shared(box, other) < _SAME_FACE for _, other in kept):
            kept.append((probability, box))
    return kept


def _shared(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return which part of the smaller box (left, top, width, height) both have."""
    corner = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    sides = np.maximum(corner - np.maximum(one[:2], other[:2]), 0.0)
    return float(sides.prod() / max(min(one[2:].prod(), other[2:].prod()), 1e-9))


def _as_hog(box: NDArray[np.float64], probability: float, across: float, down: float) -> FaceBox:
    """Return a box in pixels of the plate, as HOG would have drawn it, with a score on HOG's scale."""
    side_x, side_y = box[2] / _SIDE, box[3] / _SIDE
    middle_x, middle_y = box[0] + box[2] / 2 - _RIGHT * side_x, box[1] + box[3] / 2 - _DOWN * side_y
    score = (probability - LEAST_PROBABILITY) * SURE_SCORE / (SURE_PROBABILITY - LEAST_PROBABILITY)
    return FaceBox(
        x=float(middle_x - side_x / 2) * across,
        y=float(middle_y - side_y / 2) * down,
        width=float(side_x) * across,
        height=float(side_y) * down,
        score=float(score),
    )
