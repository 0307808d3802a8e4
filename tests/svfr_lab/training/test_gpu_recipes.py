"""The recipes of a GPU, rehearsed: one command, all stages, workers, at toy size."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from svfr.models.folder import read_spec, verify
from svfr.models.spec import DiffusionSpec
from svfr.training.errors import TrainingPartMissing
from svfr_lab.clips.portraits import Portrait, PortraitList, write_portrait_list
from svfr_lab.training.request import TrainRequest
from svfr_lab.training.run import find_recipe, train

SMALL = (
    ("crop_px = 192", "crop_px = 48"),
    ("widths = [64, 96, 160]", "widths = [32, 32, 32]"),
    ("layers = [4, 2, 1]", "layers = 1"),
    ("batch = 64", "batch = 2"),
    ("widths = [64, 96, 128]", "widths = [8, 8]"),
    ("blocks = [2, 2, 2]", "blocks = [1, 1]"),
    ("clips = 2000", "clips = 2"),
    ("batch = 16 ", "batch = 1 "),
    ("crop_px = 128", "crop_px = 32"),
    ("widths = [48, 96, 144, 192]", "widths = [8, 8]"),
    ("blocks = [2, 2, 2, 2]", "blocks = [1, 1]"),
    ("crop_px = 64", "crop_px = 16"),
    ("crop_px = 96", "crop_px = 20"),
    ("begin_step = 4400", "begin_step = 0"),
)


def toy(name: str, folder: Path) -> str:
    text = find_recipe(name).read_text()
    for old, new in SMALL:
        text = text.replace(old, new)
    text = re.sub(r"(?m)^steps = \d+", "steps = 1", text)  # however many a recipe has
    (folder / f"{name}.toml").write_text(text)
    return str(folder / f"{name}.toml")


def portraits(folder: Path) -> Path:
    rng, found = np.random.default_rng(0), []
    for number in range(3):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8), (120, 120)))
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(Portrait(path.name, sha, (35.0, 35.0, 50.0, 50.0)))
    write_portrait_list(folder / "people.jsonl", PortraitList(folder, tuple(found)), [])
    return folder / "people.jsonl"


def test_one_command_runs_all_stages_to_a_model_with_all_networks_beside_its_base(tmp_path: Path) -> None:
    stages = ("mini-gpu", "mini-detail-gpu", "mini-colour", "mini-hole")
    recipe = "+".join(toy(name, tmp_path) for name in stages)
    rows: list[dict[str, object]] = []
    request = TrainRequest(
        recipe=recipe, data=portraits(tmp_path), out=tmp_path / "run", device="cpu", threads=1, workers=2
    )
    result = train(request, rows.append)
    assert result.folder is not None and result.folder.parents[1].name == "mini-hole"
    assert not verify(result.folder)
    spec = read_spec(result.folder)
    assert isinstance(spec, DiffusionSpec) and spec.detail is not None and spec.crop_px == 48
    assert spec.colour is not None and spec.colour.side_px == 20
    assert spec.hole is not None and spec.hole.side_px == 20
    for stage in ("detail", "colour", "hole"):
        assert spec.training[stage]["data"]["people"] + spec.training[stage]["data"]["held_back"] == 3


@pytest.mark.parametrize("name", ["mini-detail", "mini-colour", "mini-hole"])
def test_a_stage_that_adds_to_a_model_asks_for_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingPartMissing, match="none was given"):
        train(TrainRequest(recipe=name, data=tmp_path, out=tmp_path / "run"), lambda row: None)
