import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_recipe import TINY

from svfr.models.folder import verify
from svfr.nets.linear_patch import LinearPatchSpec
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.recipe.config import read_recipe
from svfr_lab.errors import RenderedFolderIsUnusable
from svfr_lab.heads.dataset import file_sha256
from svfr_lab.preview_eval.split import EVALUATION_SPLIT_PATH
from svfr_lab.preview_eval.tables import record_in_model
from svfr_lab.training.export import main, provenance

RECIPE = f"""
name = "small"
seed = 4
{TINY}[task_shares]
"bfr" = 1.0
[[phases]]
steps = 7
frames = 1
batch = 2
noised_share = 0.0
damage = "usual"
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a recipe beside a state as the trainer writes it."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE)
    config = read_recipe(folder / "recipe.toml")
    spec = LinearPatchSpec(config.network.coefficients, (0.0,) * 3, (1.0,) * 3)
    net = PreviewNet(config.network, spec, torch.ones(3))
    average = {"n_averaged": torch.tensor(7)} | {f"module.{k}": v for k, v in net.state_dict().items()}
    state = {"step": 7, "average": average, "codec": spec.to_json(), "output_gain": torch.ones(3)}
    torch.save(state, folder / "state.pt")
    return folder


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A finished folder of rendered clips, as far as its description goes."""
    folder = tmp_path / "clips"
    folder.mkdir()
    settings = {"clips": 1, "first_seed": 3, "size_px": 8, "frames": 1, "bank_seed": 2, "bank": 3}
    (folder / "dataset.json").write_text(json.dumps({"settings": settings, "clips_sha256": "beef"}))
    (folder / "done").write_text("1\n")
    np.save(folder / "clips.npy", np.zeros((1, 1, 8, 8, 3), np.uint8))
    np.save(folder / "landmarks.npy", np.zeros((1, 1, 5, 2), np.float32))
    return folder


def test_the_command_writes_a_sound_folder_that_knows_its_origin(
    run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models" / "small"
    asked = ["--run", str(run), "--out", str(out), "--data", str(clips), "--revision", "abc123"]
    main([*asked, "--config", str(run / "recipe.toml")])
    assert verify(out) == []
    training = json.loads((out / "model.json").read_text())["training"]
    assert (training["recipe"], training["seed"], training["steps"]) == ("small", 4, 7)
    assert training["revision"] == "abc123"
    assert training["data"]["clips_sha256"] == "beef"
    assert training["data"]["settings"]["first_seed"] == 3
    assert "small after 7 steps" in capsys.readouterr().out


def test_the_record_names_the_split_that_is_to_judge_the_model(clips: Path) -> None:
    record = provenance(clips, "abc123")
    assert record["evaluation_split_sha256"] == file_sha256(EVALUATION_SPLIT_PATH)
    frozen = json.loads(EVALUATION_SPLIT_PATH.read_text())
    assert record["evaluation_clips_sha256"] == frozen["clips_sha256"]


def test_a_run_that_began_with_a_model_tells_its_story_without_the_figures_of_its_weights(
    run: Path, clips: Path, tmp_path: Path
) -> None:
    start = tmp_path / "models" / "small"
    asked = ["--run", str(run), "--out", str(start), "--data", str(clips), "--revision", "abc123"]
    main([*asked, "--config", str(run / "recipe.toml")])
    record_in_model(start, {"tasks": {"bfr": {"runs": {}}}})
    told = provenance(clips, "def456", start)["started_from"]
    assert told["revision"] == "abc123" and "measured" not in told


def test_nothing_is_written_without_the_training_clips(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "models" / "small"
    asked = ["--run", str(run), "--out", str(out), "--data", str(tmp_path), "--revision", "abc123"]
    with pytest.raises(RenderedFolderIsUnusable):
        main([*asked, "--config", str(run / "recipe.toml")])
    assert not out.exists()
