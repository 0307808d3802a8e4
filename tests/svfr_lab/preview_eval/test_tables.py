import json
import shutil
from pathlib import Path

import pytest
import torch

import svfr
from svfr.models.folder import read_spec
from svfr.nets.linear_patch import LinearPatchSpec
from svfr.training.export.folder import TrainedNet, export_preview
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.recipe.config import read_recipe
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.preview_eval.tables import record_in_model, show_table, task_table


def test_the_table_shows_each_run_over_each_baseline() -> None:
    table = task_table(
        {"standard": [25.0, 27.0]},
        {"input": [22.0, 23.0], "tint": [24.0, 25.0]},
        {"truth": [3.0, 3.0], "input": [4.0, 4.0], "standard": [3.5, 3.5]},
    )
    assert table["strongest"] == "tint" and table["clips"] == 2
    assert table["runs"]["standard"]["over"]["tint"]["mean_db"] == 1.5
    text = show_table({"colorize": table})
    assert "strongest baseline tint" in text
    assert "over tint 24.50 dB: +1.50" in text and "over input 22.50 dB: +3.50" in text


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the packaged recipe, untrained: it holds real weights and hashes."""
    config = read_recipe(Path(svfr.__file__).parent / "training" / "configs" / "mini.toml")
    count = len(config.network.coefficients)
    codec = LinearPatchSpec(config.network.coefficients, (0.0,) * count, (1.0,) * count)
    net = PreviewNet(config.network, codec, torch.ones(count))
    folder = tmp_path_factory.mktemp("models") / "mini"
    export_preview(TrainedNet(net, 0), config, folder, {"revision": "abc"})
    return folder


def test_figures_are_added_to_the_model_and_nothing_else_changes(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    shutil.copytree(exported, folder)
    before = read_spec(folder)
    figures = {"standard": {"mean_db": 25.0, "over": {}, "per_clip_db": [25.0]}}
    quality = {"clips": 1, "per_clip": {"landmark_error": {"standard": [0.1]}}}
    table = {"clips": 1, "runs": figures, "quality": quality}
    record_in_model(folder, {"model": "mini", "tasks": {"bfr": table}})
    after = read_spec(folder)
    measured = after.training["measured"]["tasks"]["bfr"]
    assert measured["runs"]["standard"] == {"mean_db": 25.0, "over": {}}
    assert measured["quality"] == {"clips": 1}
    assert {key: after.training[key] for key in before.training} == dict(before.training)
    assert after.files == before.files and after.presets == before.presets
    assert [path.name for path in folder.glob("*.new")] == []


def test_a_model_without_training_takes_no_figures(tmp_path: Path) -> None:
    packaged = Path(svfr.__file__).parent / "data" / "models" / "identity"
    shutil.copytree(packaged, tmp_path / "identity")
    with pytest.raises(ArgumentOutOfRange, match="no training"):
        record_in_model(tmp_path / "identity", {"tasks": {}})
    assert "training" not in json.loads((tmp_path / "identity" / "model.json").read_text())
