"""A model folder with a network for references: what its description says, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import job_samples
import pytest
import torch
from safetensors.torch import load_file, save_file

from svfr.errors import (
    CheckpointUnreadable,
    ModelFileCorrupted,
    ModelFileMissing,
    ModelSpecInvalid,
    TensorShapesWrong,
    TensorsMissing,
)
from svfr.models.folder import read_spec, verify
from svfr.models.model import load_model
from svfr.models.networks import COLOUR_FILE, HOLE_FILE
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.models.spec import DiffusionSpec
from svfr_client.errors import SvfrError
from svfr_restore.plan.models import ModelCache


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return job_samples.write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(tiny: str, tmp_path: Path) -> Path:
    return Path(job_samples.with_colour(tiny, tmp_path / "colouring"))


@pytest.mark.parametrize(("part", "file"), [("colour", COLOUR_FILE), ("hole", HOLE_FILE)])
def test_the_network_is_loaded_frozen_and_without_it_the_folder_is_as_before(
    part: str, file: str, tiny: str, tmp_path: Path
) -> None:
    if part == "colour":
        plain, folder = Path(tiny), Path(job_samples.with_colour(tiny, tmp_path / "colouring"))
    else:
        plain, folder = map(Path, job_samples.with_hole(tmp_path))
    assert verify(folder) == []
    model = load_model(folder)
    network = getattr(model, part)
    assert network is not None and not network.training
    assert not any(p.requires_grad or p.is_meta for p in network.parameters())
    stored = load_file(folder / file)
    assert all(torch.equal(t, stored[name]) for name, t in network.state_dict().items())
    before = read_spec(plain)
    assert isinstance(before, DiffusionSpec)
    assert getattr(before, part) is None and getattr(load_model(plain), part) is None
    assert {name: model.spec.files[name] for name in before.files} == dict(before.files)


def test_a_hole_is_painted_in_jobs_with_inpaint_alone_and_not_in_official_mode(tmp_path: Path) -> None:
    plain, folder = map(Path, job_samples.with_hole(tmp_path))
    spec = read_spec(folder)
    assert isinstance(spec, DiffusionSpec) and spec.hole is not None
    assert spec.hole_of_reference(["colorize", "inpaint"], "studio") == spec.hole
    assert spec.hole_of_reference(["bfr"], "studio") is None
    assert spec.hole_of_reference(["inpaint"], "official") is None
    assert spec.colour_of_reference(["inpaint"], "studio") is None
    body = json.loads((folder / "model.json").read_text())
    body["hole_plane"] = False
    (folder / "model.json").write_text(json.dumps(body))
    with pytest.raises(ModelSpecInvalid, match="hole needs hole_plane"):
        read_spec(folder)
    assert not verify(plain)


def without_file(folder: Path) -> None:
    (folder / COLOUR_FILE).unlink()


def flipped(folder: Path) -> None:
    data = bytearray((folder / COLOUR_FILE).read_bytes())
    data[-3] ^= 1
    (folder / COLOUR_FILE).write_bytes(data)


def rewritten(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Replace the file and its record, as somebody who mixes up models would."""
    (folder / COLOUR_FILE).unlink()
    save_file(weights, folder / COLOUR_FILE)
    body = json.loads((folder / "model.json").read_text())
    data = (folder / COLOUR_FILE).read_bytes()
    body["files"][COLOUR_FILE] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "model.json").write_text(json.dumps(body))


def of_another_shape(folder: Path) -> None:
    weights = load_file(folder / COLOUR_FILE)
    rewritten(folder, weights | {"enter.weight": weights["enter.weight"][:, :2].contiguous()})


def without_a_tensor(folder: Path) -> None:
    weights = load_file(folder / COLOUR_FILE)
    del weights["leave.bias"]
    rewritten(folder, weights)


def of_another_type(folder: Path, kind: torch.dtype) -> None:
    rewritten(folder, {name: tensor.to(kind) for name, tensor in load_file(folder / COLOUR_FILE).items()})


def with_whole_numbers(folder: Path) -> None:
    of_another_type(folder, torch.int8)


def with_complex_numbers(folder: Path) -> None:
    of_another_type(folder, torch.complex64)


def with_floats_of_8_bits(folder: Path) -> None:
    of_another_type(folder, torch.float8_e4m3fn)


def linked_to_nothing(folder: Path) -> None:
    (folder / COLOUR_FILE).unlink()
    (folder / COLOUR_FILE).symlink_to(folder / "colour-of-another-machine")


def linked_to_what_cannot_be_read(folder: Path) -> None:
    (folder / COLOUR_FILE).unlink()
    (folder / COLOUR_FILE).symlink_to("/proc/self/mem")  # a regular file whose first byte nobody may read


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (without_file, ModelFileMissing),
        (flipped, ModelFileCorrupted),
        (of_another_shape, TensorShapesWrong),
        (without_a_tensor, TensorsMissing),
        (with_whole_numbers, CheckpointUnreadable),
        (with_complex_numbers, CheckpointUnreadable),
        (with_floats_of_8_bits, CheckpointUnreadable),
        (linked_to_nothing, ModelFileMissing),
        pytest.param(
            linked_to_what_cannot_be_read,
            CheckpointUnreadable,
            marks=pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux has such a file"),
        ),
    ],
)
def test_a_colour_file_that_is_not_the_networks_is_refused(
    folder: Path, harm: object, error: type[SvfrError]
) -> None:
    assert callable(harm)
    harm(folder)
    with pytest.raises(error, match="colour"):
        load_model(folder)
    for found in (verify(folder), verify(folder, afresh=True), ModelCache().problems(str(folder))):
        assert [type(problem) for problem in found] == [error]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"side_px": 14}, "side_px must be a multiple of 4"),
        ({"widths": [8]}, "one entry for each level"),
        ({"widths": [8, 9]}, "multiples of 8"),
        ({"side_px": 10**9}, "less than or equal to 2048"),
        ({"blocks": [1, 10**9]}, "less than or equal to 64"),
        ({"widths": [8] * 40, "blocks": [1] * 40}, "at most 8 items"),
        ({"dropout": 0.1}, r"unknown key colour\.dropout"),
    ],
)
def test_a_description_that_makes_no_network_is_refused(
    folder: Path, changes: dict[str, object], match: str
) -> None:
    body = json.loads((folder / "model.json").read_text())
    body["colour"] |= changes
    (folder / "model.json").write_text(json.dumps(body))
    with pytest.raises(ModelSpecInvalid, match=match):
        read_spec(folder)


def test_the_reference_is_coloured_in_jobs_with_colorize_alone_and_not_in_official_mode(folder: Path) -> None:
    spec = read_spec(folder)
    assert spec.colour == ReferenceNetSpec(widths=(8, 8), blocks=(1, 1), side_px=12)
    assert spec.colour_of_reference(["bfr", "colorize"], "studio") == spec.colour
    assert spec.colour_of_reference(["bfr", "inpaint"], "studio") is None
    assert spec.colour_of_reference(["colorize"], "official") is None
