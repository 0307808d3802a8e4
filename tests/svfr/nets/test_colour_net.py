"""The network that colours grey pictures: what it can and cannot change."""

from __future__ import annotations

import pytest
import torch

from svfr.nets.colour_net import ColourNet, luma_of, with_chroma
from svfr.nets.patch_unet import PatchUNetSizes

SIZES = PatchUNetSizes((8, 16), (1, 2))


def trained_net() -> ColourNet:
    torch.manual_seed(1)
    net = ColourNet(SIZES)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def luma(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1


def test_an_untrained_network_leaves_grey_what_is_grey() -> None:
    assert not ColourNet(SIZES)(luma(2, 24)).any()


def test_it_answers_with_two_planes_at_every_side_that_its_levels_halve() -> None:
    net = trained_net()
    assert SIZES.side_multiple == 4
    assert net(luma(2, 24)).shape == (2, 2, 24, 24) and net(luma(1, 28)).std() > 0.01


def test_dropout_is_for_training_alone() -> None:
    sizes = PatchUNetSizes((8, 8, 8), (1, 1, 1))
    torch.manual_seed(1)
    net = ColourNet(sizes, dropout=0.5)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    grey = luma(1, 24)
    assert not torch.equal(net(grey), net(grey))
    assert torch.equal(net.eval()(grey), net(grey))


def test_chroma_leaves_the_luma_and_grey_has_none() -> None:
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    y = luma_of(pictures)
    chroma = torch.cat([(pictures[:, 2:] - y) / 1.772, (pictures[:, :1] - y) / 1.402], dim=1)
    assert torch.allclose(with_chroma(y, chroma), pictures, atol=1e-5)
    other = with_chroma(y, torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(4)))
    assert torch.allclose(luma_of(other), y, atol=1e-5)


@pytest.mark.parametrize(
    ("widths", "blocks", "match"),
    [((8, 16), (1,), "one entry for each level"), ((), (), "one entry"), ((12,), (1,), "multiples of 8")],
)
def test_sizes_that_make_no_network_are_refused(
    widths: tuple[int, ...], blocks: tuple[int, ...], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        PatchUNetSizes(widths, blocks)
