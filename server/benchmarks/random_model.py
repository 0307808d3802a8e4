"""Model folders with random weights, for what depends on a network's size and not on what it has learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from svfr.diffusion.objectives import Objective
from svfr.models.folder import write_folder
from svfr.models.networks import CONV_IDENTITY_FILE, UNET_FILE
from svfr.models.spec import ConvIdentitySpec, DiffusionSpec, Preset, ScheduleSpec
from svfr.nets.conv_identity import ConvIdentity
from svfr.nets.linear_patch import LinearPatchSpec
from svfr.nets.unet import build_unet
from svfr.training.nets.preview_unet import preview_unet_config


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The sizes of a preview network; by default about as small as its block types allow."""

    crop_px: int = 32
    window: int = 4
    overlap: int = 1
    coefficients: tuple[int, ...] = (0, 1, 4, 16)
    widths: tuple[int, ...] = (32, 32)
    token_channels: int = 8
    identity_widths: tuple[int, ...] = (8, 8, 8)
    hole_plane: bool = False


TINY = Layout()
MINI = Layout(
    crop_px=96,
    window=8,
    overlap=3,
    coefficients=tuple(range(16)),
    widths=(32, 64),
    token_channels=32,
    identity_widths=(24, 32, 48),
)


def write_random_model(
    folder: Path, presets: Preset | Mapping[str, Preset], layout: Layout = TINY, seed: int = 5
) -> str:
    """Write a model folder with seeded random weights; return its path. One preset stands for all three."""
    channels = len(layout.coefficients)
    config = preview_unet_config(
        latent_channels=channels,
        latent_px=layout.crop_px // 4,
        widths=layout.widths,
        token_channels=layout.token_channels,
        window=layout.window,
        hole_plane=layout.hole_plane,
    )
    torch.manual_seed(seed)
    unet, identity = build_unet(config), ConvIdentity(layout.token_channels, layout.identity_widths)
    if isinstance(presets, Preset):
        presets = dict.fromkeys(("draft", "standard", "final"), presets)
    spec = DiffusionSpec(
        name="random",
        licence="none",
        preview=True,
        hole_fill="telea",
        crop_px=layout.crop_px,
        window=layout.window,
        overlap=layout.overlap,
        hole_plane=layout.hole_plane,
        latent_channels=channels,
        codec=LinearPatchSpec(layout.coefficients, mean=(0.0,) * channels, std=(1.0,) * channels),
        unet=config,
        objective=Objective("residual", 0.5),
        schedule=ScheduleSpec(0.05, 20.0, 7.0),
        identity=ConvIdentitySpec(layout.token_channels, layout.identity_widths),
        presets=presets,
    )
    weights = {UNET_FILE: unet.state_dict(), CONV_IDENTITY_FILE: identity.state_dict()}
    write_folder(folder, spec, weights, {})
    return str(folder)
