"""What tells one reference stage from another: its network, what that is shown, and what an error is."""

from __future__ import annotations

from typing import Protocol

import torch

from svfr.models.model import Model
from svfr.nets.patch_unet import PatchUNet, PatchUNetSizes
from svfr.training.reference.pictures import PictureBatch

LEAST_ERROR = 3e-4
"""An error of 35 dB is as good as none: without it faces that are easy would weigh without end."""


class Aim(Protocol):
    """What a network is to learn from pictures; answers are float32."""

    def network(self, sizes: PatchUNetSizes, dropout: float) -> PatchUNet:
        """Return a network that has learnt nothing."""

    def of(self, base: Model) -> PatchUNet | None:
        """Return the network of this kind that a model carries; None without one."""

    def planes(self, batch: PictureBatch) -> tuple[torch.Tensor, ...]:
        """Return what the network is called with."""

    def losses(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the loss of each picture (B,)."""

    def shown(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the whole pictures (B, 3, S, S) in [-1, 1] that the answer makes."""

    def errors(self, answer: torch.Tensor, batch: PictureBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean squared errors (B,) of the answer, and of what anyone can do without a network."""
