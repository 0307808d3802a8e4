"""The hole plane of the preview network: from the crop to the loss, and a run that begins without one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, NETWORK, NoisyGradients

from svfr.errors import CropShapeMismatch
from svfr.models.model import load_model
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec
from svfr.sampling.network_input import with_hole_plane
from svfr.sampling.sampler import SamplePlan, restore
from svfr.tasks import TaskSet
from svfr.training.batches import ClipBatch
from svfr.training.errors import StartUnusable
from svfr.training.export.folder import TrainedNet, export_preview
from svfr.training.loop.build import build_net
from svfr.training.loop.trainer import Trainer
from svfr.training.losses.noise import relative_errors
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.nets.trainable import DenoisingGoal
from svfr.training.recipe.config import Phase, Recipe

WITH_PLANE = dataclasses.replace(CONFIG, network=dataclasses.replace(NETWORK, hole_plane=True))
INPAINT_ALONE, BFR_AND_INPAINT = [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]


class HoledGradients(NoisyGradients):
    """The gradients with a fourth plane: a hole in the upper half."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        batch = super().batch(rng, phase)
        plane = -torch.ones_like(batch.low_quality[:, :, :1])
        plane[..., : NETWORK.crop_px // 2, :] = 1.0
        return dataclasses.replace(
            batch,
            low_quality=torch.cat([batch.low_quality, plane], dim=2),
            reference_low_quality=torch.cat([batch.reference_low_quality, plane[:, 0]], dim=1),
        )


def trained(config: Recipe, source: NoisyGradients, folder: Path) -> Path:
    """Train a few steps and return the exported model folder."""
    trainer = Trainer(config, source, folder / "run")
    trainer.run(lambda row: None)
    net = trainer.averaged_net
    assert isinstance(net, PreviewNet)
    export_preview(TrainedNet(net, trainer.step), config, folder / "model", {})
    return folder / "model"


@dataclasses.dataclass(frozen=True)
class Crops:
    """Crops in memory as the sampler reads them."""

    pixels: torch.Tensor

    @property
    def frames(self) -> range:
        return range(1, 1 + len(self.pixels))

    def read(self, start: int, stop: int) -> torch.Tensor:
        return self.pixels[start:stop]


def test_the_codec_turns_the_plane_into_the_holes_share_of_each_patch() -> None:
    codec = LinearPatchCodec(LinearPatchSpec((0, 16, 32), (0.0,) * 3, (1.0,) * 3))
    picture = with_hole_plane(np.full((8, 8, 3), 0.25, np.float32), np.zeros((8, 8), np.bool_))
    picture[:2, :4, 3] = 1.0
    pictures = torch.from_numpy(picture).permute(2, 0, 1)[None] * 2 - 1
    latents = codec.encode(pictures)
    assert latents.shape == (1, 4, 2, 2)
    assert latents[0, 3].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert torch.equal(latents[:, :3], codec.encode(pictures[:, :3]))


def test_a_run_with_the_plane_becomes_a_model_that_asks_for_it(tmp_path: Path) -> None:
    model = load_model(trained(WITH_PLANE, HoledGradients(), tmp_path))
    assert model.spec.hole_plane and model.spec.unet["in_channels"] == 3 * 5 + 1
    plan = SamplePlan(TaskSet.of({"inpaint"}), model.spec.presets["draft"], seed=1)
    crops = (
        HoledGradients()
        .batch(np.random.default_rng(0), Phase(steps=1, frames=4, batch=1, noised_share=0.0))
        .low_quality[0]
    )
    restored = [picture for _, picture in restore(model, Crops(crops), None, None, plan=plan)]
    assert len(restored) == 4 and restored[0].shape == (3, NETWORK.crop_px, NETWORK.crop_px)
    with pytest.raises(CropShapeMismatch, match=r"\(4, 4, 32, 32\)"):
        list(restore(model, Crops(crops[:, :3]), None, None, plan=plan))


def test_the_model_of_a_plane_answers_to_where_the_hole_is(tmp_path: Path) -> None:
    model = load_model(trained(WITH_PLANE, HoledGradients(), tmp_path))
    plan = SamplePlan(TaskSet.of({"inpaint"}), model.spec.presets["draft"], seed=1)
    crops = (
        HoledGradients()
        .batch(np.random.default_rng(0), Phase(steps=1, frames=4, batch=1, noised_share=0.0))
        .low_quality[0]
    )
    elsewhere = crops.clone()
    elsewhere[:, 3] = -elsewhere[:, 3]
    first, second = (
        torch.stack([picture for _, picture in restore(model, Crops(pixels), None, None, plan=plan)])
        for pixels in (crops, elsewhere)
    )
    assert not torch.equal(first, second)


def test_a_run_may_begin_with_a_model_without_the_plane_and_compute_the_same(tmp_path: Path) -> None:
    start = load_model(trained(CONFIG, NoisyGradients(), tmp_path))
    net = build_net(WITH_PLANE, HoledGradients(), None, None, start)
    assert isinstance(net, PreviewNet)
    batch = HoledGradients().batch(
        np.random.default_rng(3), Phase(steps=1, frames=4, batch=2, noised_share=0.0)
    )
    z_lq = net.encode(batch.low_quality)
    sigma = torch.full((2,), 20.0)
    given = (net.pictured(z_lq), z_lq, sigma, batch.tasks, *net.no_reference(2))
    again = PreviewNet(NETWORK, net.codec.spec, torch.ones(5))
    again.unet.load_state_dict(start.unet.state_dict())
    given_without = (net.pictured(z_lq), net.pictured(z_lq), sigma, batch.tasks, *net.no_reference(2))
    with torch.no_grad():
        assert torch.allclose(net.denoise(*given), again.denoise(*given_without), atol=1e-5)
    assert net.started_from == {name: record.sha256 for name, record in start.spec.files.items()}


def test_what_a_run_began_with_is_kept_through_a_resume_and_told_by_the_model(tmp_path: Path) -> None:
    start = load_model(trained(CONFIG, NoisyGradients(), tmp_path))
    Trainer(WITH_PLANE, HoledGradients(), tmp_path / "second", start=start).save()
    resumed = Trainer(WITH_PLANE, HoledGradients(), tmp_path / "second").averaged_net
    assert isinstance(resumed, PreviewNet)
    spec = export_preview(TrainedNet(resumed, 0), WITH_PLANE, tmp_path / "told", {})
    assert spec.training["started_from_sha256"] == resumed.started_from


def test_a_model_of_another_codec_is_no_start(tmp_path: Path) -> None:
    start = load_model(trained(CONFIG, NoisyGradients(), tmp_path))
    other = dataclasses.replace(NETWORK, coefficients=(0, 1, 4, 16, 33))
    with pytest.raises(StartUnusable, match="another codec"):
        build_net(dataclasses.replace(CONFIG, network=other), NoisyGradients(), None, None, start)


def test_for_inpaint_alone_the_hole_decides_and_for_other_tasks_every_place() -> None:
    net = PreviewNet(
        WITH_PLANE.network, LinearPatchSpec(NETWORK.coefficients, (0.0,) * 5, (1.0,) * 5), torch.ones(5)
    )
    clean, low_quality = torch.zeros(2, 1, 5, 8, 8), torch.ones(2, 1, 5, 8, 8)
    share = torch.zeros(2, 1, 1, 8, 8)
    share[..., :4, :] = 1.0
    right_in_hole = torch.ones_like(clean)
    right_in_hole[..., :4, :] = 0.0
    z_lq = torch.cat([low_quality, share], dim=2)
    tasks = torch.tensor([INPAINT_ALONE, BFR_AND_INPAINT])
    goal = DenoisingGoal(clean=clean, low_quality=z_lq, sigma=torch.full((2,), 20.0), tasks=tasks)
    _, errors = net.noise_losses(right_in_hole, goal)
    assert errors[0] == pytest.approx(0.05 / 1.05, rel=0.01)
    assert errors[1] == pytest.approx(0.5, rel=0.01)


def test_places_of_equal_weight_change_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    denoised, clean, low_quality = (torch.randn(2, 1, 5, 4, 4, generator=generator) for _ in range(3))
    evenly = torch.full((2, 1, 1, 4, 4), 7.0)
    plain = relative_errors(denoised, clean, low_quality, torch.ones(5))
    assert torch.allclose(relative_errors(denoised, clean, low_quality, torch.ones(5), evenly), plain)
