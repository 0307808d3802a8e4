"""The commands of model folders."""

import shutil
from pathlib import Path

import pytest
from cli_samples import svfr
from typer.testing import CliRunner

from svfr.models.folder import find_model
from svfr.models.search import user_models_folder
from svfr_cli.main import app


def test_the_list_of_models_names_the_folder_for_ones_own() -> None:
    shown = CliRunner().invoke(app, ["model", "list"])
    assert "mini" in shown.stdout and str(user_models_folder()) in shown.stderr


def test_a_checked_model_names_its_networks_and_the_files_that_nothing_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    shutil.copytree(find_model("mini"), own)
    shutil.copyfile(own / "identity.safetensors", own / "other.safetensors")
    code, (sound,) = svfr("model", "check", str(own))
    assert code == 0 and {"unet", "detail", "colour"} <= set(sound["networks"])
    assert sound["unnamed"] == ["other.safetensors"]
    monkeypatch.chdir(tmp_path)
    assert "write ./own" in svfr("model", "check", "own")[1][0]["remedy"]
