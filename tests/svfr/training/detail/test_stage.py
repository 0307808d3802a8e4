"""The detail stage: it learns, goes on where it was, and its model adds what was learnt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, NoisyGradients

from svfr.models.detail_spec import DetailAmounts
from svfr.models.folder import read_spec, verify
from svfr.models.model import Model, load_model
from svfr.nets.detail_net import DetailSizes
from svfr.training.batches import ClipBatch
from svfr.training.detail import losses
from svfr.training.detail.bank import SampleBank
from svfr.training.detail.recipe import (
    BankConfig,
    DetailConfig,
    DetailLosses,
    DetailOptimiser,
    is_detail_recipe,
    read_detail_config,
)
from svfr.training.detail.stage import DetailStage, missing_texture
from svfr.training.errors import RecipeInvalid, TrainingDataUnusable
from svfr.training.export.folder import TrainedNet, export_detail, export_preview
from svfr.training.loop.build import build_net
from svfr.training.recipe.config import Phase
from svfr_lab.training.run import find_recipe

SIDE = 32
DETAIL = DetailConfig(
    stage="detail",
    name="tiny",
    seed=3,
    task_shares={"bfr": 1.0},
    presets=DetailAmounts(draft=0.0, standard=0.5, final=1.0),
    network=DetailSizes((8, 8), (1, 1)),
    bank=BankConfig(clips=4, damage="usual", refill_steps=3),
    losses=DetailLosses(pixel=1.0, contrast=1.0, adversarial=0.05, features=0.05, flicker=0.5, ramp_steps=2),
    optimiser=DetailOptimiser(
        steps=4,
        batch=2,
        crop_px=24,
        learning_rate=1e-3,
        discriminator_rate=1e-3,
        cooldown_steps=2,
        ema_decay=0.9,
    ),
)


class MovingGradients(NoisyGradients):
    """Gradients that stand still, and say so."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        batch = super().batch(rng, phase)
        down, across = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        still = torch.stack([across, down], -1).float().expand(phase.batch, phase.frames - 1, SIDE, SIDE, 2)
        return dataclasses.replace(batch, flow=still)


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "base"
    export_preview(TrainedNet(build_net(CONFIG, NoisyGradients(), None, None), 0), CONFIG, folder, {})
    return folder


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Model:
    return load_model(base_folder)


def stage(base: Model, folder: Path) -> DetailStage:
    return DetailStage(
        config=DETAIL, source=MovingGradients(), base=base, folder=folder, device=torch.device("cpu")
    )


def test_a_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not(base: Model, tmp_path: Path) -> None:
    whole = stage(base, tmp_path / "whole")
    rows: list[dict[str, float]] = []
    whole.run(rows.append)
    asked = iter([False, False, True])
    stage(base, tmp_path / "parts").run(rows.append, lambda: next(asked))
    resumed = stage(base, tmp_path / "parts")
    assert resumed.step == 2
    resumed.run(rows.append)
    ended = zip(
        whole.averaged_net.state_dict().items(), resumed.averaged_net.state_dict().values(), strict=True
    )
    assert all(torch.equal(one, other) for (_, one), other in ended)
    assert any(parameter.any() for parameter in whole.averaged_net.leave.parameters()), "it has learnt"


@pytest.fixture
def trained(base: Model, tmp_path: Path) -> DetailStage:
    """A run after one step."""
    begun = stage(base, tmp_path / "run")
    begun.train_step()
    return begun


def exported(trained: DetailStage, config: DetailConfig, base_folder: Path, folder: Path) -> Path:
    export_detail(trained.averaged_net, 1, config, base=base_folder, folder=folder, training={"data": "none"})
    return folder


