"""Peak signal-to-noise ratio of frames and clips, and structural similarity of frames.

Pictures are float code values in 0..1, so the peak is 1. A matte in 0..1 weighs pixels; one that is 1
everywhere changes nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from svfr.arrays import Float32
from svfr_lab.metrics.errors import PicturesDoNotMatch, PictureTooSmall

MOST_DB = 100.0
"""Equal pictures score this instead of infinity, so that means stay finite."""

_SSIM_SIGMA_PX = 1.5
_SSIM_RADIUS_PX = 5
SSIM_WINDOW_PX = 2 * _SSIM_RADIUS_PX + 1


def psnr_db(
    result: NDArray[np.floating], truth: NDArray[np.floating], weights: NDArray[Any] | None = None
) -> float:
    """Return 10 log10(1 / mean squared error) of code values (..., H, W, C), in dB, at most :data:`MOST_DB`.

    A clip has one mean over all its frames. ``weights`` in 0..1 or bool, (H, W) or (..., H, W), weigh pixels.
    Raises PicturesDoNotMatch for shapes that differ and where nothing has a weight.
    """
    if result.shape != truth.shape or (weights is not None and weights.shape[-2:] != truth.shape[-3:-1]):
        raise PicturesDoNotMatch(
            f"Shapes differ: result {result.shape}, truth {truth.shape},"
            f" weights {None if weights is None else weights.shape}.",
            remedy="Compare pictures of one size, with weights of their height and width.",
        )
    squared = (result.astype(np.float64) - truth) ** 2
    if squared.size == 0 or (weights is not None and not weights.any()):
        raise PicturesDoNotMatch("There is no pixel to compare.", remedy="Compare where there is a matte.")
    if weights is None:
        error = float(squared.mean())
    else:
        spread = np.broadcast_to(weights, squared.shape[:-1])
        error = float(np.average(squared.mean(axis=-1), weights=spread))
    return min(MOST_DB, -10.0 * math.log10(error)) if error > 0.0 else MOST_DB


def ssim(result: Float32, truth: Float32, matte: Float32 | None = None) -> float | None:
    """Return the structural similarity of Wang et al. 2004 (IEEE TIP 13(4)), the mean of the RGB channels.

    Gaussian window of 11 px with sigma 1.5, K1 0.01, K2 0.03, over the places where the whole window lies in
    the picture. With a matte the map is weighted by the matte at each window's centre; None when that is
    empty. Raises PictureTooSmall below 11 px, and PicturesDoNotMatch.
    """
    _check(result, truth, matte)
    if min(truth.shape[:2]) < SSIM_WINDOW_PX:
        raise PictureTooSmall(
            f"A picture of {truth.shape[1]} x {truth.shape[0]} pixels is smaller than the"
            f" {SSIM_WINDOW_PX} px window of SSIM.",
            remedy="Compare larger pictures, or leave ssim out of the protocol.",
        )
    _, similarity = structural_similarity(
        result,
        truth,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=_SSIM_SIGMA_PX,
        use_sample_covariance=False,
        full=True,
    )
    inner = (slice(_SSIM_RADIUS_PX, -_SSIM_RADIUS_PX),) * 2
    return _weighted_mean(
        similarity[inner].mean(axis=-1, dtype=np.float64), None if matte is None else matte[inner]
    )


def _weighted_mean(values: NDArray[np.float64], weights: Float32 | None) -> float | None:
    if weights is None:
        return float(values.mean())
    total = float(weights.sum(dtype=np.float64))
    return float((values * weights).sum()) / total if total > 0.0 else None


def _check(result: Float32, truth: Float32, matte: Float32 | None) -> None:
    fits = result.shape == truth.shape and truth.ndim == 3 and truth.shape[2] == 3 and truth.size > 0
    if not fits or (matte is not None and matte.shape != truth.shape[:2]):
        raise PicturesDoNotMatch(
            f"Shapes differ: result {result.shape}, truth {truth.shape},"
            f" matte {None if matte is None else matte.shape}.",
            remedy="Compare pictures of one size, with a matte of their height and width.",
        )
