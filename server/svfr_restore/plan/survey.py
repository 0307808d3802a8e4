"""The first look at a plate: cuts, faces and how bright they are, from one pass over small pictures."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr_ocio.domain import ModelDomain
from svfr_ocio.exposure import auto_exposure, face_median
from svfr_ocio.sanitise import sanitise
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.detector import FaceDetector, certain, detection_stride
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.shots import Shot, find_cuts
from svfr_restore.media.window import Window
from svfr_restore.plan.kept_survey import BlockPlace, KeptSurvey, blocks_of
from svfr_restore.plan.surveyed_frame import SurveyedFrame, Thumbnail
from svfr_restore.reports import JobContext, Report
from svfr_restore.work_pool import WorkPool, thread_count

_SMALL_WIDTH_PX = 160
# A picture is shown in strips of so many pixels, which stay in the processor's cache between steps.
_STRIP_PX = 16 * 1024
# The detector is shown a picture whose lit part has this median: a plate four stops under still has faces.
_VIEWING_CODE = 0.42
_MOST_VIEWING_GAIN = 2.0**8
# What is this much darker than the brightest percent is background: a face on black must not be blown out.
_LIT_FRACTION = 1.0 / 500.0
_VIEWING_SAMPLES = 90
# An even tone varies by less than this part of its mean in the small picture, where grain is averaged away.
_EVEN_PART = 0.02
# Of fewer pixels nobody can say whether they are even: a small face may be one pixel there.
_LEAST_EVEN_PX = 16
# An exposure is measured over the range of the job. In quarter stops a few more frames seldom change it,
# and what was computed for the shorter range stays good.
_STOPS_STEP = 0.25


@dataclass(frozen=True)
class Survey:
    """What one run of consecutive frames shows.

    ``shots`` are cut-free stretches; ``faces`` what was sighted in every frame that was looked at, in EXR
    pixels.
    """

    shots: tuple[Shot, ...]
    faces: Mapping[int, list[FaceBox]]
    thumbnails: Mapping[int, Thumbnail]

    def exposure(self, boxes: Mapping[int, FaceBox]) -> float:
        """Return the exposure that suits the given boxes of one shot, in quarter stops."""
        medians = []
        for frame in boxes.keys() & self.thumbnails.keys():
            thumbnail = self.thumbnails[frame]
            median = face_median(
                thumbnail.luminance, _box_on(thumbnail.luminance.shape, boxes[frame], thumbnail.window)
            )
            if median is not None:
                medians.append(median)
        return round(auto_exposure(medians) / _STOPS_STEP) * _STOPS_STEP if medians else 0.0

    def shows_nothing(self, frame: int, box: FaceBox) -> bool:
        """Return whether a box of a frame holds an even tone, such as a slate, a fade's end or leader.

        Where the box is too small to tell, it is taken to show something.
        """
        thumbnail = self.thumbnails[frame]
        inside = _box_on(thumbnail.luminance.shape, box, thumbnail.window) > 0.0
        values = thumbnail.luminance[inside]
        if values.size < _LEAST_EVEN_PX:
            return False
        return float(values.std()) <= _EVEN_PART * abs(float(values.mean()))


def survey_runs(
    feed: FrameFeed,
    runs: Sequence[range],
    domain: ModelDomain,
    detect: bool,
    context: JobContext,
    *,
    kept: KeptSurvey | None = None,
) -> list[Survey]:
    """See every frame of every run, in order; ``detect`` says whether faces are sought.

    ``domain`` is the plate's with no exposure. What is ``kept`` is not read again. Raises JobWasCancelled,
    and the plate's errors.
    """
    seen = _Sightings(domain, context, sum(len(run) for run in runs))
    parts = [_find_kept(run, seen, detect, kept) for run in runs]
    seen.note_known([frame for surveyed, _ in parts for frame in surveyed])
    surveys = []
    for run, (surveyed, missing) in zip(runs, parts, strict=True):
        _survey_rest(missing, surveyed, feed, seen=seen, kept=kept)
        small = (surveyed[frame].small for frame in run)
        faces = {frame: found for frame in run if (found := surveyed[frame].faces) is not None}
        thumbnails = {frame: surveyed[frame].thumbnail for frame in run}
        surveys.append(Survey(tuple(find_cuts(small, run.start)), faces, thumbnails))
    return surveys


@dataclass(frozen=True)
class _Missing:
    """A block that has to be surveyed: of each frame whether faces are sought, and where it will be kept."""

    sought: Mapping[int, bool]
    place: BlockPlace | None


def _find_kept(
    run: range, seen: _Sightings, detect: bool, kept: KeptSurvey | None
) -> tuple[dict[int, SurveyedFrame], list[_Missing]]:
    """Return what of a run was surveyed before, and the blocks that were not."""
    stride = detection_stride(len(run))
    surveyed: dict[int, SurveyedFrame] = {}
    missing = []
    for block in blocks_of(run):
        seen.stop_if_cancelled(block[0])
        sought = {f: detect and ((f - run.start) % stride == 0 or f == run[-1]) for f in block}
        place = None if kept is None else kept.place(sought)
        known = None if kept is None or place is None else kept.load(place, sought)
        if known is None:
            missing.append(_Missing(sought, place))
        else:
            surveyed.update(known)
    return surveyed, missing


def _survey_rest(
    missing: Sequence[_Missing],
    surveyed: dict[int, SurveyedFrame],
    feed: FrameFeed,
    *,
    seen: _Sightings,
    kept: KeptSurvey | None,
) -> None:
    """Survey the missing blocks into ``surveyed``; each is kept when all its frames are seen."""
    unkept = deque(block for block in missing if block.place is not None)

    def keep_seen() -> None:
        while kept is not None and unkept and all(frame in surveyed for frame in unkept[0].sought):
            block = unkept.popleft()
            assert block.place is not None
            kept.save(block.place, {frame: surveyed[frame] for frame in block.sought})

    with WorkPool(thread_count(), waiting=1) as pool:
        for block in missing:
            for frame, is_sought in block.sought.items():
                seen.stop_if_cancelled(frame)
                pool.submit(partial(seen.at, frame, seen.reading(feed, frame), is_sought, surveyed))
                keep_seen()
    keep_seen()


class _Sightings:
    """What is seen of each frame; several threads look at once, each with a detector of its own."""

    def __init__(self, domain: ModelDomain, context: JobContext, total: int) -> None:
        self._domain, self._context, self._total = domain, context, total
        self._done, self._lock, self._own = 0, threading.Lock(), threading.local()
        self.stop_if_cancelled = context.stop_if_cancelled

    def reading(self, feed: FrameFeed, frame: int) -> Callable[[], PlateFrame]:
        """Return what reads a frame, as :meth:`FrameFeed.soon` does, in the survey's time."""
        with self._context.clock.working("survey"):
            return feed.soon(frame)

    def at(
        self, frame: int, read: Callable[[], PlateFrame], is_sought: bool, surveyed: dict[int, SurveyedFrame]
    ) -> None:
        """Reduce one frame to its small pictures, and find its faces where they are sought."""
        self._context.stop_if_cancelled(frame)
        with self._context.clock.working("survey"):
            picture = read()
            faces = sightings_on(picture, self._domain, self._detector()) if is_sought else None
            small = _shrunk(sanitise(picture.rgb), picture.display_window)
            thumbnail = Thumbnail(self._domain.to_linear_luminance(small), picture.data_window)
            shown = _on_display(visible(small, self._domain), picture)
        surveyed[frame] = SurveyedFrame(shown, thumbnail, faces)
        with self._lock:
            self._context.counts["frames_surveyed"] += 1
            self._report(frame)

    def note_known(self, frames: Collection[int]) -> None:
        """Report frames whose survey was kept, at once: they say nothing of how long one takes."""
        if frames:
            with self._lock:
                self._done += len(frames) - 1
                self._report(max(frames))

    def _report(self, frame: int) -> None:
        self._done += 1
        self._context.report(Report("progress", "survey", self._done, self._total, frame=frame))

    def _detector(self) -> FaceDetector:
        """Return this thread's detector: dlib's keeps the picture it is at."""
        if not hasattr(self._own, "detector"):
            self._own.detector = FaceDetector()
        return cast(FaceDetector, self._own.detector)


