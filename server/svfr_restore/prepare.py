"""Preparing a crop for the network: grey for colorization, a filled hole for inpainting.

SVFR section 3.1 and its published inference code: colorization feeds luma in all three channels,
inpainting marks the hole in the picture itself, in this order. SVFR's network gets no mask; a model whose
hole is filled plausibly beforehand may ask for it as a fourth plane, since the picture no longer shows it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from svfr_restore.errors import UnknownHoleFill

HoleFill = Literal["white", "telea"]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_TELEA_RADIUS_PX = 5

FloatImage = npt.NDArray[np.float32]


def grey(codes: FloatImage) -> FloatImage:
    """Return (..., 3) code values with all channels replaced by 601 luma."""
    return np.repeat((codes @ LUMA)[..., None], 3, axis=-1)


def fill_telea(codes: FloatImage, hole: npt.NDArray[np.bool_]) -> FloatImage:
    """Return (H, W, 3) code values with the hole continued from its edge (Telea 2004).

    The fill passes through 8 bit, as OpenCV's implementation needs; pixels outside the hole keep theirs.
    """
    if not hole.any():
        return codes
    eight_bit = np.rint(np.clip(codes, 0.0, 1.0) * 255.0).astype(np.uint8)
    filled = cv2.inpaint(eight_bit, hole.astype(np.uint8), _TELEA_RADIUS_PX, cv2.INPAINT_TELEA)
    return np.where(hole[..., None], filled.astype(np.float32) / np.float32(255.0), codes)


def prepare(
    codes: FloatImage, tasks: Collection[str], hole: npt.NDArray[np.bool_] | None, hole_fill: HoleFill
) -> FloatImage:
    """Return what the network sees of one crop, (H, W, 3) code values in 0..1.

    ``codes`` are clipped code values; ``hole`` (H, W) counts only when ``tasks`` has "inpaint".
    ``hole_fill`` is a property of the model: "white" as published, "telea" for the preview model.
    """
    prepared = grey(codes) if "colorize" in tasks else codes
    if "inpaint" not in tasks or hole is None:
        return prepared
    if hole_fill == "white":
        return np.where(hole[..., None], np.float32(1.0), prepared)
    if hole_fill == "telea":
        return fill_telea(prepared, hole)
    raise UnknownHoleFill(f"The model asks for the hole fill {hole_fill!r}; known are white and telea.")


def with_hole_plane(prepared: FloatImage, hole: npt.NDArray[np.bool_] | None) -> FloatImage:
    """Return (H, W, 4): what the network sees, and a plane that is 1 in ``hole`` (H, W) and 0 elsewhere."""
    plane = np.zeros(prepared.shape[:2], np.float32) if hole is None else hole.astype(np.float32)
    return np.concatenate([prepared, plane[..., None]], axis=-1)
