"""How close a clip is to the truth, and how sure a difference between two methods is."""

import math

import numpy as np
from numpy.typing import NDArray

from svfr_lab.errors import ArgumentOutOfRange

_LEAST_SQUARED_ERROR = 1e-10
"""Equal clips score 100 dB instead of infinity, so that means stay finite."""


def psnr_db(
    clip: NDArray[np.float32], truth: NDArray[np.float32], mask: NDArray[np.bool_] | None = None
) -> float:
    """Return the PSNR of ``clip`` against ``truth``, both (F, H, W, 3) code values with peak 1.

    One mean squared error over the whole clip; with ``mask`` (H, W) over its True pixels of every frame only.
    Raises :class:`ArgumentOutOfRange` when shapes differ or the mask is empty.
    """
    if clip.shape != truth.shape or (mask is not None and mask.shape != truth.shape[1:3]):
        raise ArgumentOutOfRange(
            f"Shapes differ: clip {clip.shape}, truth {truth.shape},"
            f" mask {None if mask is None else mask.shape}.",
            remedy="Compare clips of one size, with a mask of one frame's height and width.",
        )
    squared = (clip.astype(np.float64) - truth) ** 2
    if mask is not None:
        squared = squared[:, mask]
    if squared.size == 0:
        raise ArgumentOutOfRange("There is no pixel to compare.", remedy="Use a mask that is not empty.")
    return -10 * math.log10(max(float(squared.mean()), _LEAST_SQUARED_ERROR))


def paired_bootstrap(
    differences: NDArray[np.float64], seed: int, draws: int = 10_000
) -> tuple[float, float, float]:
    """Return the mean of ``differences`` (N,) and the ends of its 95 % percentile bootstrap interval.

    ``differences`` holds one number per clip, method minus baseline on the same clip: clips, not pixels or
    frames, are what was sampled at random, so clips are what is drawn again (Efron and Tibshirani 1993,
    chapter 13). Raises :class:`ArgumentOutOfRange` for fewer than two clips or values that are not finite.
    """
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ArgumentOutOfRange(
            f"A bootstrap needs two or more finite differences in one row, not shape {values.shape}.",
            remedy="Pass one number per clip.",
        )
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
