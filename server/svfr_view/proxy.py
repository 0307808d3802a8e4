"""The movie inside a page: before, after, matte and doubts of every frame, one under the other.

Pictures in one frame can never come apart while a browser seeks or plays. A group of pictures is short, so
that any frame is reached at once, and the whole is small enough to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from svfr_restore.media.movie_writer import MovieWriter
from svfr_view.pictures import FramePair
from svfr_view.shaper import Shaper

MOVIE_BYTES = 20 << 20
"""The movie's limit; with base64 and the page around it a file stays under 30 MB."""

_MOST_BITS_A_SECOND = 400_000_000
"""Of a still or a few frames the limit would be more than the encoder takes, and than any picture needs."""
_GROUP = 8
DOUBT_GAIN = 4.0
"""Invention and spread are stored so many times their code values: what is worth a look is small."""


def write_movie(
    path: Path,
    pairs: Iterable[FramePair],
    shaper: Shaper,
    fps: Fraction,
    *,
    frames: int,
    doubts: Sequence[str] = (),
) -> None:
    """Write the movie of reduced ``pairs``, with these doubts under the matte; raises FileCannotBeWritten."""
    bits_a_second = min(int(MOVIE_BYTES * 8 / max(frames, 1) * float(fps)), _MOST_BITS_A_SECOND)
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
            empty = np.zeros_like(pair.matte)
            planes = [pair.matte, *(DOUBT_GAIN * pair.doubts.get(name, empty) for name in doubts)]
            greys = [np.repeat(np.clip(plane, 0.0, 1.0)[..., None], 3, axis=-1) for plane in planes]
            movie.write(np.concatenate([shaper.encode(pair.before), shaper.encode(pair.after), *greys]))
