"""Crops of one face track on disk: a shot's pixels are never in memory together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.sampling.network_input import to_network
from svfr_client.errors import FileCannotBeWritten
from svfr_client.reasons import reason_of
from svfr_client.sizes import size_text
from svfr_restore.errors import DiskSpaceIsShort
from svfr_restore.stages_together import StagesTogether

_REMEDY = "Free space there, or set TMPDIR to a folder on a larger disk before the server starts."


class CropSpool:
    """Square float32 crops (S, S, P) of consecutive frames in one file, written and read by frame.

    P is 3, or 4 for what a network with a hole plane sees: see
    :func:`svfr.sampling.network_input.with_hole_plane`. Plain file reads, not a memory map: mapped pages
    would count as the process's memory.
    """

    def __init__(self, path: Path, frames: range, crop_px: int, planes: int = 3) -> None:
        self.path, self.frames, self.crop_px = path, frames, crop_px
        self._shape = (crop_px, crop_px, planes)
        self._bytes = crop_bytes(crop_px, planes)
        path.touch()

    def write(self, frame: int, crop: Float32) -> None:
        """Store one frame's crop. Raises FileCannotBeWritten, for instance when the disk is full."""
        try:
            with self.path.open("r+b") as file:
                file.seek(self.frames.index(frame) * self._bytes)
                file.write(np.ascontiguousarray(crop, np.float32).data)
        except OSError as error:
            raise FileCannotBeWritten(
                f"A crop cannot be kept on disk: {reason_of(error)}.",
                frame=frame,
                path=self.path.parent,
                remedy=_REMEDY,
            ) from error

    def crops(self, start: int, stop: int) -> Float32:
        """Return crops (stop - start, S, S, P); indices count from the first frame."""
        with self.path.open("rb") as file:
            file.seek(start * self._bytes)
            data = file.read((stop - start) * self._bytes)
        return np.frombuffer(data, np.float32).reshape(-1, *self._shape)

    def crop(self, frame: int) -> Float32:
        """Return one frame's crop (S, S, P)."""
        index = self.frames.index(frame)
        return self.crops(index, index + 1)[0]

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return crops as the network takes them, (stop - start, P, S, S) in [-1, 1]."""
        return to_network(self.crops(start, stop))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


class FillingSpool(CropSpool):
    """Crops that one stage writes while another reads them: who is early waits for the frame."""

    def __init__(
        self, path: Path, frames: range, crop_px: int, planes: int = 3, *, together: StagesTogether
    ) -> None:
        super().__init__(path, frames, crop_px, planes)
        self._together = together
        self._is_there = np.zeros(len(frames), np.bool_)

    def write(self, frame: int, crop: Float32) -> None:
        """Store one frame's crop and wake whoever waits for it."""
        super().write(frame, crop)
        index = self.frames.index(frame)
        self._together.tell(lambda: self._is_there.__setitem__(index, True))

    def crops(self, start: int, stop: int) -> Float32:
        """Wait for the crops and return them."""
        self._together.wait_until(lambda: bool(self._is_there[start:stop].all()))
        return super().crops(start, stop)


def crop_bytes(crop_px: int, planes: int = 3) -> int:
    """Return what one crop takes on disk."""
    return crop_px * crop_px * planes * 4


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raise DiskSpaceIsShort when crops of so many bytes do not fit beside what is in ``folder``."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise DiskSpaceIsShort(
            f"The crops need {size_text(needed_bytes)} while the job runs; {size_text(free)} are free.",
            path=folder,
            remedy=_REMEDY,
        )
