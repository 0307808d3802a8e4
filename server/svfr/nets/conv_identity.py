"""The preview model's identity encoder: a small convolutional net from a crop to tokens.

It stands where the full model has ArcFace and a projection (SVFR section 3.4, Self-Referred Refinement):
its tokens enter the UNet's cross-attention. It is trained together with the UNet.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn


class ConvIdentity(nn.Module):
    """Reference crops (N, 3, S, S) in [-1, 1] to tokens (N, (S/16)^2, channels)."""

    def __init__(self, channels: int, widths: tuple[int, ...] = (24, 32, 48)) -> None:
        super().__init__()
        sizes = (3, *widths, channels)
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise(sizes):
            layers += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), nn.SiLU()]
        self.body = nn.Sequential(*layers[:-1])
        self.final_norm = nn.LayerNorm(channels)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the tokens in raster order, normalised over channels."""
        return self.final_norm(self.body(crops).flatten(2).transpose(1, 2))
