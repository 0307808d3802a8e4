"""Five points by MediaPipe's face mesh, run by OpenCV (Kartynnik et al. 2019, arXiv 1907.06724).

The net sees an upright face in 192 x 192 pixels and places 468 points on it, with a logit for whether there
is a face at all. The first look is at the middle of the crop; each further one at what the points of the one
before covered, turned so that the eyes lie level.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_restore.faces.model_files import open_network

INPUT_PX = 192
_OUTPUTS = ("conv2d_20", "conv2d_30")
_ROUNDS = 3
# The part of a crop that the first look takes: what is left and right of a face in it is not needed.
_FIRST_SHARE = 0.9
# The net was trained on squares this many times as large as what its points cover.
_SIDE_IN_EXTENTS = 1.5
LEAST_PRESENCE = 0.1
"""Under this probability the net sees no face; face or not, degradation lowers it, so it is no detector."""

# The lids of the eyes, picture's left first; the nose tip; the corners of the mouth, picture's left first.
_EYES = ((33, 133, 160, 159, 158, 144, 145, 153), (362, 263, 385, 386, 387, 373, 374, 380))
_NOSE, _MOUTH = 1, (61, 291)


class FaceMesh:
    """The net of one file; it keeps no state."""

    def __init__(self, file: Path) -> None:
        self._net = open_network(file)

    def five_points(self, crop_u8: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Return the points (5, 2) in pixels of a square crop (S, S, 3) uint8 RGB code values, or None.

        As :meth:`svfr_restore.faces.landmarks.FivePointFinder.five_points`; None where the net sees no face.
        """
        side = crop_u8.shape[0]
        square = _placed(np.array([side / 2, side / 2]), _FIRST_SHARE * side, 0.0)
        points = None
        for _ in range(_ROUNDS):
            seen, presence = self._find(crop_u8, square)
            if presence < LEAST_PRESENCE:
                return None
            points = seen
            square = _around(points)
        return None if points is None else five_of(points)

    def _find(
        self, crop_u8: NDArray[np.uint8], square: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Return the 468 points (468, 2) in pixels of the crop, and the probability of a face.

        ``square`` (2, 3) takes pixels of the net's input to pixels of the crop.
        """
        # OpenCV counts from the first pixel's centre
        centred = square.copy()
        centred[:, 2] += square[:, :2] @ [0.5, 0.5] - 0.5
        way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(crop_u8, centred, (INPUT_PX, INPUT_PX), flags=way)
        picture = np.asarray(shown, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        self._net.setInput(np.ascontiguousarray(picture))
        raw, logit = self._net.forward(list(_OUTPUTS))
        points = np.asarray(raw, np.float64).reshape(-1, 3)[:, :2]
        presence = 1.0 / (1.0 + np.exp(-float(np.asarray(logit).reshape(-1)[0])))
        return points @ square[:, :2].T + square[:, 2], presence


def five_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return eyes, nose tip and mouth corners (5, 2) of the mesh's points (468, 2)."""
    eyes = [points[list(lids)].mean(axis=0) for lids in _EYES]
    return np.stack([*eyes, points[_NOSE], *(points[corner] for corner in _MOUTH)])


def _around(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the square to look at next: around the points, with the eyes level."""
    left, right = (points[list(lids)].mean(axis=0) for lids in _EYES)
    angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
    level = points @ _turn(angle)
    low, high = level.min(axis=0), level.max(axis=0)
    middle = (low + high) / 2 @ _turn(angle).T
    return _placed(middle, _SIDE_IN_EXTENTS * float((high - low).max()), angle)


def _placed(middle: NDArray[np.float64], side: float, angle: float) -> NDArray[np.float64]:
    """Return the matrix (2, 3) from pixels of the net's input to those of the crop."""
    linear = _turn(angle) * side / INPUT_PX
    return np.concatenate([linear, (middle - linear @ [INPUT_PX / 2, INPUT_PX / 2])[:, None]], axis=1)


def _turn(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
