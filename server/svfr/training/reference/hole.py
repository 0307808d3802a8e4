"""What the hole network is to learn: the picture in a hole, from what is around it."""

from __future__ import annotations

import torch

from svfr.models.model import Model
from svfr.nets.hole_net import HoleNet, continued
from svfr.nets.patch_unet import PatchUNetSizes
from svfr.training.reference.aim import LEAST_ERROR
from svfr.training.reference.pictures import PictureBatch


class HoleAim:
    """An :class:`svfr.training.reference.aim.Aim` whose answers are pictures (B, 3, S, S) in [-1, 1]."""

    def network(self, sizes: PatchUNetSizes, dropout: float) -> HoleNet:
        """Return a network that has learnt nothing."""
        return HoleNet(sizes, dropout)

    def of(self, base: Model) -> HoleNet | None:
        """Return the hole network of a model; None without one."""
        return base.hole

    def planes(self, batch: PictureBatch) -> tuple[torch.Tensor, ...]:
        """Return the pictures in [-1, 1], and their holes."""
        return 2.0 * batch.clean - 1.0, batch.plane

    def losses(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the logarithm of the mean squared error in each picture's hole (B,), so that a decibel of
        every face is worth the same."""
        return torch.log(_in_hole(answer * 0.5 + 0.5, batch) + LEAST_ERROR)

    def shown(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the pictures in [-1, 1] with their holes filled."""
        return torch.where(batch.plane > 0, answer, 2.0 * batch.clean - 1.0)

    def errors(self, answer: torch.Tensor, batch: PictureBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean squared errors (B,) in the hole, of the answer and of a smooth continuation."""
        smooth = continued(batch.clean, 1.0 - batch.plane)
        return _in_hole((answer * 0.5 + 0.5).clamp(0.0, 1.0), batch), _in_hole(smooth, batch)


def _in_hole(pictures: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
    """Return the mean squared error (B,) of pictures in 0..1 where the batch has holes."""
    lost = ((pictures - batch.clean).square() * batch.plane).sum((1, 2, 3))
    return lost / (pictures.shape[1] * batch.plane.sum((1, 2, 3)).clamp_min(1.0))
