"""Exact random access to the frames of a movie.

The packets are listed once, without decoding: their presentation times in order are the frames. A frame is
then found by its time, never by counting from a seek, so B-frames, open groups of pictures and edit lists
do not shift it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition

_STILL_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails
_READ_ON_FRAMES = 16  # decoding this far ahead is cheaper than a seek


@dataclass(frozen=True)
class MovieIndex:
    """Presentation times of all frames in order, and those of the frames where decoding can start.

    ``times`` is None when the file does not give every frame its own time (old AVI): frames are then
    counted from the beginning. ``count`` is the number of frames, ``left_out`` of those that an edit list
    hides.
    """

    times: tuple[int, ...] | None
    starts: tuple[int, ...]
    count: int
    left_out: int = 0


def list_frames(path: Path) -> MovieIndex:
    """Read all packets of the first video stream. Raises FFmpegError; ValueError without one."""
    times: list[int | None] = []
    starts: list[int] = []
    left_out = 0
    with av.open(str(path)) as container:
        for packet in container.demux(moving_streams(container)[0]):
            if packet.size == 0 or packet.is_discard:  # the final flush; frames cut off by an edit list
                left_out += packet.size > 0
                continue
            times.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                starts.append(packet.pts)
    known = [time for time in times if time is not None]
    if len(set(known)) != len(times):
        return MovieIndex(None, (), len(times), left_out)
    return MovieIndex(tuple(sorted(known)), tuple(sorted(starts)), len(times), left_out)


def moving_streams(container: InputContainer) -> list[av.VideoStream]:
    """Return the video streams that are no cover or thumbnail; raises ValueError without one."""
    streams = list(container.streams.video)
    moving = [stream for stream in streams if not stream.disposition & _STILL_PICTURE] or streams
    if not moving:
        raise ValueError("there is no video stream")
    return moving


class MovieReader:
    """An open movie that decodes any frame by its position (0 first). Not safe for several threads."""

    def __init__(self, path: Path, index: MovieIndex | None = None) -> None:
        self._path = path
        self.index = list_frames(path) if index is None else index
        self._open()

    def another(self) -> MovieReader:
        """Return a reader of the same frames with a place of its own."""
        return MovieReader(self._path, self.index)

    def reads_on_to(self, position: int) -> bool:
        """Whether the frame comes by decoding on a little, without a seek."""
        return self._next is not None and 0 <= position - self._next < _READ_ON_FRAMES

    def drop_undecodable_start(self) -> int:
        """Leave out the frames before the first that comes out of the decoder; return how many.

        A recording that was started in the middle of a broadcast begins inside a group of pictures.
        """
        if self.index.times is None:
            return 0
        sound = (frame.pts for frame in self._frames if not frame.is_corrupt)
        first = next((time for time in sound if time is not None), None)
        self.close()
        self._open()
        if first is None:
            return 0
        dropped = bisect.bisect_left(self.index.times, first)
        times = self.index.times[dropped:]
        starts = tuple(start for start in self.index.starts if start >= first)
        self.index = MovieIndex(times, starts, len(times), self.index.left_out)
        return dropped

    def _open(self) -> None:
        self.container = av.open(str(self._path))
        self.stream = moving_streams(self.container)[0]
        self.stream.thread_type = "AUTO"
        self._frames = self._decoding()
        self._next: int | None = 0  # position of the frame that decoding yields next; None after a seek

    def _decoding(self) -> Iterator[av.VideoFrame]:
        yield from self.container.decode(self.stream)

    def frame(self, position: int) -> av.VideoFrame:
        """Return a decoded frame. Raises av.error.FFmpegError, and ValueError when the movie lacks it."""
        found = self._counted(position) if self.index.times is None else self._timed(position)
        if found is None:
            raise ValueError(f"frame {position + 1} of {self.index.count} does not come out of the decoder")
        self._next = position + 1
        return found

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def _counted(self, position: int) -> av.VideoFrame | None:
        if self._next is None or position < self._next:
            self.close()
            self._open()
        for found in self._frames:
            here, self._next = self._next or 0, (self._next or 0) + 1
            if here == position:
                return found
        return None

    def _timed(self, position: int) -> av.VideoFrame | None:
        assert self.index.times is not None
        target = self.index.times[position]
        if self.reads_on_to(position):
            found = self._read_until(target)
            if found is not None:
                return found
        earlier = bisect.bisect_right(self.index.starts, target)
        for start in reversed(self.index.starts[max(0, earlier - 2) : earlier]):
            self.container.seek(start, stream=self.stream, backward=True, any_frame=False)
            self._frames = self._decoding()
            found = self._read_until(target)
            if found is not None:
                return found
        self.close()
        self._open()
        return self._read_until(target)

    def _read_until(self, target: int) -> av.VideoFrame | None:
        """Decode on to the frame of that time; None when decoding is already past it or ends before."""
        self._next = None
        for found in self._frames:
            if found.pts == target:
                return found
            if found.pts is not None and found.pts > target:
                return None
        return None
