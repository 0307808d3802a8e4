"""Frontal faces by dlib's histogram-of-gradients detector, which carries its own weights (Boost licence).

It finds faces of 80 px and more, so small pictures are enlarged before; its cost grows with the pixels
(about 0.1 s for 1920 x 1080 on one core), so large ones are reduced first and looked at closely only when
nothing was found.
"""

from __future__ import annotations

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from svfr.luma import LUMA_601
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.faces.box import FaceBox

# The longer side at which a picture is looked at first, and once more if that found nothing.
WORKING_PX = 1920
CLOSE_PX = 3840
# Pictures up to this size are enlarged, to this factor at most: enlarging finds faces from 40 px on.
SMALL_PX = 480
MOST_ENLARGED = 2.0
# Boxes below this score are dropped. HOG scores of real frontal faces lie above about 0.3.
LEAST_SCORE = 0.0

Image = NDArray[np.uint8]


class FaceDetector:
    """Finds upright faces on single frames. Building one takes about 0.1 s; it keeps no state."""

    def __init__(self) -> None:
        self._find = dlib.get_frontal_face_detector()

    def detect(
        self, rgb_u8: Image, origin_x: float = 0.0, origin_y: float = 0.0, pixel_aspect: float = 1.0
    ) -> list[FaceBox]:
        """Return the faces of (H, W, 3) uint8 code values, best score first, in EXR pixels of the plate.

        ``origin`` is the plate position of the picture's top left corner (its data window's). With a pixel
        aspect other than 1 the picture is looked at as it appears on screen.
        """
        if rgb_u8.ndim != 3 or rgb_u8.shape[2] != 3 or rgb_u8.dtype != np.uint8 or rgb_u8.size == 0:
            raise PictureArrayDoesNotFit(
                f"Faces are sought on an array of shape {rgb_u8.shape} and type {rgb_u8.dtype}.",
                remedy="Pass (H, W, 3) uint8 code values.",
            )
        height, width = rgb_u8.shape[:2]
        longer = max(width * pixel_aspect, float(height))
        luma = _luma(rgb_u8)
        boxes: list[FaceBox] = []
        for scale in _scales(longer):
            boxes = self._detect_scaled(luma, scale * pixel_aspect, scale)
            if boxes:
                break
        return [
            FaceBox(origin_x + box.x, origin_y + box.y, box.width, box.height, box.score) for box in boxes
        ]

    def _detect_scaled(self, luma: Image, scale_x: float, scale_y: float) -> list[FaceBox]:
        height, width = luma.shape
        size = (max(1, round(width * scale_x)), max(1, round(height * scale_y)))
        if size != (width, height):
            shrinks = scale_x < 1 and scale_y <= 1
            resized = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            luma = resized.astype(np.uint8, copy=False)
        rectangles, scores, _ = self._find.run(luma, 0, LEAST_SCORE)
        across, down = width / size[0], height / size[1]
        found = [
            FaceBox(r.left() * across, r.top() * down, r.width() * across, r.height() * down, float(score))
            for r, score in zip(rectangles, scores, strict=True)
        ]
        return sorted(found, key=lambda box: -box.score)


def detection_stride(frame_count: int, most_detections: int = 400, most_stride: int = 5) -> int:
    """Return that every n-th frame is looked at: every one up to ``most_detections``, never rarer than 5th.

    Boxes between are interpolated by the track. SVFR's published code looks at every fifth.
    """
    return max(1, min(most_stride, -(-frame_count // most_detections)))


def _scales(longer_px: float) -> list[float]:
    """Return the factors at which a picture is looked at, in turn until a face is found."""
    if longer_px <= SMALL_PX:
        return [MOST_ENLARGED]
    first = min(1.0, WORKING_PX / longer_px)
    close = min(MOST_ENLARGED, CLOSE_PX / longer_px)
    return [first, close] if close > 1.2 * first else [first]


def _luma(rgb: Image) -> Image:
    return cv2.transform(np.ascontiguousarray(rgb), LUMA_601[None])  # type: ignore[return-value]
