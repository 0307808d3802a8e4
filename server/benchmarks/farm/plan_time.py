"""How long ``svfr farm plan`` takes a shot.

Run from ``server/``: ``python -m benchmarks.farm.plan_time [--shots 50] [--frames 120]``. Every shot has a
plate of its own (small half-float EXR files: planning reads names and headers, not pixels) and the model
``identity``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanSettings
from svfr_farm.planning import plan_shots
from svfr_farm.shot_list import read_shot_list


def write_list(folder: Path, shots: int, frames: int, model: str = "identity") -> Path:
    """Write so many plates and a list of them."""
    first = folder / "first.exr"
    oiio.ImageBuf(np.full((64, 96, 3), 0.2, np.float32)).write(str(first), "half")
    lines = ["shot,plate,tasks,box,model,output,colorspace,exposure"]
    for number in range(shots):
        plate = folder / f"sh{number:03d}"
        plate.mkdir()
        for frame in range(1001, 1001 + frames):
            shutil.copyfile(first, plate / f"p.{frame}.exr")
        cells = f"{plate.name},{plate.name}/p.%04d.exr,bfr,16 12 32 32,{model}"
        lines.append(f"{cells},out/{plate.name}/o.%04d.exr,lin_rec709_scene,0")
    path = folder / "shots.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Plan the list twice and print what each time took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, default=50)
    parser.add_argument("--frames", type=int, default=120)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = write_list(Path(name), given.shots, given.frames)
        submission = Submission(path.with_suffix(".farm"))
        for what in ("new", "planned before"):
            began, used = time.perf_counter(), time.process_time()
            with submission.locked():
                plans = plan_shots(read_shot_list(path), PlanSettings(gpus=0), submission.known())
                submission.take(path, plans)
            wall, used = time.perf_counter() - began, time.process_time() - used
            each = [f"{1000 * seconds / given.shots:.1f} ms" for seconds in (wall, used)]
            print(f"{given.shots} shots of {given.frames} frames, {what}: ", end="")
            print(f"{each[0]} a shot, {each[1]} of processor time", flush=True)


if __name__ == "__main__":
    main()
