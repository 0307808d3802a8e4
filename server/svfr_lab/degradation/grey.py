"""What grey footage shows of a colour picture: stocks and transfers differ, and few of them are sharp."""

from __future__ import annotations

import cv2
import numpy as np

from svfr.arrays import Float32
from svfr.luma import LUMA_601, luma_601
from svfr_lab.degradation.draws import bernoulli, uniform
from svfr_lab.degradation.jpeg import through_jpeg
from svfr_lab.degradation.optics import REFERENCE_SIDE_PX

# How close the weights of red, green and blue stay to Rec.601's: their deviation is about 0.1.
_CONCENTRATION = 25
_OTHER_STOCK, _OTHER_CURVE, _NOT_CLEAN = 0.35, 0.25, 0.5
_BLURRED, _NOISY, _AS_JPEG = 0.6, 0.7, 0.4
_CURVES = (0.8, 1.25)
_BLUR_PX_AT_96 = (0.3, 1.3)
_NOISE_SD_CODE = (0.0, 6 / 255)
_QUALITIES = (35, 95)


def draw_grey(picture: Float32, rng: np.random.Generator) -> Float32:
    """Return the grey picture (S, S, 1) in 0..1 that damaged monochrome footage would have of (S, S, 3)."""
    grey = np.asarray(luma_601(picture), np.float32)
    if bernoulli(rng, _OTHER_STOCK):
        weights = rng.dirichlet(LUMA_601.astype(np.float64) * _CONCENTRATION)
        grey = (picture * weights.astype(np.float32)).sum(-1, keepdims=True)
    if bernoulli(rng, _OTHER_CURVE):
        grey = np.clip(grey, 0, 1) ** np.float32(uniform(rng, _CURVES))
    if bernoulli(rng, _NOT_CLEAN):
        grey = _damaged(grey, rng)
    return np.asarray(np.clip(grey, 0, 1), np.float32)


def _damaged(grey: Float32, rng: np.random.Generator) -> Float32:
    if bernoulli(rng, _BLURRED):
        sigma_px = uniform(rng, _BLUR_PX_AT_96) * grey.shape[0] / REFERENCE_SIDE_PX
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma_px), np.float32)[..., None]
    if bernoulli(rng, _NOISY):
        grey = grey + np.float32(uniform(rng, _NOISE_SD_CODE)) * rng.standard_normal(grey.shape, np.float32)
    if bernoulli(rng, _AS_JPEG):
        # in pixels of a small picture: the blocks are as coarse as in a low-resolution file
        grey = through_jpeg(np.repeat(grey, 3, axis=-1), int(rng.integers(*_QUALITIES)))[..., :1]
    return grey
