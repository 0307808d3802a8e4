"""How much fine detail a picture has, and how much of it is the truth's.

Blur loses detail, and noise only feigns it. Detail is 601 luma less its Gaussian blur of 1.5 px, over all
frames of a clip at once. ``energy`` is its mean square in units of the truth's: blur has less than 1, noise
may have more. ``true_share`` is the coefficient of the truth's detail in the result's, so that noise, which
the truth does not have, counts nothing: 1 for the truth, 0 for a flat picture or mere noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr_lab.metrics.errors import PicturesDoNotMatch

SIGMA_PX = 1.5
_LEAST_ENERGY = 1e-12


@dataclass(frozen=True)
class Detail:
    """The two figures of a clip, both 1 for the truth itself."""

    energy: float
    true_share: float


def detail(clip: Float32, truth: Float32, mask: NDArray[np.bool_] | None = None) -> Detail:
    """Return the detail of ``clip`` in units of the truth's, both (F, H, W, 3) code values.

    With ``mask`` (H, W) only its True pixels count. Raises PicturesDoNotMatch for other shapes and where the
    truth has no detail to compare with.
    """
    if clip.shape != truth.shape or clip.ndim != 4 or (mask is not None and mask.shape != clip.shape[1:3]):
        raise PicturesDoNotMatch(
            f"Detail cannot be compared: result {clip.shape}, truth {truth.shape},"
            f" mask {None if mask is None else mask.shape}.",
            remedy="Pass two clips (F, H, W, 3) of one shape, and a mask of one frame's.",
        )
    found, wanted = (_fine(frames, mask) for frames in (clip, truth))
    wanted_energy = float(np.square(wanted).sum())
    if wanted_energy < _LEAST_ENERGY:
        raise PicturesDoNotMatch(
            "The truth has no detail where it is to be compared.", remedy="Compare a larger part of it."
        )
    return Detail(
        float(np.square(found).sum()) / wanted_energy, float((found * wanted).sum()) / wanted_energy
    )


def _fine(clip: Float32, mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    luma = luma_601(clip.astype(np.float64))[..., 0]
    fine = np.stack([frame - cv2.GaussianBlur(frame, (0, 0), SIGMA_PX) for frame in luma])
    return fine if mask is None else fine[:, mask]
