"""Landmarks that stay with their clip through augmentation.

:func:`svfr_lab.degradation.basic.augment` moves pictures by mirroring and zooming; what it drew for that is
drawn again here, from a copy of its generator, and applied to the points.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.basic import augment
from svfr_lab.heads.landmarks68 import mirrored_order


def augment_with_landmarks(
    clip: NDArray[np.float32], landmarks_px: NDArray[np.floating], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ``augment(clip, rng)`` and where the landmarks (F, L, 2) lie in it, in shares of the side.

    ``clip`` (F, S, S, 3) in 0..1; 5 or 68 landmarks, x before y, in pixels from the picture's corner, NaN
    where not known.
    """
    as_before = copy.deepcopy(rng)
    augmented = augment(clip, rng)
    return augmented, _moved(landmarks_px / clip.shape[1], clip.shape[1], as_before)


def _moved(shares: NDArray[np.floating], side_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if rng.random() < 0.5:
        shares = shares[:, mirrored_order(shares.shape[1])] * [-1.0, 1.0] + [1.0, 0.0]
    if rng.random() < 0.25:
        crop_px = int(side_px * rng.uniform(0.7, 1.0))
        top, left = rng.integers(0, side_px - crop_px + 1), rng.integers(0, side_px - crop_px + 1)
        shares = (shares * side_px - [left, top]) / crop_px
    return shares.astype(np.float32)
