"""Frontal faces by dlib's histogram-of-gradients detector, which carries its own weights (Boost licence).

It finds faces of 80 px and more, so small pictures are enlarged before; its cost grows with the pixels
(about 0.1 s for 1920 x 1080 on one core), so large ones are reduced first and looked at closely only when
nothing was found.
"""

from __future__ import annotations

import copy
import threading
from functools import cache
from typing import Any

import cv2
import dlib
import numpy as np

from svfr.arrays import UInt8
from svfr.luma import LUMA_601
from svfr_restore.faces.box import FaceBox

# The longer side at which a picture is looked at first, and once more if that found nothing.
WORKING_PX = 1920
CLOSE_PX = 3840
# Pictures up to this size are enlarged, to this factor at most: enlarging finds faces from 40 px on.
SMALL_PX = 480
MOST_ENLARGED = 2.0
# Boxes below this score are dropped. HOG scores of real frontal faces lie above about 0.3.
LEAST_SCORE = 0.0


# One at a time: whoever comes while the first is made waits for it.
_making = threading.Lock()


class HogDetector:
    """Finds upright, frontal faces on single frames, on one thread at a time.

    The first of a process takes 0.7 s, in which dlib unpacks its weights; all others are copies, 2 ms each.
    """

    def __init__(self) -> None:
        with _making:
            self._find = copy.deepcopy(_unpacked())

    def detect(self, rgb_u8: UInt8, pixel_aspect: float = 1.0) -> list[FaceBox]:
        """Return the faces of (H, W, 3) uint8 code values, best score first, in pixels of the picture.

        Pictures in which nothing is found are looked at once more, enlarged or less reduced.
        """
        height, width = rgb_u8.shape[:2]
        luma, boxes = _luma(rgb_u8), list[FaceBox]()
        for scale in _scales(max(width * pixel_aspect, float(height))):
            boxes = self._detect_scaled(luma, scale * pixel_aspect, scale)
            if boxes:
                break
        return boxes

    def _detect_scaled(self, luma: UInt8, scale_x: float, scale_y: float) -> list[FaceBox]:
        height, width = luma.shape
        size = (max(1, round(width * scale_x)), max(1, round(height * scale_y)))
        if size != (width, height):
            shrinks = scale_x < 1 and scale_y <= 1
            resized = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            luma = resized.astype(np.uint8, copy=False)
        rectangles, scores, _ = self._find.run(luma, 0, LEAST_SCORE)
        across, down = width / size[0], height / size[1]
        found = [
            FaceBox(
                x=r.left() * across,
                y=r.top() * down,
                width=r.width() * across,
                height=r.height() * down,
                score=float(score),
            )
            for r, score in zip(rectangles, scores, strict=True)
        ]
        return sorted(found, key=lambda box: -box.score)


@cache
def _unpacked() -> Any:
    """Return dlib's detector, which is only copied: one that finds keeps the picture it is at."""
    return dlib.get_frontal_face_detector()


def _scales(longer_px: float) -> list[float]:
    """Return the factors at which a picture is looked at, in turn until a face is found."""
    if longer_px <= SMALL_PX:
        return [MOST_ENLARGED]
    first = min(1.0, WORKING_PX / longer_px)
    close = min(MOST_ENLARGED, CLOSE_PX / longer_px)
    return [first, close] if close > 1.2 * first else [first]


def _luma(rgb: UInt8) -> UInt8:
    return cv2.transform(np.ascontiguousarray(rgb), LUMA_601[None])  # type: ignore[return-value]
