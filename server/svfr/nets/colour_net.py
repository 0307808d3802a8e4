"""The colour network: which colours a grey face most likely has.

It sees luma alone and answers with chroma alone, so whatever its weights the picture's own luma stays. It is
small and works at a small side: the eye takes the colours of a face from large fields, and a small picture
costs so little that it learns from many more people than the diffusion model can be shown.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from svfr.luma import LUMA_601
from svfr.nets.size_limits import BlockCounts, Widths
from svfr.validation import Strict

CHROMA_PLANES = 2
"""Cb and Cr of Rec.601."""

_UNSHUFFLE = 2
_GROUPS = 8
# Dropout is for the levels that see the whole face, where people could be learnt by heart.
_FIRST_DROPPED_LEVEL = 2
# The chroma of skin is of this order, so that the last layer's outputs need not be small.
_CHROMA_SCALE = 0.3
# Rec.601: what the two planes add to red, green and blue. Luma is left as it is.
_CB_TO_RGB, _CR_TO_RGB = (0.0, -0.344136, 1.772), (1.402, -0.714136, 0.0)


@dataclass(frozen=True)
class ColourSizes(Strict):
    """Widths of the levels, each of half the side of the one before, and residual blocks of each.

    Widths are multiples of 8, the groups of normalisation. The way up has as many blocks as the way down.
    """

    widths: Widths
    blocks: BlockCounts

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise ValueError("widths and blocks must have one entry for each level")
        if any(width % _GROUPS for width in self.widths):
            raise ValueError(f"widths must be multiples of {_GROUPS}")

    @property
    def side_multiple(self) -> int:
        """What the side of a picture must be a multiple of."""
        return int(_UNSHUFFLE * 2 ** (len(self.widths) - 1))


class ColourNet(nn.Module):
    """A U-Net of residual blocks over patches of 2 px: luma (N, 1, S, S) to chroma (N, 2, S, S).

    ``dropout`` is the share of coarse features that is left out while it trains.
    """

    def __init__(self, sizes: ColourSizes, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        widths, blocks = sizes.widths, sizes.blocks
        self.enter = nn.Conv2d(_UNSHUFFLE**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            _blocks(width, count, dropout if level >= _FIRST_DROPPED_LEVEL else 0.0)
            for level, (width, count) in enumerate(zip(widths, blocks, strict=True))
        )
        pairs = list(itertools.pairwise(widths))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.enlarge = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.up = nn.ModuleList(_blocks(w, n, 0.0) for w, n in zip(widths[:-1], blocks, strict=False))
        self.leave = nn.Conv2d(widths[0], CHROMA_PLANES * _UNSHUFFLE**2, 3, padding=1)
        _begin_at_zero(self.leave)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Return Cb and Cr (N, 2, S, S), about -0.5 to 0.5 and not clamped, for luma (N, 1, S, S) in [-1, 1].

        S is a multiple of 2 times two for each further level. A network that has learnt nothing answers 0.
        """
        x = self.enter(functional.pixel_unshuffle(luma, _UNSHUFFLE))
        kept = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            if level < len(self.shrink):
                kept.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.enlarge))):
            enlarged = functional.interpolate(self.enlarge[level](x), scale_factor=2.0, mode="nearest")
            x = self.up[level](enlarged + kept[level])
        return _CHROMA_SCALE * functional.pixel_shuffle(self.leave(x), _UNSHUFFLE)


class _ResidualBlock(nn.Module):
    """Two convolutions, and between them what the whole picture is like: light and lens are of all of it."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.whole = nn.Linear(width, width)
        self.dropout = nn.Dropout2d(dropout)
        _begin_at_zero(self.second)
        _begin_at_zero(self.whole)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = functional.silu(self.first(self.norm(x)))
        h = h + self.whole(h.mean((2, 3)))[:, :, None, None]
        return x + self.second(self.dropout(functional.silu(h)))


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


def _blocks(width: int, count: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width, dropout) for _ in range(count)))


def _begin_at_zero(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
