"""Reading a plate frame by frame, with a neighbour in place of a missing one."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence

from svfr_restore.media.plate import Plate, PlateFrame


def nearest_before(frames: Sequence[int], frame: int) -> int:
    """Return the frame that stands for ``frame``: itself, else the one before it, else the first."""
    return frames[max(bisect.bisect_right(frames, frame) - 1, 0)]


class FrameFeed:
    """Reads a plate's frames; a missing one is held from the nearest before it, else from the first."""

    def __init__(self, plate: Plate) -> None:
        self._plate = plate

    def read(self, frame: int) -> PlateFrame:
        """Return the picture of ``frame``, numbered as asked also when it is held from another."""
        picture = self._plate.read(nearest_before(self._plate.frames, frame))
        return dataclasses.replace(picture, frame=frame)
