"""The square of one face on one plate frame: the plate's own pixels, unprepared for a network."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from svfr.arrays import Float32, Mask
from svfr.models.spec import HoleFill
from svfr_ocio.domain import ModelDomain
from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.mattes.hole import crop_around_hole, hole_of_mask
from svfr_restore.media.plate import PlateFrame
from svfr_restore.plan.track_plan import TrackPlan


class Square(NamedTuple):
    """A face's square, (S, S, 3) both: ``pixels`` in the plate's own values, ``codes`` clipped to 0..1."""

    pixels: Float32
    codes: Float32


class KeptSquares:
    """Squares between cropping and pasting, up to so many bytes: first come, first kept.

    Safe to use from several threads.
    """

    def __init__(self, keep_bytes: int) -> None:
        self._room, self._lock = keep_bytes, threading.Lock()
        self._kept: dict[tuple[int, int], Square] = {}

    def keep(self, frame: int, number: int, square: Square) -> None:
        """Keep the square of a face, by the number of its track, if there is room."""
        with self._lock:
            size = square.pixels.nbytes + square.codes.nbytes
            if size <= self._room and (frame, number) not in self._kept:
                self._kept[frame, number] = square
                self._room -= size

    def take(self, frame: int, number: int) -> Square | None:
        """Return a square and keep it no longer; None where it is not kept."""
        with self._lock:
            square = self._kept.pop((frame, number), None)
            if square is not None:
                self._room += square.pixels.nbytes + square.codes.nbytes
            return square


@dataclass(frozen=True)
class FinitePlate:
    """A plate frame, and its pixels with NaN as 0 and infinities at the range of half floats."""

    picture: PlateFrame

    @cached_property
    def rgb(self) -> Float32:
        """All pixels (h, w, 3) over the data window, finite; made when they are first asked for."""
        return sanitise(self.picture.rgb)

    def crop(self, track: TrackPlan, known: Square | None = None) -> PlateCrop:
        """Return the square of a face that is in this frame; ``known`` is what was cropped of it before."""
        transform = track.crop.transform(self.picture.frame, track.crop_px, self.picture.pixel_aspect)
        return PlateCrop(
            plate=self,
            transform=transform,
            crop_px=track.crop_px,
            domain=track.domain,
            known=known,
        )


@dataclass(frozen=True, kw_only=True)
class PlateCrop:
    """Where a face's square lies on a plate frame, and how its pixels enter the model domain."""

    plate: FinitePlate
    transform: CropTransform
    crop_px: int
    domain: ModelDomain
    known: Square | None = None

    @cached_property
    def square(self) -> Square:
        """The square as it is on the plate; its codes are what a delta is against."""
        if self.known is not None:
            return self.known
        picture = self.plate.picture
        pixels = warp_to_crop(picture.rgb, picture.data_window, self.transform, self.crop_px)
        return Square(pixels, self._codes_of(pixels))

    def codes_around_hole(self, mask: Float32 | None, hole_fill: HoleFill) -> tuple[Float32, Mask | None]:
        """Return code values (S, S, 3) and what of them is lost, (S, S), of a mask over the data window.

        See :func:`svfr_restore.mattes.hole.crop_around_hole`.
        """
        if mask is None:
            return self.square.codes, None
        pixels, hole = crop_around_hole(
            self.plate.rgb,
            mask,
            window=self.plate.picture.data_window,
            transform=self.transform,
            crop_px=self.crop_px,
            hole_fill=hole_fill,
        )
        return self._codes_of(pixels), hole

    def hole(self, mask: Float32) -> Mask:
        """Return what of the square is replaced, (S, S), of a mask over the data window."""
        return hole_of_mask(mask, self.plate.picture.data_window, self.transform, self.crop_px)

    def _codes_of(self, pixels: Float32) -> Float32:
        return np.clip(self.domain.to_codes(pixels), 0.0, 1.0)
