"""How large a face's crop is: as many pixels as the plate has of it, between what the model takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from svfr_restore.crops.crop_track import CropTrack

# A crop may be this much smaller than its square on the plate before the next size is taken. Enlarged crops
# gain a little on mild damage, but softness grows with them beyond what the networks have learnt.
_SHRINK = 1.15


def crop_size(sizes: Sequence[int], crop: CropTrack) -> int:
    """Return which of ``sizes``, rising, a track is cropped to: one for all its frames.

    A crop smaller than its square on the plate hides noise and compression from the model, which would then
    find nothing to restore; a larger one costs time and shows nothing more.
    """
    side = plate_side(crop)
    return next((size for size in sizes if size * _SHRINK >= side), sizes[-1])


def crop_scale(crop_px: int, crop: CropTrack) -> float:
    """Return how many pixels a crop has, each way, for each of its square on the plate."""
    return crop_px / plate_side(crop)


def plate_side(crop: CropTrack) -> float:
    """Return the usual side of a track's square, in plate pixels."""
    return float(np.median(crop.side_px))
