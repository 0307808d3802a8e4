"""What the trainer needs of a network under training, whatever its size.

The preview network and SVFR's own differ in codec, objective, identity encoder and in how noise is drawn;
what they share is the UNet of three times C input channels, and everything the trainer does with it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from torch import nn

from svfr.diffusion.objectives import Objective
from svfr.models.model import Codec, Model
from svfr.training.batches import ClipBatch, StepDraws
from svfr.training.recipe.config import Recipe


@dataclass(frozen=True, kw_only=True)
class DenoisingGoal:
    """What noised clips should have become: scaled latents (B, F, C, s, s), ``sigma`` (B,), ``tasks`` (B, 3).

    ``low_quality`` has the channel of a hole plane too where there is one.
    """

    clean: torch.Tensor
    low_quality: torch.Tensor
    sigma: torch.Tensor
    tasks: torch.Tensor


class TrainableNet(nn.Module):
    """Everything that is trained; fixed parts may live beside it.

    ``crop_px`` is the side of its pictures, ``autocast`` gives the context its networks compute in.
    Latents that :meth:`encode` returns are unscaled, what is diffused is ``codec.scaling_factor`` times them.
    """

    unet: UNetSpatioTemporalConditionModel
    objective: Objective
    codec: Codec
    crop_px: int
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
    needs_reference_landmarks = False

    def encode(self, clips: torch.Tensor) -> torch.Tensor:
        """Pictures (B, F, 3, S, S) to unscaled latents (B, F, C, s, s), without a gradient.

        With a hole plane, (B, F, 4, S, S), one channel more.
        """
        with torch.no_grad():
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
        """Return D, scaled as x: x and z_lq (B, F, C, h, w), sigma (B,), tasks (B, 3) of 0 and 1.

        ``z_lq`` and ``reference`` (B, C, h, w) are unscaled, as the sampler gives them; tokens (B, L, K).
        The tasks enter as in SVFR (section 3, task embedding), through the UNet's additional embedding.
        """
        level = sigma.view(-1, 1, 1, 1, 1)
        z_scaled = self.pictured(z_lq) * self.codec.scaling_factor
        noisy = self.objective.network_input(x, z_scaled, level)
        frames = x.shape[1]
        stacked = torch.cat([noisy, z_lq, reference[:, None].expand(-1, frames, -1, -1, -1)], dim=2)
        with self.autocast():
            output = self.unet(
                stacked, 0.25 * sigma.log(), encoder_hidden_states=tokens, added_time_ids=tasks
            ).sample
        return self.objective.denoised(self.amplified(output.float()), x, z_scaled, level)

    def pictured(self, latents: torch.Tensor) -> torch.Tensor:
        """Return latents (B, F, C or C + 1, s, s) without the channel of a hole plane."""
        return latents[:, :, : self.codec.channels]

    def amplified(self, output: torch.Tensor) -> torch.Tensor:
        """Return the UNet's output (B, F, C, h, w) as the objective reads it."""
        return output

    def parts_for(self, frames: int) -> AbstractContextManager[None]:
        """Return the context in which clips of so many frames are seen."""
        return nullcontext()

    def reference_pictures(self, batch: ClipBatch, draws: StepDraws) -> torch.Tensor:
        """Return the pictures (B, 3, S, S) that serve as references."""
        return batch.reference

    @abstractmethod
    def noise_losses(self, denoised: torch.Tensor, goal: DenoisingGoal) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each sample's noise loss (B,), and its error (B,) relative to doing nothing."""

    @abstractmethod
    def identify(self, pictures: torch.Tensor, landmarks: torch.Tensor | None) -> torch.Tensor:
        """Return tokens (B, L, K) of pictures (B, 3, S, S) with landmarks (B, N, 2) in shares of the side."""

    @abstractmethod
    def no_reference(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the zero reference latent and zero tokens of ``count`` samples."""

    @abstractmethod
    def constants(self) -> Mapping[str, Any]:
        """Return what a training state must hold besides weights to build this network again."""

    @abstractmethod
    def as_model(self, recipe: Recipe) -> Model:
        """Return the network as the sampler takes it, in evaluation; it may share weights with this one."""
