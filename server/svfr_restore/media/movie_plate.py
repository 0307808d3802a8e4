"""A movie as a plate: code values in float by its matrix and range tags, frame 1 first."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.error

from svfr_client.files import is_file
from svfr_client.reasons import in_one_line
from svfr_restore.errors import (
    FrameSizeDiffers,
    MovieCannotBeRead,
    MovieRateVaries,
    PlateFormatNotSupported,
    PlateNotFound,
)
from svfr_restore.media.colour_claims import UNSPECIFIED, ColourClaimOfFile, of_codes
from svfr_restore.media.file_state import file_state
from svfr_restore.media.movie_colours import first_other
from svfr_restore.media.movie_frame import MovieTags, display_matrix, frame_alpha, frame_bits, frame_rgb
from svfr_restore.media.movie_reader import MovieReader, moving_streams
from svfr_restore.media.orientation import orientation_of_matrix, swaps_sides, upright
from svfr_restore.media.plate_base import FrameShape, Plate, PlateFrame, SourceTags
from svfr_restore.media.regular_file import require_regular, require_size
from svfr_restore.media.timecode import Timecode
from svfr_restore.media.window import Window
from svfr_restore.media.yuv import CodingIsUnknown

MOVIE_SUFFIXES = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".mpg", ".mpeg", ".ts")
_FIRST_FRAME = 1
# A movie whose frame numbers, by time, leave out this part or more has no rate at all.
_MOST_MISSING = 0.5
_NO_CODES = "The movie has more frames a second than a time code in an EXR can count: its frames carry none."
_OBLIQUE = "The movie asks to be shown turned by no quarter, or distorted: its frames stay as they lie."
_CLOCK_JITTER = Fraction(1, 3)
_HOURS = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)")
# Cropping and writing go through the frames at once, each at a place of its own; a third may look around.
_MOST_READERS = 3


class MoviePlate(Plate):
    """The first video stream of a movie file, turned as its metadata asks.

    Frames are numbered by their time, as hosts seek them: a frame that was dropped while recording is
    missing. A movie whose times fit no rate is refused with MovieRateVaries.
    """

    kind = "movie"

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._path = Path(pattern)
        require_regular(self._path)
        if not is_file(self._path):
            raise PlateNotFound("The movie does not exist.", path=pattern, remedy="Check the path.")
        self._lock = threading.Lock()
        with self._named_errors(None):
            self.opened_state = file_state(self._path)  # before it is opened: later it may be another file's
            self._reader = MovieReader(self._path)
            skipped = self._reader.drop_undecodable_start()
            if not self._reader.index.count:
                raise ValueError("it holds no pictures")
            first = self._reader.frame(0)
            stream = self._reader.stream
            context = stream.codec_context
            self._tags = MovieTags(context.codec.name, int(context.colorspace), int(context.color_range))
            frame_rgb(first, self._tags)  # a layout or matrix that is not supported is told at once
        require_size(first.width, first.height, len(first.format.components), self._path)
        rate = stream.guessed_rate or stream.average_rate
        self.fps = Fraction(rate) if rate else None
        self._positions = self._numbered()
        self.frames = tuple(self._positions)
        turn = orientation_of_matrix(display_matrix(first))
        self._orientation = turn or 1
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        self.pixel_aspect, width, height = float(aspect) if aspect else 1.0, first.width, first.height
        if swaps_sides(self._orientation):
            self.pixel_aspect, width, height = 1.0 / self.pixel_aspect, height, width
        self.display = self.data_window = Window(0, 0, width, height)
        self.sample_bits = frame_bits(first)
        self.colour = self._colour_of(first)
        self._timecode = self._first_timecode()
        self._source_tags = self._read_tags()
        self._readers = [self._reader]
        self.notes = self._notes(skipped, bool(first.interlaced_frame))
        if self._timecode is not None and self._timecode.bits(self.fps) is None:
            self.notes = (*self.notes, _NO_CODES)
        if turn is None:
            self.notes = (*self.notes, _OBLIQUE)

    def _numbered(self) -> dict[int, int]:
        """Return each frame's place in the index by its number, which follows from its time."""
        index = self._reader.index
        in_order = {number + _FIRST_FRAME: number for number in range(index.count)}
        base = self._reader.stream.time_base
        if index.times is None or self.fps is None or base is None:
            return in_order
        step = 1 / (self.fps * Fraction(base))
        rates = [step]
        if index.count > 1:  # a rate that the container states wrongly shows in the times themselves
            rates.append(Fraction(index.times[-1] - index.times[0], index.count - 1))
        for ticks in rates:
            exact = [Fraction(time - index.times[0]) / ticks for time in index.times] if ticks else []
            numbers = [round(place) for place in exact]
            fits = all(
                abs(place - number) <= _CLOCK_JITTER for place, number in zip(exact, numbers, strict=True)
            )
            is_dense = bool(numbers) and index.count > (numbers[-1] + 1) * _MOST_MISSING
            if fits and is_dense and len(set(numbers)) == len(numbers):
                return {number + _FIRST_FRAME: place for place, number in enumerate(numbers)}
        raise MovieRateVaries(
            "The movie has no constant frame rate, so its frames have no numbers that a host would agree on.",
            path=self._path,
            remedy="Convert it to a constant rate (ffmpeg -fps_mode cfr), or to numbered pictures.",
        )

    def _first_timecode(self) -> Timecode | None:
        """Return the time code of frame 1, from the video stream, its time-code track or the file."""
        found = (Timecode.parse(source["timecode"]) for source in self._metadata() if "timecode" in source)
        return next((code for code in found if code is not None), None)

    def _metadata(self) -> list[dict[str, str]]:
        """Return what the video stream, every stream and the file say; Matroska writes names in capitals."""
        container = self._reader.container
        sources = [self._reader.stream.metadata, *(s.metadata for s in container.streams), container.metadata]
        return [{name.lower(): value for name, value in source.items()} for source in sources]

    def _read_tags(self) -> SourceTags:
        """Return the reel, owner and date that the streams or the file state."""
        stated: dict[str, str] = {}
        for source in self._metadata():
            stated = {**source, **stated}
        date = _DATE.match(stated.get("creation_time", ""))
        return SourceTags(
            reel=stated.get("reel_name", ""),
            owner=stated.get("copyright", ""),
            captured=f"{date[1]}:{date[2]}:{date[3]} {date[4]}" if date else "",
        )

    def _notes(self, skipped: int, is_interlaced: bool) -> tuple[str, ...]:
        notes = []
        if self._metadata()[0].get("alpha_mode") == "1":
            notes.append("The movie's alpha lies beside its pictures (WebM) and is not read.")
        streams = len(moving_streams(self._reader.container))
        if streams > 1:
            notes.append(f"The movie holds {streams} streams of pictures: the first one is restored.")
        if (ends_early := self._ends_early(skipped)) is not None:
            notes.append(
                f"The movie ends after frame {self.frames[-1]}, though it says that it has {ends_early}: "
                "it may be truncated."
            )
        if skipped:
            notes.append(
                f"The movie begins inside a group of pictures: {skipped} of them cannot be decoded, "
                "and frame 1 is the first one that can."
            )
        if is_interlaced:
            notes.append(
                "The movie is interlaced: its lines are restored as they lie, two moments in a frame."
            )
        return tuple(notes)

    def _ends_early(self, skipped: int) -> int | None:
        """Return how many frames the movie says that it has, where its data ends before the last of them."""
        stream, container = self._reader.stream, self._reader.container
        promised = stream.frames
        if not promised and self.fps is not None:
            seconds = _duration(self._metadata()[0].get("duration", ""))
            if seconds is None and len(container.streams) == 1 and container.duration:
                seconds = Fraction(container.duration, av.time_base)
            promised = round(seconds * self.fps) if seconds is not None else 0
        count = self.frames[-1] - self.frames[0] + 1 + skipped + self._reader.index.left_out
        return promised if promised > count + max(1, count // 100) else None

    def path(self, frame: int) -> Path:
        """Return the movie file, whatever the frame."""
        return self._path

    def probe(self, frame: int) -> FrameShape:
        """Check that the movie has the frame; the file itself was checked when it was opened."""
        if frame not in self._positions:
            raise self._missing(frame)
        return self.shape()

    def _colour_of(self, picture: av.VideoFrame) -> ColourClaimOfFile:
        context = self._reader.stream.codec_context
        return of_codes(
            _stated(picture.color_primaries, context.color_primaries),
            _stated(picture.color_trc, context.color_trc),
            _stated(picture.colorspace, context.colorspace),
        )

    def other_colour(self, frames: Iterable[int]) -> tuple[int, str | None] | None:
        """Return the first frame that states another colour, of those at which decoding can start."""
        numbers = {self._positions[frame]: frame for frame in frames if frame in self._positions}
        reader = self._reader.another()
        try:
            place = first_other(
                reader,
                sorted(numbers),
                lambda picture: self._colour_of(picture).interop_id == self.colour_hint,
            )
            if place is None:
                return None
            return numbers[place], self._colour_of(reader.frame(place)).interop_id
        finally:
            reader.close()

    def read(self, frame: int) -> PlateFrame:
        """Return one picture as code values. Raises MovieCannotBeRead when it cannot be decoded."""
        self.probe(frame)
        with self._named_errors(frame):
            with self._lock:
                picture = self._reader_for(self._positions[frame]).frame(self._positions[frame])
            rgb = upright(frame_rgb(picture, self._tags), self._orientation)
            alpha = frame_alpha(picture)
        if rgb.shape[:2] != self.display.shape:
            raise FrameSizeDiffers(
                f"The movie changes to {picture.width}x{picture.height} pixels.",
                frame=frame,
                path=self._path,
                remedy="Export it at one resolution.",
            )
        window, bits = self.display, frame_bits(picture)
        timecode = self._timecode
        if timecode is not None and self.fps is not None:
            timecode = timecode.plus(frame - _FIRST_FRAME, self.fps)
        return PlateFrame(
            frame=frame,
            path=self._path,
            kind="movie",
            rgb=rgb,
            alpha=None if alpha is None else upright(alpha, self._orientation),
            data_window=window,
            display_window=window,
            pixel_aspect=self.pixel_aspect,
            sample_bits=bits,
            fps=self.fps,
            tags=replace(self._source_tags, timecode=timecode),
        )

    def _reader_for(self, position: int) -> MovieReader:
        """Return the reader that is just before a frame, else a further one, else the one idle longest."""
        near = next((reader for reader in self._readers if reader.reads_on_to(position)), None)
        if near is None and len(self._readers) < _MOST_READERS:
            near = self._reader.another()
        near = near or self._readers[0]
        self._readers = [reader for reader in self._readers if reader is not near] + [near]
        return near

    def close(self) -> None:
        """Close the file; the plate cannot be read afterwards."""
        for reader in self._readers:
            reader.close()

    @contextlib.contextmanager
    def _named_errors(self, frame: int | None) -> Iterator[None]:
        try:
            yield
        except CodingIsUnknown as error:
            raise PlateFormatNotSupported(
                f"The movie's colours cannot be read: {in_one_line(_reason(error))}.",
                frame=frame,
                path=self._path,
                remedy="Convert it to an image sequence or to a movie of another codec, and restore that.",
            ) from error
        except (av.error.FFmpegError, ValueError) as error:
            raise MovieCannotBeRead(
                f"The movie cannot be decoded: {in_one_line(_reason(error))}.",
                frame=frame,
                path=self._path,
                remedy="Check that the file plays from beginning to end, or export it again.",
            ) from error


def _stated(by_picture: int, by_container: int) -> int:
    """Return a code of the picture's own, else of its container: many a ProRes file says it only there."""
    return int(by_container if int(by_picture) in (0, UNSPECIFIED) else by_picture)


def _duration(text: str) -> Fraction | None:
    """Return the seconds of a Matroska stream's tag, like 00:00:10.500000000."""
    found = _HOURS.fullmatch(text.strip())
    return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + Fraction(found[3])


def _reason(error: Exception) -> str:
    return error.strerror or "its data is damaged" if isinstance(error, av.error.FFmpegError) else str(error)
