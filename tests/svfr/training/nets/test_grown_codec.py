"""A network whose codec keeps more coefficients begins with the answers it gave before."""

from __future__ import annotations

import torch
from torch import nn

from svfr.training.nets.grown_codec import grown_codec

BEFORE, AFTER = (0, 5, 2), (0, 1, 2, 5)


def layers(count: int, hole: bool) -> nn.ModuleDict:
    return nn.ModuleDict({"conv_in": nn.Conv2d(3 * count + hole, 8, 3), "conv_out": nn.Conv2d(8, count, 3)})


def test_old_coefficients_are_answered_as_before_and_new_ones_with_zero() -> None:
    for hole in (True, False):
        torch.manual_seed(2)
        small, large = layers(3, hole), layers(4, hole)
        large.load_state_dict(grown_codec(small.state_dict(), BEFORE, AFTER))
        latents = torch.randn(3, 1, 4, 9, 9)
        plane = torch.randn(1, int(hole), 9, 9)
        kept = [AFTER.index(index) for index in BEFORE]
        few = torch.cat([latents[0][:, kept], latents[1][:, kept], plane, latents[2][:, kept]], dim=1)
        many = torch.cat([latents[0], latents[1], plane, latents[2]], dim=1)
        old = small["conv_out"](small["conv_in"](few))
        new = large["conv_out"](large["conv_in"](many))
        assert torch.allclose(new[:, kept], old, atol=1e-6)
        assert not new[:, AFTER.index(1)].any(), "a coefficient that is new is left as it is"


def test_a_codec_that_does_not_grow_leaves_the_weights_alone() -> None:
    weights = layers(3, True).state_dict()
    same = grown_codec(weights, BEFORE, BEFORE)
    assert all(torch.equal(same[name], tensor) for name, tensor in weights.items())
