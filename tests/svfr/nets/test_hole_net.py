"""The network that fills a hole: what it sees, and what it can change."""

from __future__ import annotations

import pytest
import torch

from svfr.nets.hole_net import HoleNet, continued
from svfr.nets.patch_unet import PatchUNetSizes

SIZES = PatchUNetSizes((8, 16), (1, 1))


def trained_net() -> HoleNet:
    torch.manual_seed(1)
    net = HoleNet(SIZES)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval().requires_grad_(False)


def picture(side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def square_hole(side: int) -> torch.Tensor:
    hole = torch.zeros(1, 1, side, side)
    hole[..., side // 4 : side // 2, side // 3 : side // 2] = 1.0
    return hole


@pytest.mark.parametrize("side", [8, 12, 24, 28])
def test_what_lies_in_the_hole_does_not_matter_and_everything_around_it_does(side: int) -> None:
    net, seen, hole = trained_net(), picture(side), square_hole(side)
    other = torch.where(hole > 0, picture(side, 1), seen)
    painted = net(seen, hole)
    assert painted.shape == (1, 3, side, side) and torch.isfinite(painted).all()
    assert torch.equal(net(other, hole), painted)
    opposite = seen.clone()
    opposite[..., 0, -1] += 0.5
    assert not torch.equal(net(opposite, hole), painted)


def test_an_untrained_network_continues_the_edge() -> None:
    seen, hole = picture(16), square_hole(16)
    assert torch.equal(HoleNet(SIZES)(seen, hole), continued(seen, 1.0 - hole))


@pytest.mark.parametrize("side", [3, 8, 12, 20, 48])
def test_a_flat_picture_is_continued_flat_and_known_pixels_stay(side: int) -> None:
    known = 1.0 - (torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(2)) < 0.6).float()
    known[..., 0, 0] = 1.0
    flat = torch.full((1, 3, side, side), 0.3)
    assert torch.allclose(continued(flat, known), flat, atol=1e-5)
    seen = picture(side)
    assert torch.equal(continued(seen, known) * known, seen * known)
    whole = continued(seen, torch.zeros(1, 1, side, side))
    assert torch.isfinite(whole).all(), "nothing is known"


def test_a_continuation_stays_between_what_is_known() -> None:
    seen, hole = picture(24), torch.zeros(1, 1, 24, 24)
    hole[..., 4:20, 4:20] = 1.0
    inside = continued(seen, 1.0 - hole)
    assert float(inside.min()) >= float(seen.min()) - 1e-5 and float(inside.max()) <= float(seen.max()) + 1e-5