def test_the_model_that_is_written_is_the_base_and_its_detail(
    trained: DetailStage, base_folder: Path, tmp_path: Path
) -> None:
    folder = exported(trained, DETAIL, base_folder, tmp_path / "tiny")
    assert not verify(folder)
    spec, before = read_spec(folder), read_spec(base_folder)
    assert spec.detail and spec.detail.presets == DETAIL.presets and spec.detail.sizes == DETAIL.network
    assert spec.training["detail"]["steps"] == 1
    assert {name: spec.files[name] for name in before.files} == dict(before.files)
    model = load_model(folder)
    assert model.detail is not None and not any(p.requires_grad for p in model.detail.parameters())


def test_a_run_begins_with_the_detail_of_its_base_and_exports_it_stronger(
    trained: DetailStage, base_folder: Path, tmp_path: Path
) -> None:
    twice = dataclasses.replace(DETAIL, strength=2.0)
    folder = exported(trained, twice, base_folder, tmp_path / "tiny")
    again = stage(load_model(folder), tmp_path / "again").net
    last, kept = again.leave.state_dict(), trained.averaged_net.leave.state_dict()
    assert all(torch.allclose(last[name], 2.0 * kept[name], atol=1e-4) for name in kept)
    other = dataclasses.replace(DETAIL, network=DetailSizes((8, 16), (1, 1)))
    fresh = DetailStage(
        config=other,
        source=MovingGradients(),
        base=load_model(folder),
        folder=tmp_path / "other",
        device=torch.device("cpu"),
    )
    assert not any(parameter.any() for parameter in fresh.net.leave.parameters())


def test_clips_that_do_not_say_how_they_move_are_refused(base: Model) -> None:
    with pytest.raises(TrainingDataUnusable, match="how they move"):
        SampleBank(source=NoisyGradients(), model=base, damage="usual", clips=2, seed=(0, 0))


def test_flow_stays_true_through_cutting_and_mirroring(base: Model) -> None:
    bank = SampleBank(source=MovingGradients(), model=base, damage="usual", clips=2, seed=(0, 0))
    for seed in range(6):
        batch = bank.draw(np.random.default_rng(seed), 2, 24)
        assert batch.base.shape == (2, 2, 3, 24, 24)
        assert torch.allclose(batch.flow[0, :, :, 0], torch.arange(24.0).expand(24, 24))
        still = batch.clean[:, :1].expand(-1, 2, -1, -1, -1)
        assert losses.flicker_loss(still, still, batch.flow).max() < 1e-5


def test_texture_is_asked_for_only_where_the_base_lacks_it() -> None:
    truth = torch.rand(2, 3, 32, 32) * 2 - 1
    assert missing_texture(truth, truth).max() == 0
    assert missing_texture(torch.zeros_like(truth), truth).min() > 0.9
    assert losses.contrast_loss(truth, truth).max() == 0
    assert losses.contrast_loss(truth * 0.5, truth).min() > losses.contrast_loss(truth * 0.8, truth).max() > 0


def test_the_packaged_recipes_are_read_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    assert read_detail_config(find_recipe("mini-detail-gpu")).optimiser.batch == 16
    path = find_recipe("mini-detail")
    assert is_detail_recipe(path) and not is_detail_recipe(find_recipe("mini"))
    assert not is_detail_recipe(tmp_path / "none.toml")
    assert read_detail_config(path).presets.draft == 0.0
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(path.read_text().replace("clips =", "clip ="))
    with pytest.raises(RecipeInvalid, match=r"missing key bank\.clips.*unknown key bank\.clip"):
        read_detail_config(wrong)


@pytest.mark.parametrize(
    ("new", "match"),
    [("blocks = [2, 2]", "one entry for each level"), ("blocks = [2, 2, 65]", "less than or equal to 64")],
)
def test_a_network_that_cannot_be_built_is_refused(tmp_path: Path, new: str, match: str) -> None:
    text = find_recipe("mini-detail").read_text()
    assert "blocks = [2, 2, 2]" in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace("blocks = [2, 2, 2]", new))
    with pytest.raises(RecipeInvalid, match=match):
        read_detail_config(path)
