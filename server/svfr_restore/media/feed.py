"""Reading a plate frame by frame, with a neighbour in place of a missing one, and few frames twice."""

from __future__ import annotations

import bisect
import dataclasses
import threading
from collections.abc import Callable, Sequence
from functools import partial

from svfr_restore.media.plate import Plate, PlateFrame


def nearest_before(frames: Sequence[int], frame: int) -> int:
    """Return the frame that stands for ``frame``: itself, else the one before it, else the first."""
    return frames[max(bisect.bisect_right(frames, frame) - 1, 0)]


class FrameFeed:
    """Reads a plate's frames; a missing one is held from the nearest before it, else from the first.

    A job looks at each frame three times. Up to ``keep_bytes`` of decoded pixels are kept from one time to
    the next: first come, first kept, since a frame that was let go for another would have to be decoded as
    well. Safe to read from several threads.
    """

    def __init__(self, plate: Plate, keep_bytes: int = 0) -> None:
        self._plate, self._room = plate, keep_bytes
        self._kept: dict[int, PlateFrame] = {}
        self._lock = threading.Lock()

    def read(self, frame: int) -> PlateFrame:
        """Return the picture of ``frame``, numbered as asked also when it is held from another."""
        source = nearest_before(self._plate.frames, frame)
        with self._lock:
            picture = self._kept.get(source)
        if picture is None:
            picture = self._plate.read(source)
            self._keep(source, picture)
        return dataclasses.replace(picture, frame=frame)

    def soon(self, frame: int, is_last: bool = False) -> Callable[[], PlateFrame]:
        """Return what reads ``frame``, by :meth:`read` or :meth:`read_last`, for a thread of a pool to call.

        A file is decoded when it is called, so that several are decoded at once. A movie's frame is decoded
        here and now: those come out of their file in order.
        """
        read = self.read_last if is_last else self.read
        if self._plate.kind != "movie":
            return partial(read, frame)
        picture = read(frame)
        return lambda: picture

    def read_last(self, frame: int) -> PlateFrame:
        """Return the picture as :meth:`read` does and keep it no longer: it will not be needed again."""
        source = nearest_before(self._plate.frames, frame)
        with self._lock:
            picture = self._kept.pop(source, None)
            self._room += 0 if picture is None else _pixel_bytes(picture)
        return dataclasses.replace(picture or self._plate.read(source), frame=frame)

    def _keep(self, source: int, picture: PlateFrame) -> None:
        size = _pixel_bytes(picture)
        with self._lock:
            if source not in self._kept and size <= self._room:
                picture.rgb.flags.writeable = False  # several stages see the same pixels
                self._kept[source] = picture
                self._room -= size


def _pixel_bytes(picture: PlateFrame) -> int:
    return picture.rgb.nbytes + (0 if picture.alpha is None else picture.alpha.nbytes)
