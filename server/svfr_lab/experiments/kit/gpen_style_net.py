"""A small feed-forward network in the manner of GPEN (Yang et al. 2021, arXiv 2105.06070).

As there, an encoder reduces a damaged face to one code, a decoder makes the face anew with every level's
channels modulated by the code, and the encoder's own maps join the decoder at each level where a style GAN
would take noise. What it is not: its decoder was never trained as a GAN's generator, no adversary judges it,
and it has hundreds of thousands of weights instead of tens of millions. It learns a
residual to its input instead of a whole picture, so that minutes of training are enough to be of use.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 96)
_CODE_CHANNELS = 64
_SLOPE = 0.2


class GpenStyleNet(nn.Module):
    """Pictures (N, 3, S, S) in [-1, 1] to pictures of the same shape; S is a multiple of 8.

    Its last layer starts at zero: untrained it returns its input.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        levels = list(itertools.pairwise(widths))
        self.enter = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, 2, 1) for fine, coarse in levels)
        self.code = nn.Sequential(
            nn.Linear(widths[-1], _CODE_CHANNELS),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_CODE_CHANNELS, _CODE_CHANNELS),
            nn.LeakyReLU(_SLOPE),
        )
        self.up = nn.ModuleList(_PaintingLevel(coarse, fine) for fine, coarse in reversed(levels))
        self.paint = nn.Conv2d(widths[0], 3, 3, padding=1)
        for parameter in self.paint.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the restored pictures, not clipped."""
        maps = [_active(self.enter(pictures))]
        for layer in self.down:
            maps.append(_active(layer(maps[-1])))
        hidden = maps.pop()
        code = self.code(hidden.mean((2, 3)))
        for level in self.up:
            hidden = level(hidden, maps.pop(), code)
        return pictures + self.paint(hidden)


class _PaintingLevel(nn.Module):
    """Doubles the side, steers the channels by the code and joins the encoder's map of that size."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.style = nn.Linear(_CODE_CHANNELS, coarse)
        self.enlarge = nn.Conv2d(coarse, fine, 3, padding=1)
        self.join = nn.Conv2d(2 * fine, fine, 3, padding=1)

    def forward(self, hidden: torch.Tensor, shortcut: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        steered = hidden * (1.0 + self.style(code))[:, :, None, None]
        larger = functional.interpolate(steered, scale_factor=2.0, mode="nearest")
        return _active(self.join(torch.cat([_active(self.enlarge(larger)), shortcut], dim=1)))


def _active(hidden: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(hidden, _SLOPE)
