"""Painting what a hole hid into the reference of pass 1: pass 2 carries it through the shot.

A base that was trained to be near the truth leaves a hole smooth. A reference decides what pass 2 draws there
(SVFR section 3.4), and is one picture, so that what is painted once stays the same from frame to frame.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from svfr.nets.hole_net import HoleNet
from svfr.sampling.both_ways import mean_of_both_ways


@torch.no_grad()
def paint_hole(network: HoleNet, side_px: int, reference: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """Return a reference (3, S, S) in [-1, 1], not clamped, with the network's picture in its hole.

    ``hole`` (S, S) is True where the reference's frame has lost its pixels; others stay, bit for bit. The
    network sees ``side_px`` pixels a side, whatever S; of those that a hole touches it is shown none. Its
    answers for the picture and for its mirror image are averaged: neither side of a face is the better known.
    Raises NotFinite where they are none.
    """
    if not hole.any():
        return reference
    weight = network.leave.weight
    hidden = hole[None, None].to(weight)
    size = (side_px, side_px)
    small = functional.interpolate(reference[None].to(weight), size=size, mode="area").clamp(-1.0, 1.0)
    holes = (functional.interpolate(hidden, size=size, mode="area") > 0).to(weight)
    text = "What the model's hole network paints into the reference is not finite."
    painted = mean_of_both_ways(network, small, holes, not_finite=text)
    filled = torch.where(holes > 0, painted, small)  # so that its edge is met smoothly
    enlarged = functional.interpolate(filled, size=hole.shape, mode="bicubic", align_corners=False)
    return torch.where(hole[None], enlarged[0].to(reference), reference)
