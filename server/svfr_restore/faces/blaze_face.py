"""MediaPipe's BlazeFace, full range, run by OpenCV (Bazarevsky et al. 2019, arXiv 1907.05047).

The net sees 192 x 192 pixels and knows faces from about a twentieth of that side on, so a picture is looked
at as a whole and in overlapping tiles. It answers for each cell of a 48 x 48 grid with a box, in pixels of
its input from the cell's middle, and a logit.

Much in a picture looks like a face once, where a tile happens to show it. So whatever no other finder
confirms is looked at again, in the middle of squares around it and mirrored: what is a face stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_restore.faces.box import SAME_FACE, FaceBox
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

# Probabilities from which something is looked at again, or counts as seen at all.
LEAST_PROBABILITY = 0.3
# The squares of the second look, in sides of the box; the wider one decides alone when it is clear.
_WIDE, _NARROW = 4.0, 2.5
_CLEAR_LOGIT = 1.5
# In a second look the best cell counts whose box overlaps the first one's by this much.
_LEAST_OVERLAP = 0.35
# What the mean logit of the second looks is on HOG's scale: from the least on it is a find (0), at the sure
# one it is as sure as :data:`svfr_restore.faces.tracks.SURE_SCORE`, under WEAK_SCORE it is nothing at all.
# benchmarks/faces/finders.py prints what they are worth.
LEAST_LOGIT, SURE_LOGIT, SURE_SCORE = 0.0, 0.5, 0.25
WEAK_SCORE = -0.5
# The sides of BlazeFace's boxes in those of HOG's, and how far their middles lie from HOG's: medians over
# portraits (the same script).
_SIDE, _RIGHT, _DOWN = 1.109, 0.005, -0.015
# Logits are worth no more than this either way; in degraded pictures one cell may be silent by accident.
_MOST_LOGIT = 9.0


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

    def find(
        self, rgb_u8: NDArray[np.uint8], pixel_aspect: float, known: Sequence[FaceBox] = ()
    ) -> list[FaceBox]:
        """Return the faces of (H, W, 3), as a whole and in tiles, as HOG would give them.

        What is ``known`` to be a face needs no second look. Scores go down to WEAK_SCORE.
        """
        return self._find(rgb_u8, pixel_aspect, TILE_PX, known, whole=True)

    def find_small(self, rgb_u8: NDArray[np.uint8], pixel_aspect: float) -> list[FaceBox]:
        """Return the faces of (H, W, 3) in small tiles alone, as :meth:`find` does."""
        return self._find(rgb_u8, pixel_aspect, CLOSE_TILE_PX, (), whole=False)

    def _find(
        self,
        rgb_u8: NDArray[np.uint8],
        pixel_aspect: float,
        tile_px: int,
        known: Sequence[FaceBox],
        whole: bool,
    ) -> list[FaceBox]:
        height, width = rgb_u8.shape[:2]
        scale = min(1.0, WORKING_PX / max(width * pixel_aspect, float(height)))
        size = max(1, round(width * pixel_aspect * scale)), max(1, round(height * scale))
        shown = _resized(rgb_u8, size)
        seen: list[tuple[float, NDArray[np.float64]]] = []
        for square in _squares(size, tile_px, whole):
            seen += [each for each in self._answers(shown, square) if each[0] >= _logit(LEAST_PROBABILITY)]
        across, down = width / size[0], height / size[1]
        found = []
        for logit, box in _without_doubles(seen):
            face = _as_hog(box, across, down)
            if not any(face.is_same_face(one) for one in known):
                logit = self._confirmed_logit(shown, box)
            found.append(face.with_score(_score(logit)))
        return [face for face in found if face.score >= WEAK_SCORE]

    def _confirmed_logit(self, shown: NDArray[np.uint8], box: NDArray[np.float64]) -> float:
        """Return the mean logit of a face where a box is, looked at from around it, also mirrored."""
        wide = self._seen_within(shown, box, _WIDE)
        return wide if abs(wide) >= _CLEAR_LOGIT else (wide + self._seen_within(shown, box, _NARROW)) / 2

    def _seen_within(self, shown: NDArray[np.uint8], box: NDArray[np.float64], sides: float) -> float:
        side = max(2, round(sides * float(box[2:].max())))
        middle = box[:2] + box[2:] / 2
        square = _Square(round(middle[0] - side / 2), round(middle[1] - side / 2), side)
        cut = _cut(shown, square)
        there = np.concatenate([box[:2] - [square.left, square.top], box[2:]])
        back = np.concatenate([[side - there[0] - there[2]], there[1:]])
        return (self._best(cut, there) + self._best(np.ascontiguousarray(cut[:, ::-1]), back)) / 2

    def _best(self, cut: NDArray[np.uint8], box: NDArray[np.float64]) -> float:
        """Return the highest logit among the boxes of a square picture that overlap one."""
        answers = self._answers(cut, _Square(0, 0, cut.shape[0]))
        logits = [logit for logit, other in answers if _overlap(box, other) > _LEAST_OVERLAP]
        return max(logits, default=-_MOST_LOGIT)

    def _answers(self, shown: NDArray[np.uint8], square: _Square) -> list[tuple[float, NDArray[np.float64]]]:
        """Return logits above the least and boxes (left, top, width, height) in pixels of the picture."""
        raw, logits = self.raw(_cut(shown, square))
        chosen = np.flatnonzero(logits > -_MOST_LOGIT)
        middles = raw[chosen, :2] / INPUT_PX + self._cells[chosen]
        sides = raw[chosen, 2:4] / INPUT_PX
        corner = np.array([square.left, square.top])
        boxes = np.concatenate([(middles - sides / 2) * square.side + corner, sides * square.side], axis=1)
        within = np.minimum(logits[chosen], _MOST_LOGIT)
        return list(zip(within.tolist(), boxes.astype(np.float64), strict=True))

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
    right = max(left, min(width, square.left + square.side))
    bottom = max(top, min(height, square.top + square.side))
    if (right - left, bottom - top) == (square.side, square.side):
        return picture[top:bottom, left:right]
    whole = np.zeros((square.side, square.side, 3), np.uint8)
    if left >= right or top >= bottom:
        return whole
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
    for logit, box in sorted(found, key=lambda each: -each[0]):
        if all(_shared(box, other) < SAME_FACE for _, other in kept):
            kept.append((logit, box))
    return kept


def _shared(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return which part of the smaller box (left, top, width, height) both have."""
    return _common(one, other) / max(min(float(one[2:].prod()), float(other[2:].prod())), 1e-9)


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return intersection over union of two boxes (left, top, width, height)."""
    common = _common(one, other)
    return common / max(float(one[2:].prod()) + float(other[2:].prod()) - common, 1e-9)


def _common(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    corner = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    return float(np.maximum(corner - np.maximum(one[:2], other[:2]), 0.0).prod())


def _as_hog(box: NDArray[np.float64], across: float, down: float) -> FaceBox:
    """Return a box in pixels of the plate, as HOG would have drawn it."""
    side_x, side_y = box[2] / _SIDE, box[3] / _SIDE
    middle_x, middle_y = box[0] + box[2] / 2 - _RIGHT * side_x, box[1] + box[3] / 2 - _DOWN * side_y
    return FaceBox(
        x=float(middle_x - side_x / 2) * across,
        y=float(middle_y - side_y / 2) * down,
        width=float(side_x) * across,
        height=float(side_y) * down,
    )


def _score(logit: float) -> float:
    """Return a logit of a face on HOG's scale."""
    return (logit - LEAST_LOGIT) * SURE_SCORE / (SURE_LOGIT - LEAST_LOGIT)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))
