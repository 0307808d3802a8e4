"""A folder as small as Stable Video Diffusion's layout allows, a recipe for it, and clips with landmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import official_files
import tiny_training
import torch
from safetensors.torch import save_file
from torch import nn

from svfr.nets.unet import build_unet
from svfr.training.batches import ClipBatch
from svfr.training.losses.facial_prior import FacialPriorConfig
from svfr.training.losses.unified_latent import UnifiedLatentConfig
from svfr.training.nets.svd_parts import SvdSource
from svfr.training.recipe.config import (
    LossWeights,
    NoiseConfig,
    Phase,
    SvdNetworkConfig,
    SvdPhase,
    SvdRecipe,
    SvdRunConfig,
)

CROP_PX, FRAMES = 32, 3
EIGHT_CHANNELS = official_files.UNET | {"in_channels": 8}

CONFIG = SvdRecipe(
    name="tiny-svd",
    seed=3,
    task_shares={"bfr": 0.5, "colorize": 0.5},
    reference_share=0.5,
    own_reference_share=0.0,
    network=SvdNetworkConfig(
        crop_px=CROP_PX, window=4, overlap=1, identity="iresnet100", id_crop="corrected"
    ),
    optimiser=replace(
        tiny_training.CONFIG.optimiser, learning_rate=1e-4, betas=(0.9, 0.999), weight_decay=1e-2
    ),
    phases=(SvdPhase(steps=6, frames=FRAMES, batch=4, noised_share=1.0, tasks_per_clip=2),),
    noise=NoiseConfig(log_sigma_mean=0.7, log_sigma_std=1.6),
    losses=LossWeights(),
    unified_latent=UnifiedLatentConfig(
        denominator="negatives", temperature=0.07, queue=6, width=16, layers=1, heads=2, embedding=8
    ),
    facial_prior=FacialPriorConfig(
        landmarks=68, width=16, units_per_side=64.0, wing_width=10.0, wing_curvature=2.0
    ),
    run=SvdRunConfig(save_every_steps=2),
)


def write_svd(folder: Path) -> tuple[SvdSource, nn.Module]:
    """Write the files; returns where they are and the 8-channel UNet that was saved."""
    torch.manual_seed(11)
    files = official_files.write_official_files(folder)
    unet = build_unet(EIGHT_CHANNELS)
    save_file(unet.state_dict(), files.svd / "unet" / "diffusion_pytorch_model.safetensors")
    arcface = files.svfr / "insightface_glint360k.pth"
    return SvdSource(files.svd, arcface, official_files.RECOGNISER), unet


class PairedGradients:
    """Colour gradients, each under noise and without colour, with 68 landmarks around the middle.

    Every fourth clip's landmarks are not known.
    """

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        count, frames = phase.batch // phase.tasks_per_clip, phase.frames
        ramp = torch.linspace(-1.0, 1.0, CROP_PX).expand(CROP_PX, CROP_PX)
        across, down = torch.from_numpy(rng.uniform(-0.4, 0.4, (2, count, frames + 1, 3, 1, 1))).float()
        clean = across * ramp + down * ramp.T
        noisy = clean + torch.from_numpy(rng.normal(0.0, 0.2, tuple(clean.shape))).float()
        low_quality = torch.stack([noisy, clean.mean(2, keepdim=True).expand_as(clean)], dim=1).flatten(0, 1)
        clips = torch.from_numpy(rng.integers(0, 1000, count))
        landmarks = torch.from_numpy(rng.uniform(0.3, 0.7, (count, frames + 1, 68, 2))).float()
        landmarks[clips % 4 == 0] = float("nan")
        both = [value.repeat_interleave(2, 0) for value in (clean, clips, landmarks)]
        tasks = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).repeat(count, 1)
        return ClipBatch(
            clean=both[0][:, :-1],
            low_quality=low_quality[:, :-1],
            tasks=tasks,
            reference=both[0][:, -1],
            reference_low_quality=low_quality[:, -1],
            clips=both[1],
            landmarks=both[2][:, :-1],
            reference_landmarks=both[2][:, -1],
        )
