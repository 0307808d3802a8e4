"""The square of one face on one plate frame: the plate's own pixels, unprepared for a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svfr.arrays import Float32, Mask
from svfr.models.spec import HoleFill
from svfr_ocio.domain import ModelDomain
from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.mattes.hole import crop_around_hole, hole_of_mask
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.plan.track_plan import TrackPlan


@dataclass(frozen=True)
class FinitePlate:
    """A plate frame whose pixels ``rgb`` (h, w, 3), over its data window, are all finite.

    Made once for all faces of the frame.
    """

    picture: PlateFrame
    rgb: Float32

    @classmethod
    def of(cls, picture: PlateFrame) -> FinitePlate:
        """Return a frame with NaN as 0 and infinities at the range of half floats."""
        return cls(picture, sanitise(picture.rgb))

    def crop(self, track: TrackPlan) -> PlateCrop:
        """Return the square of a face that is in this frame."""
        transform = track.crop.transform(self.picture.frame, track.crop_px, self.picture.pixel_aspect)
        return PlateCrop(
            plate_rgb=self.rgb,
            data_window=self.picture.data_window,
            transform=transform,
            crop_px=track.crop_px,
            domain=track.domain,
        )


@dataclass(frozen=True, kw_only=True)
class PlateCrop:
    """Where a face's square lies on a plate frame, and how its pixels enter the model domain."""

    plate_rgb: Float32
    data_window: Window
    transform: CropTransform
    crop_px: int
    domain: ModelDomain

    def pixels(self) -> Float32:
        """Return the square in the plate's own values, (S, S, 3)."""
        return warp_to_crop(self.plate_rgb, self.data_window, self.transform, self.crop_px)

    def codes(self) -> Float32:
        """Return the square as code values (S, S, 3), clipped to 0..1: what a delta is against."""
        return self._codes_of(self.pixels())

    def codes_around_hole(self, mask: Float32 | None, hole_fill: HoleFill) -> tuple[Float32, Mask | None]:
        """Return code values (S, S, 3) and what of them is lost, (S, S), of a mask over the data window.

        See :func:`svfr_restore.mattes.hole.crop_around_hole`.
        """
        pixels, hole = crop_around_hole(
            self.plate_rgb,
            mask,
            window=self.data_window,
            transform=self.transform,
            crop_px=self.crop_px,
            hole_fill=hole_fill,
        )
        return self._codes_of(pixels), hole

    def hole(self, mask: Float32) -> Mask:
        """Return what of the square is replaced, (S, S), of a mask over the data window."""
        return hole_of_mask(mask, self.data_window, self.transform, self.crop_px)

    def _codes_of(self, pixels: Float32) -> Float32:
        return np.clip(self.domain.to_codes(pixels), 0.0, 1.0)
