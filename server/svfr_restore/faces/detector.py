"""Faces on single frames: what dlib's HOG detector and MediaPipe's BlazeFace find together.

HOG finds upright frontal faces of 80 px and more. BlazeFace, where its file is installed, finds small,
blurred, turned and half covered ones as well; what HOG does not confirm it looks at a second time. Its boxes
are brought to HOG's convention and its scores to HOG's scale, so that a track may be seen now by one and now
by the other. Where neither finds anything a picture is looked at in smaller tiles. Without the file HOG
works alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from svfr.arrays import UInt8
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.faces.blaze_face import BlazeFace
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.hog import HogDetector
from svfr_restore.faces.model_files import DETECTOR, installed_file


class FaceDetector:
    """Finds faces on single frames, on one thread at a time; see HogDetector for what building one takes.

    Raises FaceModelIsDamaged for an installed file that is not the one it should be.
    """

    def __init__(self) -> None:
        self._hog = HogDetector()
        file = installed_file(DETECTOR)
        self._blaze = None if file is None else BlazeFace(file)

    def detect(
        self, rgb_u8: UInt8, origin_x: float = 0.0, origin_y: float = 0.0, pixel_aspect: float = 1.0
    ) -> list[FaceBox]:
        """Return the faces of (H, W, 3) uint8 code values, best score first, in EXR pixels of the plate.

        ``origin`` is the plate position of the picture's top left corner (its data window's). With a pixel
        aspect other than 1 the picture is looked at as it appears on screen.
        """
        return certain(self.sightings(rgb_u8, origin_x, origin_y, pixel_aspect))

    def sightings(
        self, rgb_u8: UInt8, origin_x: float = 0.0, origin_y: float = 0.0, pixel_aspect: float = 1.0
    ) -> list[FaceBox]:
        """Return as :meth:`detect` does, and after the faces what may be one, with scores below 0.

        That is what a face looks like while it is blurred, turned away or covered, and what much else looks
        like; only :func:`svfr_restore.faces.tracks.build_tracks` can tell.
        """
        if rgb_u8.ndim != 3 or rgb_u8.shape[2] != 3 or rgb_u8.dtype != np.uint8 or rgb_u8.size == 0:
            raise PictureArrayDoesNotFit(
                f"Faces are sought on an array of shape {rgb_u8.shape} and type {rgb_u8.dtype}.",
                remedy="Pass (H, W, 3) uint8 code values.",
            )
        boxes = self._boxes(rgb_u8, pixel_aspect)
        return [
            FaceBox(
                x=origin_x + box.x, y=origin_y + box.y, width=box.width, height=box.height, score=box.score
            )
            for box in boxes
        ]

    def _boxes(self, rgb_u8: UInt8, pixel_aspect: float) -> list[FaceBox]:
        found = self._hog.detect(rgb_u8, pixel_aspect)
        if self._blaze is None:
            return found
        both = united(found, self._blaze.find(rgb_u8, pixel_aspect, found))
        return both if certain(both) else united(both, self._blaze.find_small(rgb_u8, pixel_aspect))


def certain(boxes: Iterable[FaceBox]) -> list[FaceBox]:
    """Return the boxes that are finds."""
    return [box for box in boxes if box.score >= 0.0]


def united(first: Iterable[FaceBox], second: Iterable[FaceBox]) -> list[FaceBox]:
    """Return the faces of two finders, best score first.

    A face that both found has the first one's box and the higher score.
    """
    found = list(first)
    for box in sorted(second, key=lambda each: -each.score):
        same = next((place for place, one in enumerate(found) if one.is_same_face(box)), None)
        if same is None:
            found.append(box)
        else:
            found[same] = found[same].with_score(max(found[same].score, box.score))
    return sorted(found, key=lambda box: -box.score)


def detection_stride(frame_count: int, most_detections: int = 48, most_stride: int = 5) -> int:
    """Return that every n-th frame is looked at: every one up to ``most_detections``, never rarer than 5th.

    Boxes between are interpolated by the track. SVFR's published code looks at every fifth. On a real clip
    and three rendered ones, two of them also degraded, that moved the smoothed crop by 1.5 to 5.7 % of its
    side, and no face came nearer to the crop's edge by more than 2 %; on two clips the side itself changed by
    8 and 9 %.
    """
    return max(1, min(most_stride, -(-frame_count // most_detections)))
