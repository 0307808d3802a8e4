"""The hole that inpainting fills, made of the artist's mask.

There are two: what the network is told is lost, and what of its answer replaces the plate. The second is the
larger one, so that nothing of the damage shines through where crop pixels meet plate pixels at the edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.sampling.network_input import HoleFill
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.media.window import Window

# The model was shown hard masks; soft roto edges and what bleeds over them must lie inside the hole.
DILATE_PX_AT_512 = 8.0
# Cutting a crop mixes a pixel with the two beside it: on small crops that, too, must lie inside.
LEAST_DILATE_PX = 3.0
THRESHOLD = 0.5


def hole_of_mask(
    mask: NDArray[np.float32], mask_window: Window, transform: CropTransform, crop_px: int
) -> NDArray[np.bool_]:
    """Return what is replaced, (crop_px, crop_px), of a mask (h, w), 0..1, laid over plate pixels.

    Crop pixels where the mask is one half or more, grown by 8 px at a crop of 512 px, and in proportion at
    other sizes, but by no less than 3 px. An empty mask gives an empty hole.
    """
    inside = warp_to_crop(mask, mask_window, transform, crop_px) >= THRESHOLD
    if not inside.any():
        return inside
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= max(DILATE_PX_AT_512 * crop_px / 512.0, LEAST_DILATE_PX))


def crop_around_hole(
    rgb: NDArray[np.float32],
    mask: NDArray[np.float32] | None,
    *,
    window: Window,
    transform: CropTransform,
    crop_px: int,
    hole_fill: HoleFill,
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return a crop (S, S, 3) for a network and what of it is lost, (S, S), None without a mask.

    ``rgb`` (h, w, 3) is finite and ``mask`` (h, w) 0..1, both over ``window``. A hole that is marked "white"
    is that of :func:`hole_of_mask`. One that is continued from its edge gives no known pixel away:
    the crop is resampled from unmasked plate pixels alone, and lost where they are less than half of what a
    crop pixel covers.
    """
    crop = warp_to_crop(rgb, window, transform, crop_px)
    if mask is None:
        return crop, None
    if hole_fill == "white":
        return crop, hole_of_mask(mask, window, transform, crop_px)
    known = (mask < THRESHOLD).astype(np.float32)
    known_part = warp_to_crop(known, window, transform, crop_px)
    hole = known_part < THRESHOLD
    mixed = (known_part < 1.0) & ~hole
    if mixed.any():
        weighted = warp_to_crop(rgb * known[..., None], window, transform, crop_px)
        crop[mixed] = weighted[mixed] / known_part[mixed][:, None]
    return crop, hole
