"""A recipe and clips so small that a step of training takes milliseconds."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from svfr.training.batches import ClipBatch
from svfr.training.recipe.config import NetworkConfig, OptimiserConfig, Phase, PreviewRecipe

NETWORK = NetworkConfig(
    crop_px=32,
    window=4,
    overlap=1,
    widths=(32, 64),
    token_channels=8,
    coefficients=(0, 1, 4, 16, 32),
    sigma_data=0.5,
    sigma_min=0.05,
    sigma_max=20.0,
)

CONFIG = PreviewRecipe(
    name="tiny",
    seed=5,
    task_shares={"bfr": 1.0},
    reference_share=0.5,
    own_reference_share=0.5,
    network=NETWORK,
    optimiser=OptimiserConfig(
        learning_rate=1e-3,
        betas=(0.9, 0.99),
        weight_decay=1e-3,
        warmup_steps=2,
        cooldown_steps=2,
        gradient_clip=1.0,
        ema_decay=0.9,
    ),
    phases=(
        Phase(steps=3, frames=1, batch=4, noised_share=0.0),
        Phase(steps=3, frames=4, batch=2, noised_share=0.5),
    ),
)


class NoisyGradients:
    """A ClipSource of smooth colour gradients; the low-quality clips are them under noise."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        side, clips, frames = NETWORK.crop_px, phase.batch, phase.frames
        ramp = torch.linspace(-1.0, 1.0, side).expand(side, side)
        across, down = torch.from_numpy(rng.uniform(-0.4, 0.4, (2, clips, frames + 1, 3, 1, 1))).float()
        clean = across * ramp + down * ramp.T
        noise = torch.from_numpy(rng.normal(0.0, 0.2, tuple(clean.shape))).float()
        low_quality = clean + noise
        tasks = torch.tensor([[1.0, 0.0, 0.0]]).expand(clips, 3)
        return ClipBatch(
            clean=clean[:, :-1],
            low_quality=low_quality[:, :-1],
            tasks=tasks,
            reference=clean[:, -1],
            reference_low_quality=low_quality[:, -1],
        )


def shortened(steps: int) -> PreviewRecipe:
    """The recipe with only ``steps`` single-frame steps."""
    return dataclasses.replace(CONFIG, phases=(Phase(steps=steps, frames=1, batch=4, noised_share=0.0),))
