"""The reference of pass 1 with a colour network: colours where they are asked for, its own luma always."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sampling_models import CROP_PX, Crops, Recorder, plan_with, tiny_model

from svfr.errors import NotFinite
from svfr.models.model import Model
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.nets.colour_net import ColourNet, luma_of
from svfr.sampling.colour_reference import colour_reference
from svfr.sampling.sampler import make_reference
from svfr.tasks import TaskSet

COLOUR = ReferenceNetSpec(widths=(8, 16), blocks=(1, 1), side_px=12)
GREY = replace(plan_with(), tasks=TaskSet(bfr=True, colorize=True))


@pytest.fixture(scope="module")
def plain() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def network() -> ColourNet:
    torch.manual_seed(4)
    network = ColourNet(COLOUR.sizes).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.fixture(scope="module")
def model(plain: Model, network: ColourNet) -> Model:
    return replace(plain, spec=replace(plain.spec, colour=COLOUR), colour=network)


@pytest.mark.parametrize("side", [8, 12, 16, 31, 48])
def test_the_luma_stays_whatever_the_side(network: ColourNet, side: int) -> None:
    reference = torch.rand(3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1
    coloured = colour_reference(network, COLOUR.side_px, reference)
    assert coloured.shape == reference.shape and coloured.dtype == torch.float32
    assert torch.allclose(luma_of(coloured[None]), luma_of(reference[None]), atol=1e-5)
    assert (coloured - reference).abs().max() > 0.05


def test_colours_that_were_there_do_not_matter_and_a_mirrored_face_has_mirrored_ones(
    network: ColourNet,
) -> None:
    reference = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1
    coloured = colour_reference(network, 12, reference)
    grey = luma_of(reference[None]).expand(-1, 3, -1, -1)[0]
    assert torch.allclose(colour_reference(network, 12, grey), coloured, atol=1e-5)
    assert torch.allclose(colour_reference(network, 12, reference.flip(2)).flip(2), coloured, atol=1e-5)


def test_an_untrained_network_makes_a_grey_reference() -> None:
    reference = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(2))
    coloured = colour_reference(ColourNet(COLOUR.sizes), 12, reference)
    assert torch.allclose(coloured, luma_of(reference[None])[0].expand(3, -1, -1))


def test_pass_1_hands_out_and_keeps_the_coloured_reference(
    plain: Model, model: Model, network: ColourNet
) -> None:
    before = make_reference(plain, Crops(5), GREY)
    recorder = Recorder()
    reference = make_reference(model, Crops(5), GREY, recorder)
    assert torch.equal(reference, colour_reference(network, COLOUR.side_px, before))
    assert reference.shape == (3, CROP_PX, CROP_PX) and not torch.allclose(reference, before, atol=1e-2)
    assert torch.equal(recorder.saved["pass1/reference"], reference)
    assert torch.equal(make_reference(model, Crops(5), GREY, Recorder(recorder.saved)), reference)


def test_colours_that_are_no_numbers_are_the_models_fault_and_are_not_kept(model: Model) -> None:
    broken = ColourNet(COLOUR.sizes)
    torch.nn.init.constant_(broken.leave.bias, float("nan"))
    recorder = Recorder()
    with pytest.raises(NotFinite, match="colour network") as refused:
        make_reference(replace(model, colour=broken), Crops(5), GREY, recorder)
    assert "svfr model check" in refused.value.remedy
    assert "pass1/reference" not in recorder.saved


@pytest.mark.parametrize("plan", [plan_with(), replace(GREY, mode="official")])
def test_without_the_task_and_in_official_mode_no_bit_changes(
    plain: Model, model: Model, plan: object
) -> None:
    assert torch.equal(make_reference(model, Crops(5), plan), make_reference(plain, Crops(5), plan))
