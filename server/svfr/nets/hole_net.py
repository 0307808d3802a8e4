"""The hole network: what most likely lies behind a hole in a face.

It sees what is known, the hole, and both once more as in a mirror: a face is about the same on both sides, so
what one side lost the other may still show. It adds to a smooth continuation of the edge, which is all that
there is where nothing can be known.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from svfr.nets.patch_unet import PatchUNet, PatchUNetSizes

_PLANES_OUT = 3
# red, green, blue and the hole, and the same mirrored
_PLANES_IN = 8
_SMALLEST_PX = 3
_LEAST_SHARE = 1e-3


class HoleNet(PatchUNet):
    """A picture (N, 3, S, S) and its hole (N, 1, S, S) to one that is whole."""

    def __init__(self, sizes: PatchUNetSizes, dropout: float = 0.0) -> None:
        super().__init__(sizes, _PLANES_IN, _PLANES_OUT, dropout)

    def forward(self, pictures: torch.Tensor, holes: torch.Tensor) -> torch.Tensor:
        """Return pictures (N, 3, S, S) for those in [-1, 1], of which nothing counts where ``holes`` is 1.

        ``holes`` (N, 1, S, S) is 0 where the picture is known. Only what the answer has in the hole is meant.
        A network that has learnt nothing continues the hole's edge.
        """
        known = 1.0 - holes
        planes = torch.cat([pictures * known, holes], dim=1)
        both = torch.cat([planes, planes.flip(3)], dim=1)
        return continued(pictures, known) + self.walk(both)


def continued(pictures: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return pictures (N, 3, S, S) continued smoothly where ``known`` (N, 1, S, S) is 0, from coarse to fine.

    Each half of the side is the mean of what is known of the one before (push and pull; Gortler et al., The
    Lumigraph, 1996, section 3.4.2).
    """
    side = pictures.shape[-1]
    if side <= _SMALLEST_PX or side % 2:
        weight = known.sum((2, 3), keepdim=True).clamp_min(_LEAST_SHARE)
        mean = (pictures * known).sum((2, 3), keepdim=True) / weight
        return pictures * known + (1.0 - known) * mean
    share = functional.avg_pool2d(known, 2)
    smaller = functional.avg_pool2d(pictures * known, 2) / share.clamp_min(_LEAST_SHARE)
    coarse = continued(smaller, (share > 0).to(known))
    enlarged = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
    return pictures * known + (1.0 - known) * enlarged
