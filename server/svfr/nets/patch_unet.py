"""The U-Net of small pictures that the networks of a reference share."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from svfr.nets.size_limits import BlockCounts, Widths
from svfr.validation import Strict

_UNSHUFFLE = 2
_GROUPS = 8
# Dropout is for the levels that see the whole face, where people could be learnt by heart.
_FIRST_DROPPED_LEVEL = 2


@dataclass(frozen=True)
class PatchUNetSizes(Strict):
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


class PatchUNet(nn.Module):
    """A U-Net of residual blocks over patches of 2 px: planes (N, in, S, S) to planes (N, out, S, S).

    ``dropout`` is the share of coarse features that is left out while it trains. A network that has learnt
    nothing answers 0.
    """

    def __init__(self, sizes: PatchUNetSizes, planes_in: int, planes_out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        widths, blocks = sizes.widths, sizes.blocks
        self.enter = nn.Conv2d(planes_in * _UNSHUFFLE**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            _blocks(width, count, dropout if level >= _FIRST_DROPPED_LEVEL else 0.0)
            for level, (width, count) in enumerate(zip(widths, blocks, strict=True))
        )
        pairs = list(itertools.pairwise(widths))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.enlarge = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.up = nn.ModuleList(_blocks(w, n, 0.0) for w, n in zip(widths[:-1], blocks, strict=False))
        self.leave = nn.Conv2d(widths[0], planes_out * _UNSHUFFLE**2, 3, padding=1)
        _begin_at_zero(self.leave)

    def walk(self, planes: torch.Tensor) -> torch.Tensor:
        """Return what becomes of planes; S is a multiple of :attr:`PatchUNetSizes.side_multiple`."""
        x = self.enter(functional.pixel_unshuffle(planes, _UNSHUFFLE))
        kept = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            if level < len(self.shrink):
                kept.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.enlarge))):
            enlarged = functional.interpolate(self.enlarge[level](x), scale_factor=2.0, mode="nearest")
            x = self.up[level](enlarged + kept[level])
        return functional.pixel_shuffle(self.leave(x), _UNSHUFFLE)


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


def _blocks(width: int, count: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width, dropout) for _ in range(count)))


def _begin_at_zero(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
