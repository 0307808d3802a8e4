"""The mean of two models is a model whose record names both."""

from dataclasses import replace
from pathlib import Path

import job_samples
import pytest
import torch
from safetensors.torch import load_file, save_file

from svfr.models.folder import find_model, read_spec, write_folder
from svfr.models.model import load_model
from svfr.models.spec import DiffusionSpec
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.training.average import AVERAGED, average, mean_weights


@pytest.fixture(scope="module")
def shipped() -> Path:
    return find_model("mini")


@pytest.fixture(scope="module")
def changed(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model with every averaged weight doubled."""
    folder = tmp_path_factory.mktemp("models") / "changed"
    spec = read_spec(shipped)
    assert isinstance(spec, DiffusionSpec)
    tensors = {name: {k: v * 2 for k, v in load_file(shipped / name).items()} for name in AVERAGED}
    copies = {name: shipped / name for name in spec.files if name not in AVERAGED}
    write_folder(folder, replace(spec, name="changed"), tensors, copies)
    return folder


def test_weights_are_the_mean_and_all_else_is_the_new_models(
    shipped: Path, changed: Path, tmp_path: Path
) -> None:
    spec = average(shipped, changed, tmp_path / "mean")
    for name in AVERAGED:
        old, mean = load_file(shipped / name), load_file(tmp_path / "mean" / name)
        for key, weight in old.items():
            assert torch.allclose(mean[key].float(), weight.float() * 1.5, rtol=1e-3, atol=1e-6)
            assert mean[key].dtype == weight.dtype
    assert spec.name == "changed"
    assert (tmp_path / "mean" / "detail.safetensors").read_bytes() == (
        shipped / "detail.safetensors"
    ).read_bytes()
    load_model(tmp_path / "mean", "cpu")


def test_the_record_names_the_weights_of_both(shipped: Path, changed: Path, tmp_path: Path) -> None:
    hashes = average(shipped, changed, tmp_path / "mean").training["mean_of_sha256"]
    for name in AVERAGED:
        specs = [read_spec(folder) for folder in (shipped, changed)]
        assert hashes[name] == [s.files[name].sha256 for s in specs if isinstance(s, DiffusionSpec)]


def test_networks_of_another_form_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    save_file({"a": torch.zeros(3)}, tmp_path / "b.safetensors")
    with pytest.raises(ArgumentOutOfRange, match="not of one form"):
        mean_weights(tmp_path / "a.safetensors", tmp_path / "b.safetensors")


def test_networks_beside_the_base_that_the_new_model_lacks_are_the_old_ones(
    shipped: Path, changed: Path, tmp_path: Path
) -> None:
    spec = read_spec(changed)
    assert isinstance(spec, DiffusionSpec)
    copies = {name: changed / name for name in AVERAGED}
    write_folder(tmp_path / "bare", replace(spec, detail=None, colour=None, hole=None), {}, copies)
    old = Path(job_samples.with_colour(str(shipped), tmp_path / "old"))
    mean = average(old, tmp_path / "bare", tmp_path / "mean")
    assert mean.detail == spec.detail and mean.colour is not None
    assert mean.hole == spec.hole is not None
    assert {"detail", "colour", "hole"} <= set(mean.training)
    load_model(tmp_path / "mean", "cpu")
