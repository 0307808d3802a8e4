"""``svfr train`` from recipe and clips to a model folder, at toy size."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tiny_svd
import torch
from rendered_clips import write_rendered_folder
from tiny_recipe import TINY
from typer.testing import CliRunner

from svfr.errors import CheckpointUnreadable, TensorsUnexpected
from svfr.models.model import load_model
from svfr.training.errors import RecipeInvalid, TrainingDataUnusable, TrainingPartMissing
from svfr.training.loop.run_log import RunLog
from svfr.training.nets.svd_net import SvdNet
from svfr.training.nets.svd_parts import load_frozen_parts
from svfr.training.recipe.config import read_recipe
from svfr_cli.main import app
from svfr_client.errors import SvfrError
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.training.request import keep_data_record
from svfr_lab.training.run import TrainRequest, find_recipe, train
from svfr_lab.training.tensorboard_log import Board
from svfr_lab.training.validation_sheet import write_sheet

RECIPE = f"""
name = "tiny"
seed = 4
{TINY}[task_shares]
"bfr" = 0.5
"colorize" = 0.5
[losses]
[unified_latent]
denominator = "positive_and_negatives"
temperature = 0.07
queue = 8
width = 16
layers = 1
heads = 2
embedding = 8
[facial_prior]
landmarks = 5
width = 16
units_per_side = 64.0
wing_width = 10.0
wing_curvature = 2.0
[run]
save_every_steps = 1
log_every_steps = 1
sheet_every_steps = 2
[[phases]]
steps = 2
frames = 1
batch = 4
noised_share = 0.0
tasks_per_clip = 2
[[phases]]
steps = 2
frames = 3
batch = 2
noised_share = 0.5
tasks_per_clip = 2
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rendered_folder(tmp_path_factory.mktemp("data") / "rendered")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "state.pt", weights_only=True)["net"]


