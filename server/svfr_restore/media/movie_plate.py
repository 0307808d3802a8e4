"""A movie as a plate: code values in float by its matrix and range tags, frame 1 first."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av.error

from svfr_restore.errors import FrameSizeDiffers, MovieCannotBeRead, PlateNotFound
from svfr_restore.media.movie_frame import MovieTags, frame_bits, frame_rgb
from svfr_restore.media.movie_reader import MovieReader
from svfr_restore.media.plate_base import FrameShape, Plate, PlateFrame
from svfr_restore.media.window import Window

MOVIE_SUFFIXES = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".mpg", ".mpeg", ".ts")
_FIRST_FRAME = 1
_UNTAGGED = 2
# H.273 TransferCharacteristics -> Color Interop ID; video that says nothing is taken for Rec.709
_INTEROP_IDS = {
    1: "g24_rec709_display",
    _UNTAGGED: "g24_rec709_display",
    6: "g24_rec709_display",
    13: "srgb_rec709_display",
    16: "pq_rec2020_display",
    18: "hlg_rec2020_display",
}


class MoviePlate(Plate):
    """The first video stream of a movie file. Display rotation in its metadata is not applied."""

    kind = "movie"

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._path = Path(pattern)
        if not self._path.is_file():
            raise PlateNotFound("The movie does not exist.", path=pattern, remedy="Check the path.")
        self._lock = threading.Lock()
        with self._named_errors(None):
            self._reader = MovieReader(self._path)
            if not self._reader.index.count:
                raise ValueError("it holds no pictures")
            first = self._reader.frame(0)
            stream = self._reader.stream
            context = stream.codec_context
            self._tags = MovieTags(context.codec.name, int(context.colorspace), int(context.color_range))
            frame_rgb(first, self._tags)  # a layout or matrix that is not supported is told at once
        self.frames = tuple(range(_FIRST_FRAME, _FIRST_FRAME + self._reader.index.count))
        self.display = self.data_window = Window(0, 0, first.width, first.height)
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        self.pixel_aspect = float(aspect) if aspect else 1.0
        rate = stream.average_rate or stream.guessed_rate
        self.sample_bits = frame_bits(first)
        self.fps = Fraction(rate) if rate else None
        self.colour_hint = _INTEROP_IDS.get(int(first.color_trc or context.color_trc or _UNTAGGED))

    def path(self, frame: int) -> Path:
        """Return the movie file, whatever the frame."""
        return self._path

    def probe(self, frame: int) -> FrameShape:
        """Check that the movie has the frame; the file itself was checked when it was opened."""
        if not self.frames[0] <= frame <= self.frames[-1]:
            raise self._missing(frame)
        return self.shape()

    def read(self, frame: int) -> PlateFrame:
        """Return one picture as code values. Raises MovieCannotBeRead when it cannot be decoded."""
        self.probe(frame)
        with self._named_errors(frame):
            with self._lock:
                picture = self._reader.frame(frame - _FIRST_FRAME)
            rgb = frame_rgb(picture, self._tags)
        if rgb.shape[:2] != self.display.shape:
            raise FrameSizeDiffers(
                f"The movie changes to {picture.width}x{picture.height} pixels.",
                frame=frame,
                path=self._path,
                remedy="Export it at one resolution.",
            )
        window, bits = self.display, frame_bits(picture)
        return PlateFrame(
            frame, self._path, "movie", rgb, None, window, window, self.pixel_aspect, bits, self.fps
        )

    def close(self) -> None:
        """Close the file; the plate cannot be read afterwards."""
        self._reader.close()

    @contextlib.contextmanager
    def _named_errors(self, frame: int | None) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, ValueError) as error:
            raise MovieCannotBeRead(
                f"The movie cannot be decoded: {error}.",
                frame=frame,
                path=self._path,
                remedy="Check that the file plays from beginning to end, or export it again.",
            ) from error
