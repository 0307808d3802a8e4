"""How fast survey, crop and write are, beside an older commit's code in the same run.

    OMP_NUM_THREADS=1 python -m benchmarks.media.stages_against [--commit 0072499] [--frames 12] [--runs 5]
        [--compressions zip,dwaa] [--model probe] [--presets standard] [--face PICTURE]

Run in ``server/`` of a clone with history. A 1080p half-float EXR shot with grain, every frame another
picture, is restored by the commit's code, unpacked to a temporary folder, and by this one, in turns, each
time in a process of its own. The built-in model ``probe`` paints a patch and takes no time, so that the
whole job is survey, crop and write. ``random`` is a small network of random weights that either code
restores with, at 192 px, ``mini-then`` the commit's own ``mini``, and a model folder's path any other. The
commit ran its stages one after the other:
the time until each had ended says what each took. Here cropping and writing run at once, so that only the sum
can be compared.

The face is a box of 40 % of the height; with ``--face`` that picture is put there, and the face is sought as
well. Printed are medians over the runs, and whether all written pixels are equal. A job of one frame runs
before each that is measured, so that all is loaded; the last figures are the processor's seconds of the whole
process, which loads everything and runs both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)

from benchmarks.media.stages_child import FIRST_FRAME
from benchmarks.random_model import Layout, write_random_model
from benchmarks.sampling.against_commit import LAST_BEFORE_ROOMS, MODEL, ROOT, TREES, unpack
from svfr.models.spec import Preset
from svfr_client.files import write_whole
from svfr_client.json_files import read_json

SIZE = (1080, 1920)
GRAIN = 0.01
SIDE = round(0.4 * SIZE[0])
CORNER = ((SIZE[0] - SIDE) // 2, (SIZE[1] - SIDE) // 2)
HEADER = (
    "| plate, faces, preset | stages' ends then, s a frame | then, s | now, s | times as fast "
    "| processor then, now, s | times less | pixels | process then, now, s |\n" + "|---" * 9 + "|"
)
Figures = Mapping[str, Any]


def write_plate(folder: Path, compression: str, count: int, face: Path | None) -> str:
    """Write a shot that moves under its grain, with a still face; return the pattern."""
    folder.mkdir(parents=True)
    pattern = str(folder / "plate.%04d.exr")
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32) / SIZE[0]
    portrait = None if face is None else _portrait(face)
    for number in range(count):
        waves = [np.sin(9.0 * (x + 0.01 * number) + c) * np.cos(7.0 * y) for c in range(3)]
        light = 0.2 + 0.15 * np.stack(waves, axis=-1)
        if portrait is not None:
            light[CORNER[0] : CORNER[0] + SIDE, CORNER[1] : CORNER[1] + SIDE] = portrait
        light += np.random.default_rng(number).normal(0.0, GRAIN, light.shape)
        picture = oiio.ImageBuf(np.ascontiguousarray(light, np.float32))
        picture.set_write_format("half")
        picture.specmod().attribute("compression", compression)
        if not picture.write(pattern % (FIRST_FRAME + number)):
            raise OSError(picture.geterror())
    return pattern


def write_random_for_both(folder: Path) -> str:
    """Write a model folder without the preset fields that the older code does not know; return its path."""
    presets = Preset(4, 6, initial_noise=1.0, guidance=2.0)
    layout = Layout(crop_px=192, window=8, overlap=3, coefficients=tuple(range(16)))
    model = write_random_model(folder, presets, layout)
    path = folder / "model.json"
    body = read_json(path.read_bytes())
    known = ("reference_steps", "steps", "initial_noise", "guidance", "sigmas")
    for name, preset in body["presets"].items():
        body["presets"][name] = {field: preset[field] for field in known}
    write_whole(path, json.dumps(body).encode())
    return model


def _portrait(face: Path) -> Any:
    picture = cv2.imread(str(face))
    if picture is None:
        raise SystemExit(f"{face} is no picture.")
    codes = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., ::-1] / 255.0
    return codes**2.2


def run_by(tree: Path, arguments: Iterable[str], out: Path) -> Figures:
    """Run the job by the code of ``tree`` and return what it printed."""
    out.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("stages_child.py")), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / name) for name in TREES)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = read_json(done.stdout.strip().splitlines()[-1])
    if not Path(figures["code"]).is_relative_to(tree):
        raise SystemExit(f"The code that ran is that of {figures['code']}, not of {tree}.")
    return figures


def row(name: str, then: list[Figures], now: list[Figures], count: int) -> str:
    """Return the medians of one case as a line of the table."""

    def middle(runs: list[Figures], key: str) -> float:
        return statistics.median(run[key] for run in runs) / count

    ends = [
        statistics.median(run["ended"][stage] for run in then) / count
        for stage in ("survey", "crop", "write")
    ]
    pixels = {run["pixels"] for run in then}, {run["pixels"] for run in now}
    same = "equal" if pixels[0] == pixels[1] else "steady, other than then" if len(pixels[1]) == 1 else "VARY"
    return (
        f"| {name} | {' / '.join(f'{end:.2f}' for end in ends)} "
        f"| {middle(then, 'whole'):.3f} | {middle(now, 'whole'):.3f} "
        f"| {middle(then, 'whole') / middle(now, 'whole'):.2f} "
        f"| {middle(then, 'processor'):.3f}, {middle(now, 'processor'):.3f} "
        f"| {middle(then, 'processor') / middle(now, 'processor'):.2f} | {same} "
        f"| {middle(then, 'process') * count:.1f}, {middle(now, 'process') * count:.1f} |"
    )


def main() -> int:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--commit", default=LAST_BEFORE_ROOMS)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--compressions", default="zip,dwaa")
    parser.add_argument("--model", default="probe", help="built-in, random, mini-then, or a folder")
    parser.add_argument("--presets", default="standard", help="of the model, with commas between")
    parser.add_argument("--face", type=Path, help="a picture of a face, to be sought as well")
    asked = parser.parse_args()
    box = f"{CORNER[1]},{CORNER[0]},{SIDE},{SIDE}"
    print(f"{asked.frames} frames, medians of {asked.runs} runs, load {os.getloadavg()[0]:.1f}\n\n{HEADER}")
    with tempfile.TemporaryDirectory(prefix="svfr-stages-") as name:
        folder = Path(name)
        trees = {"then": unpack(asked.commit, folder / "tree"), "now": ROOT}
        model = asked.model
        if model == "random":
            model = write_random_for_both(folder / "random")
        elif model == "mini-then":
            model = str(trees["then"] / MODEL)
        for compression in asked.compressions.split(","):
            pattern = write_plate(folder / compression, compression, asked.frames, asked.face)
            sought = (box,) if asked.face is None else (box, "largest")
            for faces, preset in product(sought, asked.presets.split(",")):
                figures: dict[str, list[Figures]] = {when: [] for when in trees}
                for turn in range(asked.runs):
                    for when, tree in trees.items():
                        out = folder / f"{compression}-{faces}-{preset}-{turn}-{when}"
                        job = [pattern, str(asked.frames), str(out), model, faces, preset]
                        figures[when].append(run_by(tree, job, out))
                case = f"{compression.upper()}, {'sought' if faces == 'largest' else 'a box'}, {preset}"
                print(row(case, figures["then"], figures["now"], asked.frames), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
