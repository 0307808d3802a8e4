"""The colour network: which colours a grey face most likely has.

It sees luma alone and answers with chroma alone, so whatever its weights the picture's own luma stays. It is
small and works at a small side: the eye takes the colours of a face from large fields, and a small picture
costs so little that it learns from many more people than the diffusion model can be shown.
"""

from __future__ import annotations

import torch

from svfr.luma import LUMA_601
from svfr.nets.patch_unet import PatchUNet, PatchUNetSizes

CHROMA_PLANES = 2
"""Cb and Cr of Rec.601."""

# The chroma of skin is of this order, so that the last layer's outputs need not be small.
_CHROMA_SCALE = 0.3
# Rec.601: what the two planes add to red, green and blue. Luma is left as it is.
_CB_TO_RGB, _CR_TO_RGB = (0.0, -0.344136, 1.772), (1.402, -0.714136, 0.0)


class ColourNet(PatchUNet):
    """Luma (N, 1, S, S) to chroma (N, 2, S, S); see :class:`svfr.nets.patch_unet.PatchUNet`."""

    def __init__(self, sizes: PatchUNetSizes, dropout: float = 0.0) -> None:
        super().__init__(sizes, 1, CHROMA_PLANES, dropout)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Return Cb and Cr (N, 2, S, S), about -0.5 to 0.5 and not clamped, for luma (N, 1, S, S) in [-1, 1].

        A network that has learnt nothing answers 0.
        """
        return _CHROMA_SCALE * self.walk(luma)


def luma_of(pictures: torch.Tensor) -> torch.Tensor:
    """Return the Rec.601 luma (N, 1, S, S) of pictures (N, 3, S, S), in their range."""
    weights = pictures.new_tensor(LUMA_601).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def with_chroma(luma: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
    """Return pictures (N, 3, S, S) of luma (N, 1, S, S) in 0..1 and Cb, Cr (N, 2, S, S); not clamped.

    For luma in [-1, 1] give twice the chroma.
    """
    to_rgb = chroma.new_tensor([_CB_TO_RGB, _CR_TO_RGB]).view(2, 3, 1, 1)
    return luma + chroma[:, :1] * to_rgb[0] + chroma[:, 1:] * to_rgb[1]
