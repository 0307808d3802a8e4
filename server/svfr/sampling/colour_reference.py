"""Colouring the reference of pass 1: pass 2 carries its colours over the shot.

A reference decides the colours of every frame (SVFR section 3.4), and is one picture: whatever colours it
cannot make a shot flicker. The colour network sees its luma, small, and gives it other chroma.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from svfr.nets.colour_net import ColourNet, luma_of, with_chroma
from svfr.sampling.both_ways import mean_of_both_ways


@torch.no_grad()
def colour_reference(network: ColourNet, side_px: int, reference: torch.Tensor) -> torch.Tensor:
    """Return a reference (3, S, S) in [-1, 1], not clamped, with its own luma and the network's colours.

    The network sees ``side_px`` pixels a side, whatever S. Its answers for the picture and for its mirror
    image are averaged: neither side of a face is the better known. Raises NotFinite where they are none.
    """
    luma = luma_of(reference[None])
    small = functional.interpolate(luma, size=(side_px, side_px), mode="area").clamp(-1.0, 1.0)
    seen = small.to(network.leave.weight)
    text = "The colours that the model's colour network gives the reference are not finite."
    chroma = mean_of_both_ways(network, seen, not_finite=text)
    size = (reference.shape[-2], reference.shape[-1])
    enlarged = functional.interpolate(chroma.to(reference), size=size, mode="bicubic", align_corners=False)
    # chroma is that of code values 0 to 1, and these go from -1 to 1
    return with_chroma(luma, 2.0 * enlarged)[0]
