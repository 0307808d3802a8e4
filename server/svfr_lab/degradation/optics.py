"""Blur of lens and shutter: a Gaussian with two widths, swept along a line.

Round and oval Gaussians are the usual kernels of blind restoration (Wang et al. 2021, Real-ESRGAN, section
3.1; Wang et al. 2021, GFP-GAN, section 4.1); the line is the path of a face while the shutter is open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.draws import Range, SomeClips, bernoulli, require_fields_within, uniform

REFERENCE_SIDE_PX = 96
"""Lengths called ``_px_at_96`` are those of a frame with this shorter side, and scale with it."""

_REACH_SIGMA = 3.0
_INVISIBLE_PX = 0.1
_SHARPEST_SIGMA_PX = 0.35  # a narrower Gaussian would fall between the samples of a swept line


@dataclass(frozen=True, kw_only=True)
class Blur:
    """One blur of a clip: standard deviations along and across ``angle_deg``, and a motion path.

    Angles are counter-clockwise on the screen from the right. All lengths 0: no blur.
    """

    long_px_at_96: float
    short_px_at_96: float
    angle_deg: float
    motion_px_at_96: float
    motion_angle_deg: float

    def __post_init__(self) -> None:
        lengths = (0, REFERENCE_SIDE_PX)
        require_fields_within(self, long_px_at_96=lengths, short_px_at_96=lengths, motion_px_at_96=lengths)


NO_BLUR = Blur(
    long_px_at_96=0.0, short_px_at_96=0.0, angle_deg=0.0, motion_px_at_96=0.0, motion_angle_deg=0.0
)


@dataclass(frozen=True, kw_only=True)
class BlurRanges(SomeClips[Blur]):
    """``share`` of the clips are blurred, ``round_share`` of those equally in all directions."""

    none = NO_BLUR
    sigma_px_at_96: Range
    round_share: float = 0.5
    motion_share: float = 0.0
    motion_px_at_96: Range = (0.0, 0.0)

    def _drawn(self, rng: np.random.Generator) -> Blur:
        one, other = sorted(uniform(rng, self.sigma_px_at_96) for _ in range(2))
        is_round, is_moving = bernoulli(rng, self.round_share), bernoulli(rng, self.motion_share)
        return Blur(
            long_px_at_96=other,
            short_px_at_96=other if is_round else one,
            angle_deg=uniform(rng, (0.0, 180.0)),
            motion_px_at_96=uniform(rng, self.motion_px_at_96) if is_moving else 0.0,
            motion_angle_deg=uniform(rng, (0.0, 180.0)),
        )


def blur(clip: NDArray[np.float32], parameters: Blur) -> NDArray[np.float32]:
    """Return the clip blurred, every frame alike; edges are mirrored."""
    scale = min(clip.shape[1:3]) / REFERENCE_SIDE_PX
    weights = kernel(parameters, scale)
    if weights.size == 1:
        return clip
    return np.stack([cv2.filter2D(frame, -1, weights) for frame in clip]).astype(np.float32)


def kernel(parameters: Blur, scale: float) -> NDArray[np.float32]:
    """Return the kernel (k, k), k odd, that sums to 1, of a frame ``scale`` times as large as 96 px."""
    long_px, short_px = parameters.long_px_at_96 * scale, parameters.short_px_at_96 * scale
    path_px = parameters.motion_px_at_96 * scale
    if max(long_px, short_px, path_px) < _INVISIBLE_PX:
        return np.ones((1, 1), np.float32)
    long_px, short_px = max(long_px, _SHARPEST_SIGMA_PX), max(short_px, _SHARPEST_SIGMA_PX)
    radius = math.ceil(_REACH_SIGMA * max(long_px, short_px) + path_px / 2)
    # rows count downwards, angles upwards
    up, right = np.mgrid[radius : -radius - 1 : -1, -radius : radius + 1].astype(np.float64)
    steps = 1 + math.ceil(path_px / _SHARPEST_SIGMA_PX)
    way = math.radians(parameters.motion_angle_deg)
    turn = math.radians(parameters.angle_deg)
    weights = np.zeros_like(up)
    for place in ((np.arange(steps) + 0.5) / steps - 0.5) * path_px:
        x, y = right - place * math.cos(way), up - place * math.sin(way)
        along = x * math.cos(turn) + y * math.sin(turn)
        across = y * math.cos(turn) - x * math.sin(turn)
        weights += np.exp(-0.5 * ((along / long_px) ** 2 + (across / short_px) ** 2))
    return np.asarray(weights / weights.sum(), np.float32)
