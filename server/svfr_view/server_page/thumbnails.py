"""Small pictures of the newest frame that a running job has written, as a monitor shows it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_client.output_names import newest_version, output_path
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.view import open_view
from svfr_restore.media.plate import open_plate
from svfr_view.pictures import config_in, display_light, provenance, space_in

EDGE_PX = 240
LEAST_SECONDS = 5.0
"""A job's picture is made anew no sooner."""
MOST_FRAMES_CHECKED = 5000
MOST_BYTES = 256 << 20
"""Of a larger file no picture is made: it would cost more than a look is worth."""
_QUALITY = 82
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Thumbnail:
    """A JPEG of frame ``frame``; ``made_at`` is a clock's time in seconds."""

    frame: int
    jpeg: bytes
    made_at: float


class Thumbnails:
    """The newest picture of each running job; may be asked from several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, Thumbnail] = {}
        self._tried: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, job: str) -> Thumbnail | None:
        """Return the picture of a job, if there is one."""
        with self._lock:
            return self._kept.get(job)

    def refresh(self, job: str, output: str, frames: FrameRange, since: float) -> None:
        """Make a picture if the job, begun at Unix time ``since``, has written a newer frame."""
        now = time.monotonic()
        if now - self._tried.get(job, -LEAST_SECONDS) < LEAST_SECONDS:
            return
        self._tried[job] = now
        try:
            pattern, frame = output, newest_frame(output, frames, since)
            if frame is None:  # a job that must not overwrite writes the next version
                pattern = newest_version(output)
                frame = newest_frame(pattern, frames, since)
            known = self.of(job)
            if frame is None or (known is not None and known.frame == frame):
                return
            made = Thumbnail(frame, picture_of(output_path(pattern, frame)), now)
        except (SvfrError, OSError, ValueError, cv2.error) as problem:
            # a frame may be half written, replaced, or gone: the next look finds another
            _log.info("no thumbnail of %s: %s", job, problem)
            return
        with self._lock:
            self._kept[job] = made

    def forget_others(self, jobs: set[str]) -> None:
        """Keep only the pictures of these jobs."""
        with self._lock:
            for kept in (self._kept, self._tried):
                for job in set(kept) - jobs:
                    del kept[job]


def newest_frame(output: str, frames: FrameRange, since: float) -> int | None:
    """Return the frame whose file was written last, at Unix time ``since`` or later; None: there is none."""
    newest: tuple[float, int] | None = None
    for frame in frames.frames[:MOST_FRAMES_CHECKED]:
        try:
            written = output_path(output, frame).stat()
        except OSError:
            continue
        if written.st_mtime >= since and written.st_size <= MOST_BYTES:
            newest = max(newest or (written.st_mtime, frame), (written.st_mtime, frame))
    return None if newest is None else newest[1]


def picture_of(path: Path) -> bytes:
    """Return a restored file as a JPEG of at most EDGE_PX a side, through the default view of its config.

    Raises what opening the file, its config and its space raises.
    """
    plate = open_plate(str(path))
    made = provenance(path)
    config = open_config(config_in(made))
    domain = ModelDomain.build(config, space_in(made) or plate.colour_hint or "scene_linear")
    frame = plate.read(plate.frames[0])
    height, width = frame.rgb.shape[:2]
    scale = min(1.0, EDGE_PX / max(width * plate.pixel_aspect, height))
    size = (max(1, round(width * plate.pixel_aspect * scale)), max(1, round(height * scale)))
    finite = np.nan_to_num(frame.rgb, nan=0.0, posinf=1.0, neginf=0.0)
    small = np.asarray(cv2.resize(finite, size, interpolation=cv2.INTER_AREA), np.float32)
    shown = open_view(config, domain).show(display_light(domain, domain.to_transfer(small)))
    codes = np.rint(shown[..., ::-1] * 255.0).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(jpeg)