def test_a_run_of_all_losses_ends_in_a_folder_that_loads(data: Path, recipe: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    out = tmp_path / "run"
    result = train(TrainRequest(recipe=str(recipe), data=data, out=out, device="cpu"), rows.append)
    assert (result.steps, result.planned_steps, result.folder) == (4, 4, out / "models" / "tiny")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert all({"noise", "unified_latent", "facial_prior", "loss"} <= row.keys() for row in rows)
    assert load_model(out / "models" / "tiny").spec.training["data"]["clips_sha256"] == "0" * 64
    assert (out / "models" / "tiny" / "README.md").read_text().startswith("# tiny")
    assert read_recipe(out / "recipe.toml") == read_recipe(recipe)
    sheets = sorted((out / "sheets").iterdir())
    assert [path.name for path in sheets] == ["0000002.png", "0000004.png"]
    sheet = cv2.imread(str(sheets[0]))
    assert sheet is not None and sheet.shape[1] > 4 * 320 and np.unique(sheet).size > 20


def test_a_run_told_to_stop_goes_on_to_the_same_bits(data: Path, recipe: Path, tmp_path: Path) -> None:
    whole, stopped = (
        TrainRequest(recipe=str(recipe), data=data, out=tmp_path / name, device="cpu") for name in ("a", "b")
    )
    train(whole, lambda row: None)
    before = signal.getsignal(signal.SIGTERM)

    def stop_after_three(row: dict[str, Any]) -> None:
        if row["step"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    result = train(stopped, stop_after_three)
    assert (result.steps, result.folder) == (3, None)
    assert signal.getsignal(signal.SIGTERM) is before
    assert train(stopped, lambda row: None).steps == 4
    first, second = weights(whole.out), weights(stopped.out)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    logs = [(request.out / "log.jsonl").read_text().splitlines() for request in (whole, stopped)]
    losses = [[json.loads(line)["loss"] for line in log] for log in logs]
    assert losses[0] == losses[1] and len(losses[0]) == 4


def test_a_run_can_be_exported_before_it_is_done(data: Path, recipe: Path, tmp_path: Path) -> None:
    request = TrainRequest(
        recipe=str(recipe), data=data, out=tmp_path / "run", device="cpu", export_only=True
    )
    result = train(request, lambda row: None)
    assert result.folder == tmp_path / "run" / "models" / "tiny-0"
    assert "not finished" in (result.folder / "README.md").read_text()
    assert train(request, lambda row: None).folder == result.folder, "what is there stays"


def test_a_run_does_not_go_on_with_other_data(data: Path, tmp_path: Path) -> None:
    request = TrainRequest(recipe="mini", data=data, out=tmp_path)
    keep_data_record(request)
    other = replace(request, data=write_rendered_folder(tmp_path / "other", clips=2))
    keep_data_record(other)  # no step was done yet
    (tmp_path / "state.pt").touch()
    with pytest.raises(TrainingDataUnusable, match="other data"):
        keep_data_record(request)
    keep_data_record(other)
    (tmp_path / "data.json").unlink()
    keep_data_record(request)


def test_a_state_of_another_recipe_is_refused(data: Path, recipe: Path, tmp_path: Path) -> None:
    request = TrainRequest(recipe=str(recipe), data=data, out=tmp_path / "run", device="cpu")
    train(request, lambda row: None)
    recipe.write_text(RECIPE.replace("[losses]", "[losses]\nfacial_prior = 0.0"))
    with pytest.raises(TensorsUnexpected):
        train(request, lambda row: None)
    recipe.write_text(RECIPE.replace("widths = [32, 64]", "widths = [32, 32]"))
    with pytest.raises(SvfrError, match="shape"):
        train(request, lambda row: None)
    (tmp_path / "run" / "state.pt").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(CheckpointUnreadable):
        train(request, lambda row: None)


def test_lines_that_a_killed_process_wrote_in_vain_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 50}\n{"step": 100}\n{"step": 150}\n{"st')
    with RunLog(path, first_step=100) as log:
        log.add({"errors": torch.tensor([0.5, 0.7]), "loss": torch.tensor(2.0)})
        log.add({"errors": torch.tensor([0.1, 0.3]), "loss": torch.tensor(4.0)})
        row = log.row(150, 1e-3)
    assert (row["relative_error"], row["loss"], row["learning_rate"]) == (0.4, 3.0, 1e-3)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [50, 100, 150]


@torch.no_grad()
def test_svfrs_own_network_is_looked_at_through_the_sampler(data: Path, tmp_path: Path) -> None:
    source, _ = tiny_svd.write_svd(tmp_path / "official")
    net = SvdNet(tiny_svd.CONFIG.network, load_frozen_parts(source)).train()  # type: ignore[arg-type]
    clips = RenderedClips(data, tiny_svd.CONFIG.task_shares, hole_fill="white")
    write_sheet(tmp_path / "sheet.png", net, tiny_svd.CONFIG, clips, frames=2)
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None
    assert net.training and net.unet.training
    assert all(parameter.requires_grad for parameter in net.unet.parameters())


def test_packaged_recipes_are_found_by_name_and_read() -> None:
    full = read_recipe(find_recipe("full"))
    assert full.noise and (full.noise.log_sigma_mean, full.noise.log_sigma_std) == (0.7, 1.6)
    assert (full.losses.noise, full.losses.unified_latent, full.losses.facial_prior) == (1.0, 0.01, 0.1)
    assert full.network.crop_px == 512 and full.reference_share == 0.5
    assert sum(full.task_shares.values()) == pytest.approx(1.0)
    assert read_recipe(find_recipe("mini")).name == "mini"
    with pytest.raises(RecipeInvalid, match="full, mini"):
        find_recipe("huge")


def test_the_tables_that_the_documentation_adds_to_mini_make_a_recipe(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text()
    tables = page.split("```toml\n")[1].split("```")[0]
    path = tmp_path / "recipe.toml"
    path.write_text(
        find_recipe("mini").read_text().replace('damage = "', 'tasks_per_clip = 2\ndamage = "') + tables
    )
    config = read_recipe(path)
    assert config.unified_latent and config.facial_prior and config.losses.facial_prior == 0.1


def test_curves_for_tensorboard_need_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingPartMissing, match="not installed"):
        Board(tmp_path)


def test_the_command_trains_and_says_where_the_model_is(data: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["train", str(recipe), "--data", str(data), "--out", str(out), "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["step"] * 4 + ["trained"]
    assert lines[-1]["folder"] == str(out / "models" / "tiny")


@pytest.mark.parametrize(
    ("recipe_name", "code", "status"),
    [("huge", "TRAINING_RECIPE_INVALID", 3), ("full", "TRAINING_PART_MISSING", 6)],
)
def test_the_command_says_what_is_wrong(
    data: Path, tmp_path: Path, recipe_name: str, code: str, status: int
) -> None:
    command = ["train", recipe_name, "--data", str(data), "--out", str(tmp_path), "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == status
    assert json.loads(done.stdout.splitlines()[-1])["code"] == code
