"""The detail network: the fine texture that a mean of plausible faces lacks.

A restored crop of the diffusion model is about the mean of what the damaged one could have been, so it is
smooth. This network sees both, and the hole, and gives a residual to add: ``restored = base + detail *
residual``. Its residual has no low frequencies, whatever the weights: tones and colours stay the base's.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from svfr.nets.size_limits import BlockCounts, Widths
from svfr.validation import Strict

PLANES_IN = 7
"""Red, green and blue of the damaged crop and of the base, and the hole: all in [-1, 1]."""

_UNSHUFFLE = 4
_LOW_SIGMA_PX, _LOW_RADIUS_PX = 3.0, 8
# Texture is small: a residual of this size, in [-1, 1], is reached by no smooth way.
_LARGEST = 0.5


@dataclass(frozen=True)
class DetailSizes(Strict):
    """Widths of the levels, each of half the side of the one before, and residual blocks of each.

    The way up has as many blocks as the way down.
    """

    widths: Widths
    blocks: BlockCounts

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise ValueError("widths and blocks must have one entry for each level")

    @property
    def side_multiple(self) -> int:
        """What the side of a crop must be a multiple of."""
        return int(_UNSHUFFLE * 2 ** (len(self.widths) - 1))


class DetailNet(nn.Module):
    """A U-Net of residual blocks over patches of 4 px: planes (N, 7, S, S) to a residual (N, 3, S, S)."""

    def __init__(self, sizes: DetailSizes) -> None:
        super().__init__()
        self.sizes = sizes
        widths = sizes.widths
        self.enter = nn.Conv2d(PLANES_IN * _UNSHUFFLE**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_blocks(w, n) for w, n in zip(widths, sizes.blocks, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in _pairs(widths))
        self.enlarge = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in _pairs(widths))
        self.up = nn.ModuleList(_blocks(w, n) for w, n in zip(widths[:-1], sizes.blocks, strict=False))
        self.leave = nn.Conv2d(widths[0], 3 * _UNSHUFFLE**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(_bias(self.leave))

    def strengthened(self, factor: float) -> DetailNet:
        """Return a copy that adds ``factor`` times as much, as far as the largest residual allows."""
        copied = copy.deepcopy(self)
        with torch.no_grad():
            for parameter in copied.leave.parameters():
                parameter.mul_(factor)
        return copied

    def forward(self, low_quality: torch.Tensor, base: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
        """Return the residual (N, 3, S, S) for pictures (N, 3, S, S) and a hole plane (N, 1, S, S).

        S is a multiple of 4 times two for each further level.
        """
        planes = torch.cat([low_quality, base, hole], dim=1)
        x = self.enter(functional.pixel_unshuffle(planes, _UNSHUFFLE))
        kept = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            if level < len(self.shrink):
                kept.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.enlarge))):
            x = functional.pixel_shuffle(self.enlarge[level](x), 2) + kept[level]
            x = self.up[level](x)
        residual = functional.pixel_shuffle(self.leave(x), _UNSHUFFLE)
        return without_low_frequencies(_LARGEST * torch.tanh(residual / _LARGEST))


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(_bias(self.second))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.silu(self.first(x)))


def without_low_frequencies(pictures: torch.Tensor) -> torch.Tensor:
    """Return pictures (N, C, S, S) less their Gaussian blur of 3 px, mirrored at the edges."""
    reach = torch.arange(-_LOW_RADIUS_PX, _LOW_RADIUS_PX + 1, dtype=pictures.dtype, device=pictures.device)
    kernel = torch.exp(-0.5 * (reach / _LOW_SIGMA_PX) ** 2)
    kernel = kernel / kernel.sum()
    channels = pictures.shape[1]
    across = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    pad = (_LOW_RADIUS_PX,) * 4
    blurred = functional.conv2d(functional.pad(pictures, pad, mode="reflect"), across, groups=channels)
    blurred = functional.conv2d(blurred, across.transpose(2, 3), groups=channels)
    return pictures - blurred


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width) for _ in range(count)))


def _pairs(widths: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(widths))


def _bias(layer: nn.Conv2d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias
