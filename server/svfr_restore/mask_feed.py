"""The job's mask by frame, whether it came as files or as splines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from svfr_client.errors import SvfrError
from svfr_client.masks import SplineMask
from svfr_client.messages import JobSpec
from svfr_restore.mattes.raster import check_shape_size, rasterise
from svfr_restore.mattes.sequence import MatteSequence
from svfr_restore.media.window import Window

Plane = npt.NDArray[np.float32]


class MaskFeed(Protocol):
    """A soft matte for every frame, in plate pixels."""

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return everything that would stop :meth:`read` for these frames."""

    def read(self, frame: int, window: Window) -> Plane:
        """Return the matte (h, w), 0..1, of a frame over the pixels of ``window``."""


class SplineFeed:
    """Splines, rasterised on demand."""

    def __init__(self, mask: SplineMask, display: Window) -> None:
        self._mask, self._display = mask, display

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return a MaskSizeDiffers for the first frame drawn over another picture size."""
        for frame in frames:
            try:
                check_shape_size(self._mask.at(frame), self._display, frame)
            except SvfrError as problem:
                return [problem]
        return []

    def read(self, frame: int, window: Window) -> Plane:
        """Rasterise the shape that holds at ``frame``."""
        return rasterise(self._mask.at(frame), window)


def open_mask(spec: JobSpec, display: Window) -> MaskFeed | None:
    """Return the job's mask, or None; raises MaskCannotBeRead and BadPathPattern."""
    if spec.mask_splines is not None:
        return SplineFeed(spec.mask_splines, display)
    if spec.mask_path is not None:
        return MatteSequence.open(spec.mask_path, display)
    return None
