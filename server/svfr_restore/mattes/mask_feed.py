"""The job's mask by frame, whether it came as files, as a movie or as splines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from svfr.arrays import Float32
from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_client.masks import SplineMask
from svfr_restore.mattes.last_read import LastRead
from svfr_restore.mattes.movie import MovieMatte
from svfr_restore.mattes.raster import check_shape_cost, check_shape_size, rasterise
from svfr_restore.mattes.sequence import MatteSequence
from svfr_restore.media.feed import nearest_before
from svfr_restore.media.movie_plate import MOVIE_SUFFIXES
from svfr_restore.media.plate_base import Plate
from svfr_restore.media.window import Window


class MaskFeed(Protocol):
    """A soft matte for every frame, in plate pixels."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the mask before it is used, as sentences."""

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return everything that would stop :meth:`read` for these frames."""

    def path(self, frame: int) -> Path | None:
        """Return the file that holds for a frame; None where the mask is in no file."""

    def read(self, frame: int, window: Window) -> Float32:
        """Return the matte (h, w), 0..1, of a frame over the pixels of ``window``; not to be changed."""


class SplineFeed:
    """Splines, rasterised on demand; a shape that holds over several frames is rasterised once."""

    notes: tuple[str, ...] = ()

    def __init__(self, mask: SplineMask, display: Window) -> None:
        self._mask, self._display = mask, display
        self._last: LastRead[Float32] = LastRead()

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return a MaskSizeDiffers for the first frame drawn over another size, or a BadMask as too long."""
        before = None
        for frame in frames:
            shape = self._mask.at(frame)
            if shape is before:
                continue
            before = shape
            try:
                check_shape_size(shape, self._display, frame)
                check_shape_cost(shape, self._display, frame)
            except SvfrError as problem:
                return [problem]
        return []

    def path(self, frame: int) -> Path | None:
        """Return None: splines are in the job."""
        return None

    def read(self, frame: int, window: Window) -> Float32:
        """Rasterise the shape that holds at ``frame``."""
        shape = self._mask.at(frame)
        # shapes are told apart by being the same object: the mask holds them all, and they may be long
        return self._last.get((id(shape), window), lambda: rasterise(shape, window))


class MatteFeed:
    """A rendered matte: a sequence or one still.

    Context frames (handles, short gaps) may lack a file: artists roto what is seen. The nearest earlier
    one, else the first, then stands for them.
    """

    def __init__(self, mattes: MatteSequence) -> None:
        self._mattes, self.notes = mattes, mattes.notes
        self._frames = mattes.pattern.frames() if mattes.pattern is not None else ()
        self._last: LastRead[Float32] = LastRead()

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return gaps, files that cannot be opened and files of another size."""
        return self._mattes.check(frames)

    def path(self, frame: int) -> Path | None:
        """Return the file that holds for ``frame``, its own or an earlier one."""
        return self._mattes.path(self._source(frame))

    def read(self, frame: int, window: Window) -> Float32:
        """Read the file that holds for ``frame``."""
        source = self._source(frame)
        known_by = source if self._frames else None
        return self._last.get((known_by, window), lambda: self._mattes.read(source, window))

    def _source(self, frame: int) -> int:
        return nearest_before(self._frames, frame) if self._frames else frame


def open_mask(spec: JobSpec, plate: Plate) -> MaskFeed | None:
    """Return the job's mask, or None; raises MaskCannotBeRead, BadPathPattern, and a movie's own errors."""
    if spec.mask_splines is not None:
        return SplineFeed(spec.mask_splines, plate.display)
    if spec.mask_path is None:
        return None
    if Path(spec.mask_path).suffix.lower() in MOVIE_SUFFIXES:
        return MovieMatte(Path(spec.mask_path), plate.display, plate.frames[0], spec.mask_channel)
    return MatteFeed(MatteSequence.open(spec.mask_path, plate.display, spec.mask_channel))
