"""Noise of a sensor and grain of a film, new in every frame.

A sensor's variance grows with the light: ``read ** 2 + shot ** 2 * code``, the Gaussian form of the
Poisson-Gaussian model (Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and fitting for
single-image raw-data"). Grain is larger than a pixel and strongest in the middle tones, where about half of
the silver or dye has formed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.draws import Range, SomeClips, bernoulli, require_fields_within, uniform
from svfr_lab.degradation.optics import REFERENCE_SIDE_PX

_FINEST_GRAIN_PX = 0.2


@dataclass(frozen=True)
class SensorNoise:
    """Standard deviations in code values: the sensor's, and that of photons at code 1.

    ``is_grey``: all channels have the same noise.
    """

    read_sd_code: float
    shot_sd_code: float
    is_grey: bool

    def __post_init__(self) -> None:
        require_fields_within(self, read_sd_code=(0, 1), shot_sd_code=(0, 1))


@dataclass(frozen=True)
class SensorNoiseRanges:
    """Both parts are drawn for every clip; ``grey_share`` of the clips have grey noise."""

    read_sd_code: Range
    shot_sd_code: Range
    grey_share: float = 0.4

    def draw(self, rng: np.random.Generator) -> SensorNoise:
        """Draw the noise of one clip."""
        read, shot = uniform(rng, self.read_sd_code), uniform(rng, self.shot_sd_code)
        return SensorNoise(read, shot, bernoulli(rng, self.grey_share))


@dataclass(frozen=True)
class Grain:
    """``sd_code`` at code 0.5; ``size_px_at_96`` is the deviation of the Gaussian that shapes a grain."""

    sd_code: float
    size_px_at_96: float
    is_grey: bool

    def __post_init__(self) -> None:
        require_fields_within(self, sd_code=(0, 1), size_px_at_96=(0, REFERENCE_SIDE_PX))


NO_GRAIN = Grain(0.0, 0.0, True)


@dataclass(frozen=True)
class GrainRanges(SomeClips[Grain]):
    """``share`` of the clips have grain."""

    none = NO_GRAIN
    sd_code: Range
    size_px_at_96: Range
    grey_share: float = 0.5

    def _drawn(self, rng: np.random.Generator) -> Grain:
        sd, size = uniform(rng, self.sd_code), uniform(rng, self.size_px_at_96)
        return Grain(sd, size, bernoulli(rng, self.grey_share))


def add_sensor_noise(
    clip: NDArray[np.float32], noise: SensorNoise, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the clip with noise; values may leave 0..1."""
    if noise.read_sd_code == noise.shot_sd_code == 0:
        return clip
    variance = np.float32(noise.read_sd_code**2) + np.float32(noise.shot_sd_code**2) * np.maximum(clip, 0)
    return clip + np.sqrt(variance) * _white(clip, noise.is_grey, rng)


def add_grain(clip: NDArray[np.float32], grain: Grain, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the clip with grain; values may leave 0..1."""
    if grain.sd_code == 0:
        return clip
    pattern = _white(clip, grain.is_grey, rng)
    size_px = grain.size_px_at_96 * min(clip.shape[1:3]) / REFERENCE_SIDE_PX
    if size_px > _FINEST_GRAIN_PX:
        pattern = np.stack([cv2.GaussianBlur(frame, (0, 0), size_px) for frame in pattern])
        pattern = pattern.reshape(*clip.shape[:3], -1) / pattern.std()
    strength = 2 * np.sqrt(np.clip(clip * (1 - clip), 0, None))
    return clip + np.float32(grain.sd_code) * strength * pattern


def _white(clip: NDArray[np.float32], is_grey: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    shape = (*clip.shape[:3], 1 if is_grey else clip.shape[3])
    return rng.standard_normal(shape, np.float32)
