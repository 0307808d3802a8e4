"""What a training step is given, and how its noise and references are drawn.

Every draw of step n comes from generators seeded with (seed, n): a run that was killed and resumed is the
run that was never killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from svfr.training.config import Phase, TrainConfig


@dataclass(frozen=True)
class ClipBatch:
    """Training clips: pictures (B, F, 3, S, S) in [-1, 1], tasks (B, 3) of 0 and 1.

    ``reference`` (B, 3, S, S) is another clean frame of the same person; ``reference_low_quality`` is the
    same frame as the network would get it.
    """

    clean: torch.Tensor
    low_quality: torch.Tensor
    tasks: torch.Tensor
    reference: torch.Tensor
    reference_low_quality: torch.Tensor


class ClipSource(Protocol):
    """Where clips come from; equal generators give equal batches."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw ``phase.batch`` clips of ``phase.frames`` consecutive frames, with ``phase.damage``."""


@dataclass(frozen=True)
class StepDraws:
    """The random choices of one step, for B samples.

    ``sigma`` (B,); ``noised`` (B,) bool: diffused, else started from the low-quality latent without noise;
    ``has_reference`` and ``own_reference`` (B,) bool.
    """

    sigma: torch.Tensor
    noised: torch.Tensor
    has_reference: torch.Tensor
    own_reference: torch.Tensor


# Of the diffused samples: a third at the largest sigma, where sampling starts, the rest log-normal.
_TOP_SIGMA_SHARE = 1.0 / 3.0
_LOG_SIGMA_MEAN, _LOG_SIGMA_STD = -0.2, 1.3


def draw_step(config: TrainConfig, phase: Phase, rng: np.random.Generator) -> StepDraws:
    """Draw which samples are diffused, how strongly, and which see a reference."""
    count, network = phase.batch, config.network
    noised = rng.random(count) < phase.noised_share
    spread = np.exp(rng.normal(_LOG_SIGMA_MEAN, _LOG_SIGMA_STD, count))
    spread = np.clip(spread, 0.6 * network.sigma_min, network.sigma_max)
    top = rng.random(count) < _TOP_SIGMA_SHARE
    sigma = np.where(noised & ~top, spread, network.sigma_max)
    has_reference = rng.random(count) < config.reference_share
    own = has_reference & (rng.random(count) < config.own_reference_share)
    return StepDraws(
        torch.tensor(sigma, dtype=torch.float32),
        torch.from_numpy(noised),
        torch.from_numpy(has_reference),
        torch.from_numpy(own),
    )
