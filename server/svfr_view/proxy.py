"""The movie inside a page: before, after and matte of every frame, one under the other, small enough to send.

Three pictures in one frame can never come apart while a browser seeks or plays. A group of pictures is short,
so that any frame is reached at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from svfr_restore.media.movie_writer import MovieWriter
from svfr_view.pictures import FramePair
from svfr_view.shaper import Shaper

MOVIE_BYTES = 20 << 20
"""The movie's limit; with base64 and the page around it a file stays under 30 MB."""

_WIDTHS = ((120, 1280), (300, 960), (700, 640))
_LEAST_WIDTH = 512
_GROUP = 8


@dataclass(frozen=True)
class ProxySize:
    """The size of one picture of the movie, in pixels, both even."""

    width: int
    height: int

    @staticmethod
    def of(width: int, height: int, pixel_aspect: float, frames: int) -> ProxySize:
        """Return the size for so many frames of a plate, square pixels: the more frames, the smaller."""
        widest = next((px for count, px in _WIDTHS if frames <= count), _LEAST_WIDTH)
        shown = width * pixel_aspect
        scale = min(1.0, widest / shown, widest / height)
        return ProxySize(_even(shown * scale), _even(height * scale))


def reduced(pair: FramePair, size: ProxySize) -> FramePair:
    """Return a frame at the movie's size, each pixel the mean of those it covers."""
    shape = (size.width, size.height)
    before, after, matte = (
        np.asarray(cv2.resize(one, shape, interpolation=cv2.INTER_AREA), np.float32)
        for one in (pair.before, pair.after, pair.matte)
    )
    return FramePair(frame=pair.frame, before=before, after=after, matte=matte)


def write_movie(path: Path, pairs: Iterable[FramePair], shaper: Shaper, fps: Fraction, frames: int) -> None:
    """Write the movie of reduced ``pairs``; raises FileCannotBeWritten."""
    bits_a_second = int(MOVIE_BYTES * 8 / max(frames, 1) * float(fps))
    options = {
        "crf": "18",
        "preset": "fast",
        "maxrate": str(bits_a_second),
        "bufsize": str(bits_a_second),
        "g": str(_GROUP),
        "bf": "0",
        "movflags": "+faststart",
    }
    with MovieWriter(path, fps, options) as movie:
        for pair in pairs:
            matte = np.repeat(pair.matte[..., None], 3, axis=-1)
            movie.write(np.concatenate([shaper.encode(pair.before), shaper.encode(pair.after), matte]))


def _even(length: float) -> int:
    return max(2, 2 * math.floor(length / 2 + 0.5))
