"""Tiny plates, models and shot lists for the tests of the farm."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from benchmarks.random_model import Layout, write_random_model
from svfr.models.spec import Preset
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile, PlanSettings
from svfr_farm.planning import plan_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.shot_list import read_shot_list

WIDTH, HEIGHT, FIRST = 48, 40, 1001
CROP_PX, WINDOW = 16, 4
# A folder that a studio may well have, and one that a shell or a scheduler would make something of.
ODD_NAME = 'it\'s "50%j" done; $(touch TOUCHED) `touch TOUCHED` ü'


def write_plate(folder: Path, count: int) -> str:
    """Write half-float EXR textures that drift, from frame 1001 on, and return the pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for frame in range(FIRST, FIRST + count):
        waves = [0.4 + 0.25 * np.sin(0.21 * x + 0.13 * c * y + 0.05 * (frame - FIRST)) for c in (1, 2, 3)]
        spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, "half")
        out = oiio.ImageOutput.create("x.exr")
        assert out.open(str(folder / f"plate.{frame:04d}.exr"), spec)
        assert out.write_image(np.stack(waves, axis=-1).astype(np.float32)) and out.close()
    return str(folder / "plate.%04d.exr")


def write_model(folder: Path, steps: int = 2) -> str:
    """Write a model folder with random weights that denoises in ``steps`` steps; return its path."""
    preset = Preset(1, steps, initial_noise=1.0, guidance=1.0)
    return write_random_model(folder, preset, Layout(crop_px=CROP_PX, window=WINDOW))


def row(plate: str, shot: str = "sh010", **cells: str) -> dict[str, str]:
    """One row of a shot list: a bfr shot on one box with the model ``identity``."""
    given = {"shot": shot, "plate": plate, "tasks": "bfr", "box": "16 12 16 16", "model": "identity"}
    given |= {"colorspace": "lin_rec709_scene", "exposure": "0", "layers": ""}
    return given | cells


def write_list(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write a shot list; the first row says which columns there are."""
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return path


def planned(shot_list: Path, rules: SegmentRules | None = None, gpus: int = 0) -> list[PlanFile]:
    """Plan a list beside itself and return the plans."""
    submission = Submission(shot_list.with_suffix(".farm"))
    settings = PlanSettings(rules=rules or SegmentRules(), gpus=gpus)
    with submission.locked():
        listed = read_shot_list(shot_list)
        plans = plan_shots(listed, settings, submission.known())
        entries = submission.take(shot_list, plans, listed.sha256, settings=settings)
    return [submission.plan_file(entry) for entry in entries.values()]
