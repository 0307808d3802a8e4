"""Whether a job's frames show anything to restore at all, known as soon as one frame does."""

from __future__ import annotations

from collections.abc import Iterator

from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_client.vocabulary import DETECTING_MODES
from svfr_ocio.domain import ModelDomain
from svfr_restore.errors import MaskIsEmpty, NoFaceFound
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.mattes.mask_feed import MaskFeed
from svfr_restore.mattes.matte import marks_any, matte_box
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import Plate
from svfr_restore.plan.frames import JobFrames
from svfr_restore.plan.survey import faces_on


def detects(spec: JobSpec) -> bool:
    """Return whether the job's crops come from detected faces."""
    return spec.faces.mode in DETECTING_MODES and spec.crop_tracks is None


def nothing_to_restore(
    spec: JobSpec, plate: Plate, frames: JobFrames, domain: ModelDomain, mask: MaskFeed | None
) -> SvfrError | None:
    """Return NoFaceFound or MaskIsEmpty when no frame shows a face or mask; stops at the first that does.

    For jobs that fail for other reasons: their user fixes everything at once, and seldom waits for it.
    """
    order = list(_spread(frames.read))
    if detects(spec):
        feed, detector = FrameFeed(plate), FaceDetector()
        if not any(faces_on(feed.read(frame), domain, detector) for frame in order):
            return no_face_found(plate, frames)
    if spec.faces.mode != "mask" or spec.crop_tracks is not None or mask is None:
        return None
    marks = (matte_box(mask.read(frame, plate.display), plate.display) for frame in order)
    return mask_is_empty(frames) if all(mark is None for mark in marks) else None


def unmarked(plate: Plate, frames: JobFrames, mask: MaskFeed) -> MaskIsEmpty | None:
    """Return MaskIsEmpty for a mask that marks nothing in any frame; stops at the first that it marks.

    A job through such a mask would come back as it went, and look like a restored one.
    """
    order = _spread(frames.written)
    seen = any(marks_any(mask.read(frame, plate.display)) for frame in order)
    return None if seen else mask_is_empty(frames)


def no_face_found(plate: Plate, frames: JobFrames) -> NoFaceFound:
    """Return the error of a range without any face."""
    first, last = frames.read[0], frames.read[-1]
    return NoFaceFound(
        f"No face was found in any frame from {first} to {last}.",
        frame=first,
        path=plate.pattern,
        remedy="Show where it is with a box (--box x,y,w,h) or a mask, or check the colour space.",
    )


def mask_is_empty(frames: JobFrames) -> MaskIsEmpty:
    """Return the error of a mask that marks nothing."""
    return MaskIsEmpty(
        "The mask is empty in every frame, so it marks nothing to restore.",
        frame=frames.read[0],
        remedy="Check the mask's frames and its channel (--mask-channel), or choose the region by box.",
    )


def _spread(frames: tuple[int, ...]) -> Iterator[int]:
    """Yield the frames in an order that soon has been everywhere: every 16th, then those between."""
    for stride_start in sorted(range(min(16, len(frames))), key=lambda i: f"{i:04b}"[::-1]):
        yield from frames[stride_start::16]
