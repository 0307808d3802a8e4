"""What time does to tones: a stock blind to colours, fading dyes and stains, and flicker from frame to frame.

A dye's density is proportional to its amount (Beer-Lambert), so a faded dye keeps a share of its density: the
code value's power falls below 1. Stain, the yellow of old film and paper, adds density of its own; flare of
the projector or scanner lifts the blacks. Flicker is uneven exposure: a slow drift (an AR(1) process) and a
jitter that is new in every frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.luma import LUMA_601
from svfr_lab.degradation.draws import Range, SomeClips, require_fields_within, require_within, uniform

_DEEPEST_CODE = np.float32(0.02)  # no film is black without end: density stops near 3.7, a code value of 0.02


class FilmResponse(StrEnum):
    """How a monochrome film turns colours into grey."""

    REC601 = "rec601"
    """The luma of video: a monochrome transfer of a colour picture, and what SVFR is trained with."""
    ORTHOCHROMATIC = "orthochromatic"
    """Blind to red, as film was before about 1930: lips and ruddy skin are dark, blue eyes pale."""


_WEIGHTS = {
    FilmResponse.REC601: LUMA_601,
    FilmResponse.ORTHOCHROMATIC: np.array([0.0, 0.5, 0.5], np.float32),
}


@dataclass(frozen=True)
class Fade:
    """Shares of density lost by red, green and blue code values, density of the stain over each, and flare.

    ``density_loss`` is 0 to 0.9; ``stain_density`` and ``flare_code`` are 0 for a fresh film.
    """

    density_loss: tuple[float, float, float]
    stain_density: tuple[float, float, float]
    flare_code: float

    def __post_init__(self) -> None:
        for loss, stain in zip(self.density_loss, self.stain_density, strict=True):
            require_within("density_loss", loss, 0, 0.9)
            require_within("stain_density", stain, 0, 2)
        require_within("flare_code", self.flare_code, 0, 0.9)


NO_FADE = Fade((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)


@dataclass(frozen=True, kw_only=True)
class FadeRanges(SomeClips[Fade]):
    """``share`` of the clips are faded; the dyes differ by up to ``dye_spread``; the stain is yellow."""

    none = NO_FADE
    density_loss: Range
    stain_density: Range
    dye_spread: float = 0.15
    flare_code: Range = (0.0, 0.1)

    def _drawn(self, rng: np.random.Generator) -> Fade:
        loss = uniform(rng, self.density_loss)
        dyes = np.clip(loss + rng.uniform(-1, 1, 3) * self.dye_spread, 0, 0.9)
        yellow = uniform(rng, self.stain_density)
        red, green, blue = (float(dye) for dye in dyes)
        return Fade((red, green, blue), (0.0, 0.3 * yellow, yellow), uniform(rng, self.flare_code))


@dataclass(frozen=True)
class Flicker:
    """Exposure of the frames: standard deviations of ln gain (drift and jitter) and of the black level.

    ``correlation`` is that of the drift between neighbouring frames, 0 to 0.999.
    """

    drift_sd: float
    jitter_sd: float
    offset_sd_code: float
    correlation: float

    def __post_init__(self) -> None:
        require_fields_within(
            self, drift_sd=(0, 1), jitter_sd=(0, 1), offset_sd_code=(0, 1), correlation=(0, 0.999)
        )


NO_FLICKER = Flicker(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class FlickerRanges(SomeClips[Flicker]):
    """``share`` of the clips flicker."""

    none = NO_FLICKER
    drift_sd: Range
    jitter_sd: Range
    offset_sd_code: Range = (0.0, 0.02)
    correlation: Range = (0.5, 0.95)

    def _drawn(self, rng: np.random.Generator) -> Flicker:
        ranges = (self.drift_sd, self.jitter_sd, self.offset_sd_code, self.correlation)
        return Flicker(*(uniform(rng, limits) for limits in ranges))


def to_grey(clip: NDArray[np.float32], response: FilmResponse) -> NDArray[np.float32]:
    """Return the clip with all three channels as a monochrome film records them."""
    return np.repeat((clip @ _WEIGHTS[response])[..., None], 3, axis=-1)


def fade(clip: NDArray[np.float32], parameters: Fade) -> NDArray[np.float32]:
    """Return the clip (..., 3) as it looks after years; values stay in 0..1."""
    if parameters == NO_FADE:
        return clip
    power = (1 - np.array(parameters.density_loss)).astype(np.float32)
    # densities are of light; code values are its 1 / 2.2th power
    stain = np.power(10, -np.array(parameters.stain_density) / 2.2).astype(np.float32)
    dyed = np.power(_DEEPEST_CODE + (1 - _DEEPEST_CODE) * np.clip(clip, 0, 1), power)
    seen = (dyed - _DEEPEST_CODE) / (1 - _DEEPEST_CODE) * stain
    flare = np.float32(parameters.flare_code)
    return np.asarray(flare + (1 - flare) * np.clip(seen, 0, 1), np.float32)


def exposures(frames: int, flicker: Flicker, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Return the gains (frames,) and the offsets (frames,) in code values."""
    steps = rng.standard_normal((frames, 3))
    drift = np.empty(frames)
    kept, fresh = flicker.correlation, math.sqrt(1 - flicker.correlation**2)
    for frame in range(frames):
        drift[frame] = steps[frame, 0] if frame == 0 else kept * drift[frame - 1] + fresh * steps[frame, 0]
    gains = np.exp(flicker.drift_sd * drift + flicker.jitter_sd * steps[:, 1])
    return gains.astype(np.float32), (flicker.offset_sd_code * steps[:, 2]).astype(np.float32)


def add_flicker(
    clip: NDArray[np.float32], parameters: Flicker, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the clip with uneven exposure; values may leave 0..1."""
    if parameters == NO_FLICKER:
        return clip
    gains, offsets = exposures(len(clip), parameters, rng)
    return clip * gains[:, None, None, None] + offsets[:, None, None, None]
