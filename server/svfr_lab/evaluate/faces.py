"""Where the face is: found once, in the truth, so that both sides are judged on the very same pixels.

Looking in the result would let a bad restoration choose its own crop, or leave frames out in which its face
is no longer recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svfr.arrays import Float32, Float64
from svfr.eight_bit import eight_bit
from svfr_client.job import Box
from svfr_lab.evaluate.clips import FramePair
from svfr_lab.evaluate.pictures import PicturePair, PictureSource, whole_window
from svfr_lab.evaluate.protocol import FaceRegion
from svfr_restore.crops.crop_track import CropTrack, track_of_box, track_of_frame
from svfr_restore.crops.smoothing import smooth_track
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import choose_tracks
from svfr_restore.faces.detector import FaceDetector, detection_stride
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.tracks import build_tracks
from svfr_restore.media.shots import find_cuts

CROP_PX = 256
_THUMB_WIDTH_PX = 160


@dataclass(frozen=True)
class FaceView:
    """The face of one frame: both sides' crops (S, S, 3) of code values and the truth's five points.

    ``points`` (5, 2) are in crop pixels, None where the finder cannot place them in the truth. ``track``
    tells faces of different shots apart.
    """

    result: Float32
    truth: Float32
    points: Float64 | None
    track: int


class FaceFinder:
    """Cuts the face out of pairs of pictures along crop tracks that count frames from 0."""

    def __init__(self, tracks: Sequence[CropTrack], pixel_aspect: float) -> None:
        self._tracks, self._pixel_aspect = tracks, pixel_aspect
        self._points = FivePointFinder()

    def face(self, number: int, pair: PicturePair) -> FaceView | None:
        """Return the face of the ``number``-th frame of the clip, None where there is none."""
        for track, crop in enumerate(self._tracks):
            if number in crop.frames:
                transform = crop.transform(number, CROP_PX, self._pixel_aspect)
                window = whole_window(pair.truth)
                result, truth = (
                    np.clip(warp_to_crop(picture, window, transform, CROP_PX), 0.0, 1.0)
                    for picture in (pair.result, pair.truth)
                )
                return FaceView(result, truth, self.five_points(truth), track)
        return None

    def five_points(self, crop: Float32) -> Float64 | None:
        """Return the five points (5, 2) of a crop in its pixels, None when they cannot be placed."""
        return self._points.five_points(eight_bit(crop))


def find_faces(
    source: PictureSource,
    frames: Sequence[FramePair],
    region: FaceRegion,
    box: Box | None,
    progress: Callable[[int], None],
) -> list[CropTrack]:
    """Return the crop tracks of the truth's face, one for each shot that shows one; frames count from 0.

    With a ``box``, in pixels of the compared picture, that square; with the region "frame" the square
    around the whole picture; else the largest face of every shot. ``progress`` is told how many frames were
    looked at.
    """
    numbers = range(len(frames))
    if box is not None:
        aspect = source.pixel_aspect
        return [
            track_of_box(
                0, numbers, x=box.x, y=box.y, width=box.width, height=box.height, pixel_aspect=aspect
            )
        ]
    if region == "frame":
        window = whole_window(source.read_truth(frames[0]))
        return [track_of_frame(0, numbers, window, source.pixel_aspect)]
    return _largest_faces(source, frames, progress)


def _largest_faces(
    source: PictureSource, frames: Sequence[FramePair], progress: Callable[[int], None]
) -> list[CropTrack]:
    detector, stride = FaceDetector(), detection_stride(len(frames))
    seen: dict[int, list[FaceBox]] = {}
    thumbs = []
    window = None
    for number, pair in enumerate(frames):
        picture = eight_bit(source.read_truth(pair))
        window = whole_window(picture)
        if number % stride == 0 or number == len(frames) - 1:
            seen[number] = detector.detect(picture, pixel_aspect=source.pixel_aspect)
        height = max(1, round(_THUMB_WIDTH_PX * picture.shape[0] / picture.shape[1]))
        small = cv2.resize(picture, (_THUMB_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        thumbs.append(small.astype(np.uint8, copy=False))
        progress(number + 1)
    if window is None:
        return []
    chosen = [
        track for shot in find_cuts(thumbs, 0) for track in choose_tracks(build_tracks(seen, shot), "largest")
    ]
    return [smooth_track(track, window, source.pixel_aspect) for track in chosen]
