"""Ranges that the degradation of clips is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.chain import NEVER_A_JPEG, ClipDegradation, Copy, FilmDegradation, degrade_clip
from svfr_lab.degradation.degrade import Degraded
from svfr_lab.degradation.dirt import DirtRanges
from svfr_lab.degradation.draws import bernoulli, weighted_choice
from svfr_lab.degradation.holes import HoleRanges
from svfr_lab.degradation.noise import GrainRanges, SensorNoiseRanges
from svfr_lab.degradation.optics import BlurRanges
from svfr_lab.degradation.resample import Filter, ShrinkRanges
from svfr_lab.degradation.tone import FadeRanges, FilmResponse, FlickerRanges
from svfr_lab.degradation.video import VideoRanges


@dataclass(frozen=True)
class FilmRanges:
    """Ranges of a film's degradation; ``orthochromatic_share`` of monochrome films are blind to red."""

    orthochromatic_share: float
    blur: BlurRanges
    grain: GrainRanges
    fade: FadeRanges
    dirt: DirtRanges
    flicker: FlickerRanges

    def draw(self, rng: np.random.Generator) -> FilmDegradation:
        """Draw what one film went through."""
        is_blind = bernoulli(rng, self.orthochromatic_share)
        return FilmDegradation(
            response=FilmResponse.ORTHOCHROMATIC if is_blind else FilmResponse.REC601,
            blur=self.blur.draw(rng),
            grain=self.grain.draw(rng),
            fade=self.fade.draw(rng),
            dirt=self.dirt.draw(rng),
            flicker=self.flicker.draw(rng),
        )


@dataclass(frozen=True)
class CopyRanges:
    """Ranges of :class:`Copy`; ``jpeg_share`` of the copies are stored as JPEG frames, before any video."""

    blur: BlurRanges
    shrink: ShrinkRanges
    noise: SensorNoiseRanges
    jpeg_share: float
    jpeg_quality: tuple[int, int]
    video: VideoRanges

    def draw(self, rng: np.random.Generator) -> Copy:
        """Draw one copy."""
        blur, shrink, noise = self.blur.draw(rng), self.shrink.draw(rng), self.noise.draw(rng)
        lowest, highest = self.jpeg_quality
        quality = int(rng.integers(lowest, highest + 1)) if bernoulli(rng, self.jpeg_share) else NEVER_A_JPEG
        return Copy(blur=blur, shrink=shrink, noise=noise, jpeg_quality=quality, video=self.video.draw(rng))


@dataclass(frozen=True)
class DegradationRanges:
    """A :class:`svfr_lab.degradation.degrade.DegradationRecipe` that draws a :class:`ClipDegradation` a clip.

    ``second_copy_share`` of the clips were copied once more (the two orders of Real-ESRGAN, section 3.2).
    """

    film: FilmRanges
    first_copy: CopyRanges
    second_copy: CopyRanges
    second_copy_share: float
    holes: HoleRanges
    enlarge: tuple[tuple[Filter, float], ...] = ((Filter.BICUBIC, 0.8), (Filter.BILINEAR, 0.2))

    def draw(self, rng: np.random.Generator) -> ClipDegradation:
        """Draw all degradation of one clip, whatever tasks, length and size it will have."""
        copies = [self.first_copy.draw(rng)]
        if bernoulli(rng, self.second_copy_share):
            copies.append(self.second_copy.draw(rng))
        return ClipDegradation(
            seed=int(rng.integers(2**53)),
            film=self.film.draw(rng),
            copies=tuple(copies),
            enlarge=weighted_choice(rng, self.enlarge),
            holes=self.holes.draw(rng),
        )

    def degrade(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Draw and apply; equal generators give equal bytes, and equal draws for all sets of tasks."""
        return degrade_clip(clip, tasks, self.draw(rng))
