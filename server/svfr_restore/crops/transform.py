"""Where a crop lies on the plate: the one map that every warp, matte and ST layer uses, in both directions.

Plate positions are EXR pixel space (x right, y down, pixel centres at +0.5); crop positions are the same
convention over ``crop_px`` x ``crop_px`` pixels. There is no rotation: x and y scale on their own, so that
the crop is square on screen when plate pixels are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from svfr.arrays import Float64
from svfr_restore.media.window import Window

# A crop edge that lies this close to a pixel edge is meant to lie on it: JSON and smoothing arithmetic
# leave errors of about 1e-10 px, and a copy must not become a resampling because of them.
SNAP_PX = 1e-6


@dataclass(frozen=True)
class CropTransform:
    """plate = (left, top) + crop * (scale_x, scale_y); scales are plate pixels per crop pixel, > 0."""

    left: float
    top: float
    scale_x: float
    scale_y: float

    @classmethod
    def of_square(
        cls, centre_x: float, centre_y: float, side_px: float, crop_px: int, pixel_aspect: float
    ) -> CropTransform:
        """Return the map of a square of ``side_px`` screen pixels (= plate rows) around a plate position.

        A plate pixel is ``pixel_aspect`` times as wide as it is high, so the square is side / aspect plate
        columns wide. Edges and scales within ``SNAP_PX`` of whole pixels are put exactly on them.
        """
        width = side_px / pixel_aspect
        return cls(
            left=_snap(centre_x - width / 2),
            top=_snap(centre_y - side_px / 2),
            scale_x=_snap(width) / crop_px,
            scale_y=_snap(side_px) / crop_px,
        )

    @property
    def is_copy(self) -> bool:
        """Whether crop pixels are plate pixels: both scales exactly 1, both offsets whole."""
        return (
            self.scale_x == 1.0
            and self.scale_y == 1.0
            and self.left == math.floor(self.left)
            and self.top == math.floor(self.top)
        )

    def to_plate(self, u: Float64, v: Float64) -> tuple[Float64, Float64]:
        """Return plate positions of crop positions."""
        return self.left + u * self.scale_x, self.top + v * self.scale_y

    def to_crop(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Return crop positions of plate positions."""
        return (x - self.left) / self.scale_x, (y - self.top) / self.scale_y

    def window(self, crop_px: int) -> Window:
        """Return the plate pixels that the crop touches, also beyond the plate's edge."""
        return Window.from_corners(
            math.floor(self.left),
            math.floor(self.top),
            math.ceil(self.left + crop_px * self.scale_x),
            math.ceil(self.top + crop_px * self.scale_y),
        )


def _snap(value: float) -> float:
    nearest = float(round(value))
    return nearest if abs(value - nearest) < SNAP_PX else value
