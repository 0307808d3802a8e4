"""Augmentation of clean clips, and landmarks that stay with their clip through it.

:func:`augment` moves pictures by mirroring and zooming; what it drew for that is drawn again for the points,
from a copy of its generator. What is drawn never changes, bit for bit: training runs depend on it.
"""

from __future__ import annotations

import copy

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.luma import luma_601
from svfr_lab.heads.landmarks68 import mirrored_order

_FADED_SATURATION = (0.15, 0.9)


def fade_colour(clip: NDArray[np.float32], rng: np.random.Generator, share: float) -> NDArray[np.float32]:
    """Return ``clip`` (F, H, W, 3) in 0..1 with little colour, as film has, for ``share`` of the draws."""
    if not share or rng.random() >= share:
        return clip
    luma = luma_601(clip)
    faded = luma + (clip - luma) * np.float32(rng.uniform(*_FADED_SATURATION))
    return np.asarray(faded, np.float32)


def other_gamma_and_tint(
    clip: NDArray[np.float32], rng: np.random.Generator, gamma_sd: float
) -> NDArray[np.float32]:
    """Return the clip within 0..1, every other time of another gamma (``gamma_sd`` of its ln), or tint."""
    clip = np.clip(clip, 0, 1)
    if rng.random() < 0.5:
        clip = clip ** np.float32(np.exp(rng.normal(0, gamma_sd)))
    if rng.random() < 0.5:
        clip = clip * np.clip(1 + rng.normal(0, 0.05, 3), 0.85, 1.15).astype(np.float32)
    return clip


def augment(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return ``clip`` (F, H, W, 3) in 0..1 mirrored, zoomed, re-graded or softened at random."""
    if rng.random() < 0.5:
        clip = clip[:, :, ::-1]
    if rng.random() < 0.25:
        clip = _zoom(clip, rng)
    clip = other_gamma_and_tint(clip, rng, 0.22)
    if rng.random() < 0.4:
        clip = clip * np.float32(rng.uniform(0.75, 1.25)) + np.float32(rng.uniform(-12, 12) / 255)
    if rng.random() < 0.3:
        luma = luma_601(clip)
        clip = luma + (clip - luma) * np.float32(rng.uniform(0.4, 1.2))
    if rng.random() < 0.15:
        clip = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in np.ascontiguousarray(clip)])
    return np.ascontiguousarray(np.clip(clip, 0, 1), dtype=np.float32)


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


def _zoom(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random crop of 70 to 100 % of the side, enlarged to the clip's size."""
    height, width = clip.shape[1:3]
    share = rng.uniform(0.7, 1.0)
    crop_height, crop_width = int(height * share), int(width * share)
    top, left = rng.integers(0, height - crop_height + 1), rng.integers(0, width - crop_width + 1)
    crops = np.ascontiguousarray(clip[:, top : top + crop_height, left : left + crop_width])
    return np.stack([cv2.resize(crop, (width, height), interpolation=cv2.INTER_CUBIC) for crop in crops])


def _moved(shares: NDArray[np.floating], side_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if rng.random() < 0.5:
        shares = shares[:, mirrored_order(shares.shape[1])] * [-1.0, 1.0] + [1.0, 0.0]
    if rng.random() < 0.25:
        crop_px = int(side_px * rng.uniform(0.7, 1.0))
        top, left = rng.integers(0, side_px - crop_px + 1), rng.integers(0, side_px - crop_px + 1)
        shares = (shares * side_px - [left, top]) / crop_px
    return shares.astype(np.float32)
