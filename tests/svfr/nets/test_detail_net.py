"""The network that adds texture: what it can and cannot change."""

from __future__ import annotations

import pytest
import torch

from svfr.nets.detail_net import DetailNet, DetailSizes, without_low_frequencies
from svfr.sampling.detail import add_detail

SIZES = DetailSizes((8, 12), (1, 1))


def trained_net() -> DetailNet:
    torch.manual_seed(1)
    net = DetailNet(SIZES)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def pictures(count: int, planes: int) -> torch.Tensor:
    return torch.rand(count, planes, 32, 32, generator=torch.Generator().manual_seed(planes)) * 2 - 1


def test_an_untrained_network_adds_nothing() -> None:
    assert not DetailNet(SIZES)(pictures(2, 3), pictures(2, 3), pictures(2, 1)).any()


def test_what_it_adds_has_no_tone_of_its_own() -> None:
    residual = trained_net()(pictures(2, 3), pictures(2, 3), pictures(2, 1))
    assert residual.shape == (2, 3, 32, 32) and residual.std() > 0.02
    assert residual.mean((2, 3)).abs().max() < 0.1 * residual.std()
    assert without_low_frequencies(torch.full((1, 3, 24, 24), 0.4)).abs().max() < 1e-6


@pytest.mark.parametrize("planes", [3, 4])
def test_no_detail_is_the_base_bit_for_bit_and_some_is_a_blend(planes: int) -> None:
    net, seen, base = trained_net(), pictures(1, planes)[0], pictures(1, 3)[0] * 1.4
    assert torch.equal(add_detail(net, seen, base, 0.0), base)
    whole, half = add_detail(net, seen, base, 1.0), add_detail(net, seen, base, 0.5)
    assert not torch.equal(whole, base)
    assert torch.allclose(half, (base + whole) / 2, atol=1e-6)


def test_a_strengthened_network_adds_as_many_times_as_much() -> None:
    net = trained_net()
    with torch.no_grad():
        for parameter in net.leave.parameters():
            parameter.mul_(1e-5)  # small residuals, far from the largest
    planes = (pictures(1, 3), pictures(1, 3), pictures(1, 1))
    twice, once = net.strengthened(2.0)(*planes), net(*planes)
    assert (twice - 2.0 * once).abs().max() < 0.02 * twice.abs().max()
    assert net.strengthened(1.0) is not net
