"""What the colour network is to learn: the chroma of a face of which only the luma is there."""

from __future__ import annotations

import torch

from svfr.models.model import Model
from svfr.nets.colour_net import ColourNet, luma_of, with_chroma
from svfr.nets.patch_unet import PatchUNetSizes
from svfr.training.reference.aim import LEAST_ERROR
from svfr.training.reference.pictures import PictureBatch

# What anyone can do without a network: the sepia in which a skin is least wrong.
_TINT = (1.11, 1.0, 0.86)


class ColourAim:
    """An :class:`svfr.training.reference.aim.Aim` whose answers are chroma (B, 2, S, S)."""

    def network(self, sizes: PatchUNetSizes, dropout: float) -> ColourNet:
        """Return a network that has learnt nothing."""
        return ColourNet(sizes, dropout)

    def of(self, base: Model) -> ColourNet | None:
        """Return the colour network of a model; None without one."""
        return base.colour

    def planes(self, batch: PictureBatch) -> tuple[torch.Tensor, ...]:
        """Return the luma in [-1, 1]."""
        return (2.0 * batch.plane - 1.0,)

    def losses(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the loss of each picture; see :func:`colour_loss`."""
        return colour_loss(answer, batch.clean)

    def shown(self, answer: torch.Tensor, batch: PictureBatch) -> torch.Tensor:
        """Return the coloured pictures in [-1, 1]."""
        return 2.0 * with_chroma(batch.plane, answer) - 1.0

    def errors(self, answer: torch.Tensor, batch: PictureBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean squared errors (B,) of coloured and of tinted pictures, clamped to 0..1."""
        coloured = with_chroma(batch.plane, answer)
        tinted = batch.plane * batch.plane.new_tensor(_TINT).view(1, 3, 1, 1)
        shown, plain = (
            (pictures.clamp(0.0, 1.0) - batch.clean).square().mean((1, 2, 3))
            for pictures in (coloured, tinted)
        )
        return shown, plain


def colour_loss(chroma: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean squared error of each picture's colours (N,), as RGB shows them.

    ``chroma`` (N, 2, S, S) against that of ``clean`` (N, 3, S, S): what the luma lost is not its to learn.
    The logarithm makes a decibel of every face worth the same, and so no face the only one.
    """
    wanted = clean - luma_of(clean)
    error = (with_chroma(torch.zeros_like(chroma[:, :1]), chroma) - wanted).square().mean((1, 2, 3))
    return torch.log(error + LEAST_ERROR)
