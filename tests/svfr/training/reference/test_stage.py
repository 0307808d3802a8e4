"""Stages for references: they learn, go on where they were, and their model carries what was learnt."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, NoisyGradients

from svfr.errors import CheckpointUnreadable
from svfr.models.folder import read_spec, verify
from svfr.models.model import Model, load_model
from svfr.models.spec import DiffusionSpec
from svfr.nets.colour_net import luma_of
from svfr.nets.patch_unet import PatchUNetSizes
from svfr.training.errors import RecipeInvalid, TrainingDiverged
from svfr.training.export.folder import TrainedNet, export_preview, export_reference_net
from svfr.training.loop.build import build_net
from svfr.training.recipe.config import RunConfig
from svfr.training.reference.colour import ColourAim, colour_loss
from svfr.training.reference.pictures import PictureBatch
from svfr.training.reference.recipe import (
    AdversaryConfig,
    ReferenceConfig,
    ReferenceOptimiser,
    ReferencePhase,
    is_reference_recipe,
    read_reference_config,
)
from svfr.training.reference.stage import ReferenceStage
from svfr_lab.training.run import find_recipe

COLOUR = ReferenceConfig(
    stage="colour",
    name="tiny",
    seed=3,
    network=PatchUNetSizes((8, 16, 16), (1, 1, 1)),
    phases=(ReferencePhase(steps=3, crop_px=16), ReferencePhase(steps=3, crop_px=24)),
    optimiser=ReferenceOptimiser(
        batch=2,
        learning_rate=1e-2,
        warmup_steps=2,
        constant_share=0.3,
        weight_decay=0.01,
        dropout=0.2,
        ema_decay=0.9,
    ),
    run=RunConfig(precision="float32", save_every_steps=100, log_every_steps=2),
)
HOLE = dataclasses.replace(
    COLOUR,
    stage="hole",
    adversary=AdversaryConfig(weight=0.5, begin_step=1, warmup_steps=2, learning_rate=1e-3, widths=(8, 8, 8)),
)
STAGES = pytest.mark.parametrize("config", [COLOUR, HOLE], ids=lambda config: config.stage)


class Ruddy:
    """Pictures whose bright parts are red: chroma that the luma tells."""

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> PictureBatch:
        grey = torch.from_numpy(rng.random((count, 1, crop_px, crop_px), np.float32)) * 0.6 + 0.2
        clean = (grey * torch.tensor([1.3, 0.9, 0.7]).view(1, 3, 1, 1)).clamp(0, 1)
        return PictureBatch(clean, luma_of(clean))

    def aside(self, crop_px: int) -> PictureBatch | None:
        return self.batch(np.random.default_rng(99), 3, crop_px)


class Striped:
    """Pictures of stripes across, so that what a hole hides stands beside it; a tenth of each is lost."""

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> PictureBatch:
        rows = torch.from_numpy(rng.random((count, 3, crop_px, 1), np.float32))
        holes = torch.zeros(count, 1, crop_px, crop_px)
        holes[..., crop_px // 4 : -crop_px // 4, crop_px // 4 : crop_px // 2] = 1.0
        return PictureBatch(rows.expand(-1, -1, -1, crop_px).contiguous(), holes)

    def aside(self, crop_px: int) -> PictureBatch | None:
        return self.batch(np.random.default_rng(99), 3, crop_px)


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "base"
    config = dataclasses.replace(CONFIG, network=dataclasses.replace(CONFIG.network, hole_plane=True))
    export_preview(TrainedNet(build_net(config, NoisyGradients(), None, None), 0), config, folder, {})
    return folder


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Model:
    return load_model(base_folder)


def stage(base: Model, folder: Path, config: ReferenceConfig = COLOUR) -> ReferenceStage:
    source = Ruddy() if config.stage == "colour" else Striped()
    return ReferenceStage(config=config, source=source, base=base, folder=folder, device=torch.device("cpu"))


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@STAGES
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_that_was_stopped_ends_with_the_bits_of_one_that_was_not(
    base: Model, tmp_path: Path, precision: Literal["float32", "bfloat16"], config: ReferenceConfig
) -> None:
    config = dataclasses.replace(config, run=dataclasses.replace(config.run, precision=precision))
    whole = stage(base, tmp_path / "whole", config)
    rows: list[dict[str, float]] = []
    whole.run(rows.append)
    asked = iter([False, False, True])
    stage(base, tmp_path / "parts", config).run(lambda row: None, lambda: next(asked))
    resumed = stage(base, tmp_path / "parts", config)
    assert resumed.step == 2
    resumed.run(lambda row: None)
    assert same_weights(whole.averaged_net, resumed.averaged_net) and same_weights(whole.net, resumed.net)
    assert whole.averaged_net.leave.weight.any(), "it has learnt"
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert {"loss", "gain_db", "aside_db", "aside_worst_db", "aside_worse"} <= set(rows[0])
    logged = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [row["aside_db"] for row in logged] == [row["aside_db"] for row in rows]


@STAGES
def test_it_learns_what_the_rest_of_the_picture_tells(
    base: Model, tmp_path: Path, config: ReferenceConfig
) -> None:
    optimiser = dataclasses.replace(config.optimiser, dropout=0.0, batch=8)
    longer = dataclasses.replace(config, phases=(ReferencePhase(steps=40, crop_px=16),), optimiser=optimiser)
    run = stage(base, tmp_path, longer)
    before = run.gain_aside()["aside_db"]
    run.run(lambda row: None)
    assert run.gain_aside()["aside_db"] > before + 3.0


@STAGES
def test_the_model_that_is_written_is_the_base_and_what_was_learnt(
    base: Model, base_folder: Path, tmp_path: Path, config: ReferenceConfig
) -> None:
    trained, folder = stage(base, tmp_path / "run", config), tmp_path / "tiny"
    trained.train_step()
    trained.train_step()
    net = trained.averaged_net
    export_reference_net(net, 2, config, base=base_folder, folder=folder, training={"data": "none"})
    assert not verify(folder)
    spec, before = read_spec(folder), read_spec(base_folder)
    assert isinstance(spec, DiffusionSpec)
    part = getattr(spec, config.stage)
    assert part.sizes == config.network and part.side_px == 24
    assert spec.training[config.stage] == {
        "seed": 3,
        "steps": 2,
        "planned_steps": 6,
        "parameters": sum(p.numel() for p in trained.net.parameters()),
        "data": "none",
    }
    assert {name: spec.files[name] for name in before.files} == dict(before.files)
    model = load_model(folder)
    network = getattr(model, config.stage)
    assert network is not None and not any(p.requires_grad for p in network.parameters())
    again = stage(model, tmp_path / "again", config)
    assert same_weights(again.net, network), "a run begins with what its base has learnt"
    other = dataclasses.replace(config, network=PatchUNetSizes((8, 16), (1, 1)))
    assert not stage(model, tmp_path / "other", other).net.leave.weight.any()


@pytest.mark.parametrize(
    ("harm", "match"),
    [({"step": -5}, "step -5"), ({"step": "x"}, "step 'x'"), ({"optimiser": {}}, "another optimiser")],
)
def test_a_state_that_is_no_runs_of_this_stage_is_refused(
    base: Model, tmp_path: Path, harm: dict[str, object], match: str
) -> None:
    begun = stage(base, tmp_path)
    begun.save()
    state = torch.load(begun.state_path, weights_only=True)
    torch.save({**state, **harm}, begun.state_path)
    with pytest.raises(CheckpointUnreadable, match=match):
        stage(base, tmp_path)


@STAGES
def test_a_loss_that_is_not_finite_stops_the_run(
    base: Model, tmp_path: Path, config: ReferenceConfig
) -> None:
    run = stage(base, tmp_path, config)
    torch.nn.init.constant_(run.net.leave.weight, float("nan"))
    with pytest.raises(TrainingDiverged, match="step 0"):
        run.train_step()
    assert run.step == 0


def test_the_loss_knows_nothing_of_luma() -> None:
    batch = Ruddy().batch(np.random.default_rng(0), 2, 8)
    chroma = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.1
    assert torch.allclose(colour_loss(chroma, batch.clean), colour_loss(chroma, batch.clean + 0.1), atol=1e-4)
    tinted, plain = ColourAim().errors(torch.zeros_like(chroma), batch)
    assert (tinted > plain).all(), "grey is farther from red than sepia is"


def test_rate_and_side_follow_the_phases() -> None:
    rates = [COLOUR.learning_rate_at(step) for step in range(COLOUR.steps)]
    assert rates[0] == pytest.approx(5e-3) and rates[1] == pytest.approx(1e-2)
    assert all(a > b for a, b in itertools.pairwise(rates[1:])) and 0 < rates[-1] < 2e-3
    assert [COLOUR.crop_px_at(step) for step in (0, 2, 3, 5)] == [16, 16, 24, 24]


@pytest.mark.parametrize("name", ["mini-colour", "mini-hole"])
def test_the_packaged_recipe_is_read_and_a_wrong_key_is_named(tmp_path: Path, name: str) -> None:
    path = find_recipe(name)
    assert is_reference_recipe(path) and not is_reference_recipe(find_recipe("mini-detail"))
    assert not is_reference_recipe(tmp_path / "none.toml")
    assert read_reference_config(path).network.side_multiple == 16
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(path.read_text().replace("batch =", "batches ="))
    with pytest.raises(RecipeInvalid, match=r"missing key optimiser\.batch.*unknown key optimiser\.batches"):
        read_reference_config(wrong)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("validation_of = 0", "validation_of = 1", "keep everybody aside"),
        ("crop_px = 96", "crop_px = 100", "must be a multiple of 16"),
        ("widths = [48,", "widths = [50,", "multiples of 8"),
        ('name = "mini"', 'name = "../elsewhere"', "name: must be a name for the folder"),
        ('name = "mini"', 'name = ""', "name: must be a name for the folder"),
        ("crop_px = 96", "crop_px = 4096", "crop_px must be less than or equal to 2048"),
        ("blocks = [2,", "blocks = [65,", "less than or equal to 64"),
        ("save_every_steps = 200", "save_every_steps = 200\nsheet_every_steps = 5", "no sheets"),
    ],
)
def test_what_cannot_be_true_together_is_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = find_recipe("mini-colour").read_text()
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(RecipeInvalid, match=match):
        read_reference_config(path)
