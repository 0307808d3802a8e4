"""What a network beside the base answers for a picture and for its mirror image."""

from __future__ import annotations

import torch

from svfr.errors import NotFinite
from svfr.nets.patch_unet import PatchUNet


def mean_of_both_ways(network: PatchUNet, *planes: torch.Tensor, not_finite: str) -> torch.Tensor:
    """Return the mean of the answers for planes (N, P, S, S) and, turned back, for them as in a mirror.

    Neither side of a face is the better known. Raises NotFinite with the text ``not_finite``.
    """
    mirrored = network(*(plane.flip(3) for plane in planes)).flip(3)
    mean: torch.Tensor = (network(*planes) + mirrored) / 2.0
    if not bool(torch.isfinite(mean).all()):
        remedy = "Check the model with `svfr model check`: its weights may be damaged."
        raise NotFinite(not_finite, remedy=remedy)
    return mean