def faces_on(picture: PlateFrame, domain: ModelDomain, detector: FaceDetector) -> list[FaceBox]:
    """Return the faces of one plate frame in EXR pixels, best first."""
    return certain(sightings_on(picture, domain, detector))


def sightings_on(picture: PlateFrame, domain: ModelDomain, detector: FaceDetector) -> list[FaceBox]:
    """Return the faces of one plate frame, and what may be one: see :meth:`FaceDetector.sightings`."""
    shown = visible(picture.rgb, domain)
    window = picture.data_window
    return detector.sightings(shown, window.x, window.y, pixel_aspect=picture.pixel_aspect)


def visible(plate_rgb: Float32, domain: ModelDomain) -> npt.NDArray[np.uint8]:
    """Return plate values (h, w, 3) as uint8 code values in which a detector, or a person, sees faces.

    SDR video is shown as it is, everything else at the exposure that puts its lit part in the middle.
    """
    if domain.is_passthrough:
        return eight_bit(domain.to_transfer(plate_rgb))
    gain = np.float32(_viewing_gain(plate_rgb, domain))
    shown = np.empty(plate_rgb.shape, np.uint8)
    rows = max(1, _STRIP_PX // plate_rgb.shape[1])
    for top in range(0, plate_rgb.shape[0], rows):
        strip = np.ascontiguousarray(plate_rgb[top : top + rows])
        light = domain.to_light(domain.to_transfer(strip))
        shown[top : top + rows] = eight_bit(domain.encode(light * gain))
    return shown


def _viewing_gain(plate_rgb: Float32, domain: ModelDomain) -> float:
    step = max(1, min(plate_rgb.shape[:2]) // _VIEWING_SAMPLES)
    sampled = np.ascontiguousarray(plate_rgb[::step, ::step])
    luma = domain.to_light(domain.to_transfer(sampled)).mean(axis=-1)
    brightest = float(np.percentile(luma, 99.0))
    if brightest <= 0.0:
        return 1.0
    middle = float(np.median(luma[luma > brightest * _LIT_FRACTION]))
    wanted = float(domain.decode(np.full((1, 1, 3), _VIEWING_CODE, np.float32))[0, 0, 0])
    return min(max(wanted / middle, 1.0 / _MOST_VIEWING_GAIN), _MOST_VIEWING_GAIN)


def _shrunk(plate_rgb: Float32, display: Window) -> Float32:
    """Return the picture at the scale that makes the display window 160 pixels wide."""
    scale = min(1.0, _SMALL_WIDTH_PX / display.width)
    height, width = plate_rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(plate_rgb, size, interpolation=cv2.INTER_AREA), np.float32)


def _on_display(small: npt.NDArray[np.uint8], picture: PlateFrame) -> npt.NDArray[np.uint8]:
    """Return the part of a small picture that lies on the display window, black where there is none.

    A data window that follows what was rendered must not look like a cut.
    """
    data, display = picture.data_window, picture.display_window
    if data == display:
        return small
    down, across = small.shape[0] / data.height, small.shape[1] / data.width
    canvas = Window(0, 0, max(1, round(display.width * across)), max(1, round(display.height * down)))
    left, top = round((data.x - display.x) * across), round((data.y - display.y) * down)
    placed = Window(left, top, small.shape[1], small.shape[0])
    both = placed.intersect(canvas)
    shown = np.zeros((*canvas.shape, 3), np.uint8)
    if not both.is_empty:
        shown[both.slices_in(canvas)] = small[both.slices_in(placed)]
    return shown


def _box_on(shape: Sequence[int], box: FaceBox, window: Window) -> Float32:
    """Return a (h, w) plane of the small picture that is 1 inside the box, of at least one pixel."""
    across, down = shape[1] / window.width, shape[0] / window.height
    plane = np.zeros((shape[0], shape[1]), np.float32)
    left, top = math.floor((box.x - window.x) * across), math.floor((box.y - window.y) * down)
    right = max(left + 1, math.ceil((box.x + box.width - window.x) * across))
    bottom = max(top + 1, math.ceil((box.y + box.height - window.y) * down))
    plane[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1.0
    return plane
