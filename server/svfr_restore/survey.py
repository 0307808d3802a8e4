"""The first look at a plate: cuts, faces and how bright they are, from one pass over small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from svfr_ocio.domain import ModelDomain
from svfr_ocio.exposure import auto_exposure, face_median
from svfr_restore.errors import JobWasCancelled
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.detector import FaceDetector, detection_stride
from svfr_restore.frame_feed import FrameFeed
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.reports import CancelCheck, Report, Reporter
from svfr_restore.shots import Shot, find_cuts

_SMALL_WIDTH_PX = 160
# The detector is shown a picture whose median is middle grey: a plate four stops under still has faces.
_LOOK_CODE = 0.42
_MOST_LOOK_GAIN = 2.0**8


@dataclass(frozen=True)
class Survey:
    """What one run of consecutive frames shows.

    ``shots`` are cut-free stretches; ``faces`` the boxes of every frame that was looked at, in EXR pixels;
    ``luminance`` a small ACEScg luminance picture of each frame over ``window``, for metering.
    """

    shots: tuple[Shot, ...]
    faces: Mapping[int, list[FaceBox]]
    luminance: Mapping[int, npt.NDArray[np.float32]]
    window: Window

    def exposure(self, boxes: Mapping[int, FaceBox]) -> float:
        """Return the exposure in stops that suits the given boxes of one shot (colour.exposure)."""
        medians = []
        for frame, box in boxes.items():
            small = self.luminance.get(frame)
            if small is None:
                continue
            median = face_median(small, _box_on(small.shape, box, self.window))
            if median is not None:
                medians.append(median)
        return auto_exposure(medians) if medians else 0.0


def survey_run(
    feed: FrameFeed, run: range, domain: ModelDomain, detect: bool, report: Reporter, cancelled: CancelCheck
) -> Survey:
    """Look at every frame of a run once; ``detect`` says whether faces are sought.

    ``domain`` is the plate's with no exposure. Raises JobWasCancelled, and the plate's errors.
    """
    detector = FaceDetector() if detect else None
    stride = detection_stride(len(run))
    small_pictures: list[npt.NDArray[np.uint8]] = []
    faces: dict[int, list[FaceBox]] = {}
    luminance: dict[int, npt.NDArray[np.float32]] = {}
    window = Window(0, 0, 0, 0)
    for index, frame in enumerate(run):
        if cancelled():
            raise JobWasCancelled("The job was cancelled while the plate was looked at.", frame=frame)
        plate_frame = feed.read(frame)
        window = plate_frame.data_window
        picture = _visible(plate_frame, domain)
        if detector is not None and (index % stride == 0 or frame == run[-1]):
            faces[frame] = detector.detect(picture, window.x, window.y, pixel_aspect=plate_frame.pixel_aspect)
        small = _shrunk(picture.astype(np.float32))
        small_pictures.append(np.rint(small).astype(np.uint8))
        luminance[frame] = domain.to_linear_luminance(_shrunk(_finite(plate_frame.rgb)))
        report(Report("progress", "survey", index + 1, len(run), frame=frame))
    return Survey(tuple(find_cuts(small_pictures, run.start)), faces, luminance, window)


def _finite(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return plate values a resize can average: no NaN, nothing beyond half floats."""
    return np.clip(np.nan_to_num(rgb, nan=0.0, posinf=65504.0, neginf=-65504.0), -65504.0, 65504.0)


def _visible(plate_frame: PlateFrame, domain: ModelDomain) -> npt.NDArray[np.uint8]:
    """Return the plate as (H, W, 3) uint8 code values that a detector can see faces in."""
    rgb = _finite(plate_frame.rgb)
    if domain.is_passthrough:
        codes = rgb
    else:
        light = domain.to_light(domain.to_transfer(rgb))
        middle = float(np.median(light[::8, ::8].mean(axis=-1)))
        wanted = float(domain.decode(np.full((1, 1, 3), _LOOK_CODE, np.float32))[0, 0, 0])
        gain = np.clip(wanted / max(middle, 1e-6), 1.0 / _MOST_LOOK_GAIN, _MOST_LOOK_GAIN)
        codes = domain.encode(light * np.float32(gain))
    return np.rint(np.clip(codes, 0.0, 1.0) * 255.0).astype(np.uint8)


def _shrunk(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    height, width = picture.shape[:2]
    scale = min(1.0, _SMALL_WIDTH_PX / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _box_on(shape: Sequence[int], box: FaceBox, window: Window) -> npt.NDArray[np.float32]:
    """Return a (h, w) plane of the small picture that is 1 inside the box, of at least one pixel."""
    height, width = shape[0], shape[1]
    plane = np.zeros((height, width), np.float32)
    left = int((box.x - window.x) / window.width * width)
    top = int((box.y - window.y) / window.height * height)
    right = max(left + 1, int(np.ceil((box.x + box.width - window.x) / window.width * width)))
    bottom = max(top + 1, int(np.ceil((box.y + box.height - window.y) / window.height * height)))
    plane[max(top, 0) : bottom, max(left, 0) : right] = 1.0
    return plane
