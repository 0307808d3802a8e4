"""How far a shot that was cut into segments is from the undivided one: greatest error and seams, as a table.

Run from ``server/``::

    python -m benchmarks.farm.segments [--model mini|random] [--frames 64] [--steps 1 8] [--halo 8 16 24]

A textured plate drifts; its middle is restored in 1, 2, 3 and 5 segments by the farm's own steps. ``--steps``
other than the model's own are made by a copy of its folder with that many steps from full noise, which says
nothing of its pictures but everything of the windows. The exit status is 1 when a pixel differs by more than
2e-3 or a seam is more than 1.5 times what is usual.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
from numpy.typing import NDArray

from benchmarks.random_model import Layout, write_random_model
from svfr.models.folder import find_model
from svfr.models.spec import Preset
from svfr.validation import read_json_file
from svfr_farm.assembly_result import RESULT_FILE
from svfr_farm.ledger import LedgerShot, Submission
from svfr_farm.plan import PlannedShot, PlanSettings
from svfr_farm.planning import plan_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.shot_list import read_shot_list
from svfr_farm.tasks import load_models, run_task

SIZE = 256
RANDOM = Layout(crop_px=32, window=4, overlap=1)


def write_plate(folder: Path, count: int) -> str:
    """Write a drifting texture of ``count`` frames and return its pattern."""
    folder.mkdir()
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    for frame in range(1001, 1001 + count):
        waves = [0.4 + 0.2 * np.sin(0.11 * x + 0.07 * c * y + 0.06 * (frame - 1001)) for c in (1, 2, 3)]
        picture = oiio.ImageBuf(np.stack(waves, axis=-1).astype(np.float32))
        picture.write(str(folder / f"p.{frame:04d}.exr"), "half")
    return str(folder / "p.%04d.exr")


def with_steps(model: str, steps: int, folder: Path) -> str:
    """Return a copy of a model's folder whose presets take so many steps from full noise."""
    copy = shutil.copytree(find_model(model), folder / f"steps{steps}")
    body = read_json_file(copy / "model.json")
    for preset in body["presets"].values():
        preset |= {"steps": steps, "reference_steps": 1, "initial_noise": 1.0, "sigmas": None}
    (copy / "model.json").write_text(json.dumps(body))
    return str(copy)


def run(folder: Path, plate: str, model: str, rules: SegmentRules) -> tuple[NDArray[np.float32], list[float]]:
    """Restore the plate in segments; return the written pixels and the seams' ratios."""
    folder.mkdir(parents=True)
    box = f"{SIZE // 4} {SIZE // 4} {SIZE // 2} {SIZE // 2}"
    head = "shot,plate,tasks,box,model,output,colorspace,exposure"
    cells = f"sh,{plate},bfr,{box},{model},out/o.%04d.exr,lin_rec709_scene,0"
    (folder / "s.csv").write_text(f"{head}\n{cells}\n", encoding="utf-8")
    submission = Submission(folder / "farm")
    planned = plan_shots(read_shot_list(folder / "s.csv"), PlanSettings(rules=rules, gpus=0), {})
    (entry,) = submission_entries(submission, folder, planned)
    file, models = submission.plan_file(entry), load_models()
    run_task(file, "reference", 0, models)
    for index in range(len(file.plan.segments)):
        run_task(file, "segment", index, models)
    run_task(file, "assemble", 0, models)
    frames = sorted((folder / "out").glob("*.exr"))
    pixels = np.stack([np.asarray(oiio.ImageBuf(str(path)).get_pixels())[..., :3] for path in frames])
    result = read_json_file(file.folder / RESULT_FILE)
    return pixels, [seam["ratio"] for seam in result["seams"]]


def submission_entries(
    submission: Submission, folder: Path, planned: list[PlannedShot]
) -> tuple[LedgerShot, ...]:
    """Write the plans and return their entries."""
    with submission.locked():
        return tuple(submission.take(folder / "s.csv", planned).values())


MOST_ERROR, MOST_SEAM = 2e-3, 1.5


def main() -> int:
    """Print one line for each number of segments; return 1 if one is beyond the bounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="mini")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--halo", type=int, nargs="+", default=[24])
    given = parser.parse_args()
    beyond = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plate = write_plate(folder / "plate", given.frames)
        print("steps  halo  segments  largest error   rms error  seams (1 is what is usual)")
        model_given = given.model
        if model_given == "random":
            preset = Preset(1, 1, initial_noise=1.0, guidance=1.0)
            model_given = write_random_model(folder / "random", preset, RANDOM)
        for steps in given.steps:
            model = with_steps(model_given, steps, folder)
            whole, _ = run(folder / f"{steps}-whole", plate, model, SegmentRules(segments=1))
            for halo in given.halo:
                for count in (2, 3, 5):
                    rules = SegmentRules(segments=count, halo_frames=halo)
                    parts, seams = run(folder / f"{steps}-{halo}-{count}", plate, model, rules)
                    error = np.abs(parts - whole)
                    ratios = " ".join(f"{ratio:.2f}" for ratio in seams)
                    line = f"{steps:5d} {halo:5d} {count:9d} {error.max():14.2e}"
                    print(f"{line} {np.sqrt((error**2).mean()):11.2e}  {ratios}", flush=True)
                    beyond |= bool(error.max() > MOST_ERROR or max(seams) > MOST_SEAM)
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
