"""The hole that inpainting fills, made of the artist's mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import cut
from svfr_restore.media.window import Window

# The model was shown hard masks; soft roto edges and what bleeds over them must lie inside the hole.
DILATE_PX_AT_512 = 8.0
# Cutting a crop mixes a pixel with the two beside it: on small crops that, too, must lie inside.
LEAST_DILATE_PX = 3.0
THRESHOLD = 0.5


def hole_of_mask(
    mask: NDArray[np.float32], mask_window: Window, transform: CropTransform, crop_px: int
) -> NDArray[np.bool_]:
    """Return the hole (crop_px, crop_px) of a mask (h, w), 0..1, laid over plate pixels.

    Crop pixels where the mask is one half or more, grown by 8 px at a crop of 512 px, and in proportion at
    other sizes, but by no less than 3 px. An empty mask gives an empty hole.
    """
    inside = cut(mask, mask_window, transform, crop_px) >= THRESHOLD
    if not inside.any():
        return inside
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= max(DILATE_PX_AT_512 * crop_px / 512.0, LEAST_DILATE_PX))
