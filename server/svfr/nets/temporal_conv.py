"""A faster exact form of the UNet's (3, 1, 1) temporal convolutions.

PyTorch's CPU kernels for Conv3d fall back to a slow path for this kernel shape; the same sum is a (3, 1)
Conv2d over frames and flattened pixels. Weights and their names stay as they are.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class TemporalConv(nn.Conv3d):
    """A Conv3d of kernel (3, 1, 1) and padding (1, 0, 0), computed as a Conv2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve (B, C, F, H, W) over F."""
        batch, _, frames, height, width = x.shape
        if frames == 1:  # the neighbours are padding: only the middle tap counts
            return functional.conv2d(x[:, :, 0], self.weight[:, :, 1], self.bias)[:, :, None]
        flat = x.reshape(batch, x.shape[1], frames, height * width)
        out = functional.conv2d(flat, self.weight[..., 0], self.bias, padding=(1, 0))
        return out.view(batch, -1, frames, height, width)


def use_fast_temporal_convolutions(module: nn.Module) -> None:
    """Turn every (3, 1, 1) Conv3d inside ``module`` into a :class:`TemporalConv`, in place."""
    for inner in module.modules():
        if type(inner) is nn.Conv3d and inner.kernel_size == (3, 1, 1) and inner.padding == (1, 0, 0):
            inner.__class__ = TemporalConv
