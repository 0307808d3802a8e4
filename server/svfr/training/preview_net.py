"""The network under training: UNet, identity encoder, codec and objective as one module."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from svfr.conv_identity import ConvIdentity
from svfr.linear_patch import LinearPatchCodec, LinearPatchSpec
from svfr.objectives import Objective
from svfr.training.config import NetworkConfig
from svfr.training.network import build_preview_unet, preview_unet_config


class PreviewNet(nn.Module):
    """Everything that is trained, and the fixed parts it needs.

    ``output_gain`` (C,) is each latent channel's residual spread: luma means need half the range of chroma.
    It is a constant of the run and is folded into the UNet's last layer when the model is written.
    """

    output_gain: torch.Tensor

    def __init__(self, config: NetworkConfig, codec: LinearPatchSpec, output_gain: torch.Tensor) -> None:
        super().__init__()
        self.config = config
        self.codec = LinearPatchCodec(codec)
        self.objective = Objective("residual", config.sigma_data)
        self.unet_config = preview_unet_config(
            latent_channels=self.codec.channels,
            latent_px=config.crop_px // self.codec.factor,
            widths=config.widths,
            token_channels=config.token_channels,
            window=config.window,
        )
        self.unet = build_preview_unet(self.unet_config)
        self.identity = ConvIdentity(config.token_channels)
        self.register_buffer("output_gain", output_gain.view(1, 1, -1, 1, 1))
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext

    def encode(self, clips: torch.Tensor) -> torch.Tensor:
        """Pictures (B, F, 3, S, S) to latents (B, F, C, S/4, S/4)."""
        return self.codec.encode(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])

    def denoise(
        self,
        x: torch.Tensor,
        z_lq: torch.Tensor,
        sigma: torch.Tensor,
        tasks: torch.Tensor,
        reference: torch.Tensor,
        tokens: torch.Tensor,
    ) -> torch.Tensor:
        """Return D: x and z_lq (B, F, C, h, w), sigma (B,), reference (B, C, h, w), tokens (B, L, K)."""
        level = sigma.view(-1, 1, 1, 1, 1)
        noisy = self.objective.network_input(x, z_lq, level)
        frames = x.shape[1]
        stacked = torch.cat([noisy, z_lq, reference[:, None].expand(-1, frames, -1, -1, -1)], dim=2)
        with self.autocast():
            output = self.unet(
                stacked, 0.25 * sigma.log(), encoder_hidden_states=tokens, added_time_ids=tasks
            ).sample
        return self.objective.denoised(output.float() * self.output_gain, x, z_lq, level)

    def identify(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the tokens (B, L, K) of reference pictures (B, 3, S, S)."""
        with self.autocast():
            return self.identity(pictures).float()

    def no_reference(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the zero reference latent and zero tokens of ``count`` samples."""
        side = self.config.crop_px // self.codec.factor
        tokens = (self.config.crop_px // 16) ** 2
        device = self.output_gain.device
        return (
            torch.zeros(count, self.codec.channels, side, side, device=device),
            torch.zeros(count, tokens, self.config.token_channels, device=device),
        )
