"""What a training step is given, and how its noise and references are drawn.

Every draw of step n comes from generators seeded with (seed, n): a run that was killed and resumed is the
run that was never killed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import torch

from svfr.training.recipe.config import NoiseConfig, Phase, PreviewRecipe, Recipe, SvdRecipe


@dataclass(frozen=True, kw_only=True)
class ClipBatch:
    """Training clips: pictures (B, F, 3, S, S) in [-1, 1], tasks (B, 3) of 0 and 1.

    For a network with a hole plane low-quality pictures have a fourth plane, 1 in the hole and -1 elsewhere.
    ``reference`` (B, 3, S, S) is another clean frame of the same person; ``reference_low_quality`` is the
    same frame as the network would get it. Samples that show one clip under several tasks are neighbours.

    What only some recipes need may be None: ``clips`` (B,) whole numbers, equal for samples of one clip in
    all of the source; ``landmarks`` (B, F, L, 2) and ``reference_landmarks`` (B, L, 2) of the clean frames, x
    before y, in shares of the side, NaN where a landmark is not known; ``flow`` (B, F - 1, S, S, 2): where
    each pixel of a frame but the first lies in the one before it, x before y, in pixels.
    """

    clean: torch.Tensor
    low_quality: torch.Tensor
    tasks: torch.Tensor
    reference: torch.Tensor
    reference_low_quality: torch.Tensor
    clips: torch.Tensor | None = None
    landmarks: torch.Tensor | None = None
    reference_landmarks: torch.Tensor | None = None
    flow: torch.Tensor | None = None

    def to(self, device: torch.device) -> ClipBatch:
        """Return the batch with all its tensors on ``device``."""
        there = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: value.to(device) for n, value in there.items() if value is not None})


class ClipSource(Protocol):
    """Where clips come from; equal generators give equal batches."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw ``phase.batch`` samples of ``phase.frames`` consecutive frames, with ``phase.damage``.

        Each clip is drawn ``phase.tasks_per_clip`` times over, under another task each time.
        """


@dataclass(frozen=True, kw_only=True)
class StepDraws:
    """The random choices of one step, for B samples.

    ``sigma`` (B,); ``noised`` (B,) bool: diffused, else started from the low-quality latent without noise;
    ``has_reference`` and ``own_reference`` (B,) bool. Each ``tasks_per_clip`` neighbours are of one clip and
    share all draws.
    """

    sigma: torch.Tensor
    noised: torch.Tensor
    has_reference: torch.Tensor
    own_reference: torch.Tensor
    tasks_per_clip: int = 1


# Of the diffused samples: a third at the largest sigma, where sampling starts, the rest log-normal.
_TOP_SIGMA_SHARE = 1.0 / 3.0
_LOG_SIGMA_MEAN, _LOG_SIGMA_STD = -0.2, 1.3


def draw_step(recipe: Recipe, phase: Phase, rng: np.random.Generator) -> StepDraws:
    """Draw which clips are diffused, how strongly, and which see a reference of what kind.

    All samples of one clip share their draws, and differ in damage and task alone.
    """
    if isinstance(recipe, SvdRecipe):
        return draw_log_normal(recipe.noise, phase, recipe.reference_share, rng)
    return _draw_preview(recipe, phase, rng)


def _draw_preview(recipe: PreviewRecipe, phase: Phase, rng: np.random.Generator) -> StepDraws:
    count, network = phase.batch // phase.tasks_per_clip, recipe.network
    noised = rng.random(count) < phase.noised_share
    spread = np.exp(rng.normal(_LOG_SIGMA_MEAN, _LOG_SIGMA_STD, count))
    spread = np.clip(spread, 0.6 * network.sigma_min, network.sigma_max)
    top = rng.random(count) < _TOP_SIGMA_SHARE
    sigma = np.where(noised & ~top, spread, network.sigma_max)
    has_reference = rng.random(count) < recipe.reference_share
    own = has_reference & (rng.random(count) < recipe.own_reference_share)
    return _for_samples(phase, sigma, noised, has_reference, own)


def draw_log_normal(
    noise: NoiseConfig, phase: Phase, reference_share: float, rng: np.random.Generator
) -> StepDraws:
    """Draw noise levels and references as SVFR trains: all clips diffused, references are clean frames."""
    count = phase.batch // phase.tasks_per_clip
    sigma = np.exp(rng.normal(noise.log_sigma_mean, noise.log_sigma_std, count))
    has_reference = rng.random(count) < reference_share
    return _for_samples(phase, sigma, np.ones(count, np.bool_), has_reference, np.zeros(count, np.bool_))


def _for_samples(phase: Phase, sigma: np.ndarray, *flags: np.ndarray) -> StepDraws:
    """Return draws of clips as draws of samples."""
    noised, has_reference, own = (
        torch.from_numpy(flag).repeat_interleave(phase.tasks_per_clip) for flag in flags
    )
    levels = torch.tensor(sigma, dtype=torch.float32).repeat_interleave(phase.tasks_per_clip)
    return StepDraws(
        sigma=levels,
        noised=noised,
        has_reference=has_reference,
        own_reference=own,
        tasks_per_clip=phase.tasks_per_clip,
    )
