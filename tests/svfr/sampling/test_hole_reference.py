"""The reference of pass 1 with a hole network: painted in its hole, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from sampling_models import CROP_PX, Crops, Recorder, plan_with, random_unet, tiny_model, unet_config

from svfr.errors import NotFinite
from svfr.models.model import Model
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.nets.hole_net import HoleNet
from svfr.sampling.hole_reference import paint_hole
from svfr.sampling.sampler import make_reference
from svfr.tasks import TaskSet

HOLE = ReferenceNetSpec(widths=(8, 16), blocks=(1, 1), side_px=12)
FILL = replace(plan_with(), tasks=TaskSet(bfr=True, inpaint=True))


@pytest.fixture(scope="module")
def network() -> HoleNet:
    torch.manual_seed(4)
    network = HoleNet(HOLE.sizes).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def plain() -> Model:
    without = tiny_model()
    more = unet_config(in_channels=13)
    spec = replace(without.spec, hole_plane=True, unet=more)
    return replace(without, spec=spec, unet=random_unet(in_channels=13))


@pytest.fixture(scope="module")
def model(plain: Model, network: HoleNet) -> Model:
    return replace(plain, spec=replace(plain.spec, hole=HOLE), hole=network)


@dataclass
class Holed(Crops):
    """Crops whose frame with a hole is ``holed``, an index from the first."""

    holed: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        planes = torch.full((self.count, 1, CROP_PX, CROP_PX), -1.0)
        planes[self.holed, 0, 3:9, 5:12] = 1.0
        self.pixels = torch.cat([self.pixels, planes], dim=1)

    @property
    def hole(self) -> torch.Tensor:
        return self.pixels[self.holed, 3] > 0


def reference_of(side: int) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1


@pytest.mark.parametrize("side", [8, 12, 31, 48])
def test_pixels_around_the_hole_stay_bit_for_bit_and_those_in_it_do_not_matter(
    network: HoleNet, side: int
) -> None:
    reference, hole = reference_of(side), torch.zeros(side, side, dtype=torch.bool)
    hole[side // 4 : side // 2, side // 4 : side // 2] = True
    painted = paint_hole(network, HOLE.side_px, reference, hole)
    assert painted.shape == reference.shape and painted.dtype == torch.float32
    assert torch.equal(painted[:, ~hole], reference[:, ~hole])
    assert (painted - reference)[:, hole].abs().max() > 0.05
    spoilt = torch.where(hole, torch.full_like(reference, 0.9), reference)
    assert torch.allclose(paint_hole(network, HOLE.side_px, spoilt, hole), painted, atol=1e-5)


def test_a_mirrored_face_is_painted_as_in_a_mirror_and_no_hole_is_no_change(network: HoleNet) -> None:
    reference, hole = reference_of(24), torch.zeros(24, 24, dtype=torch.bool)
    assert paint_hole(network, 12, reference, hole) is reference
    hole[6:12, 4:10] = True
    painted = paint_hole(network, 12, reference, hole)
    mirrored = paint_hole(network, 12, reference.flip(2), hole.flip(1)).flip(2)
    assert torch.allclose(mirrored, painted, atol=1e-5)
    assert torch.isfinite(paint_hole(network, 12, reference, torch.ones(24, 24, dtype=torch.bool))).all()


def test_pass_1_hands_out_and_keeps_the_reference_painted_where_its_own_frame_is_lost(
    plain: Model, model: Model, network: HoleNet
) -> None:
    crops = Holed(5)
    before, recorder = make_reference(plain, crops, FILL), Recorder()
    reference = make_reference(model, crops, FILL, recorder)
    assert torch.equal(reference, paint_hole(network, HOLE.side_px, before, crops.hole))
    assert not torch.equal(reference, before)
    assert torch.equal(recorder.saved["pass1/reference"], reference)
    assert torch.equal(make_reference(model, crops, FILL, Recorder(recorder.saved)), reference)
    elsewhere = Holed(5, holed=2)
    assert torch.equal(make_reference(model, elsewhere, FILL), make_reference(plain, elsewhere, FILL))


def test_what_is_no_number_is_said_of_the_network_and_not_kept(model: Model) -> None:
    broken, recorder = HoleNet(HOLE.sizes), Recorder()
    torch.nn.init.constant_(broken.leave.bias, float("nan"))
    with pytest.raises(NotFinite, match="hole network") as refused:
        make_reference(replace(model, hole=broken), Holed(5), FILL, recorder)
    assert "svfr model check" in refused.value.remedy
    assert "pass1/reference" not in recorder.saved


@pytest.mark.parametrize("plan", [plan_with(), replace(FILL, mode="official")])
def test_without_the_task_and_in_official_mode_no_bit_changes(
    plain: Model, model: Model, plan: object
) -> None:
    crops = Holed(5)
    assert torch.equal(make_reference(model, crops, plan), make_reference(plain, crops, plan))
