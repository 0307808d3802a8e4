"""Whether today's code restores with an older commit's model exactly what that commit's code restored.

    python -m benchmarks.sampling.against_commit --eval DIR [--commit 0072499] [--clips 8]

Run in ``server/`` of a clone with history. ``DIR`` is the frozen evaluation split, rendered by the command
that ``svfr_lab.preview_eval.split`` names. The commit's ``mini`` restores its clips in both passes: by the
commit's own code, unpacked to a temporary folder, and by this one. Prints, for each task, the mean PSNR of
both, the greatest difference of a value, and whether every byte is equal. The exit status is 1 where one is
not.

0072499 is the last commit before the packages got rooms and its ``mini`` the last of 96 px. The comparison is
of the sampler on given crops: degradation, files and the detail network came or changed on purpose later.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from svfr.models.model import Model, load_model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr.sampling.network_input import from_network, to_network
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.runs import task_set
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSample, EvaluationSplit, open_evaluation_split
from svfr_restore.paste.target import target

LAST_BEFORE_ROOMS = "0072499"
ROOT = Path(__file__).parents[3]
TREES = ("plugin", "ocio", "server")
MODEL = "server/svfr/data/models/mini"

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Line:
    """One task: mean PSNR in dB by the commit's code and by this one, and how far apart they are."""

    task: str
    clips: int
    before_db: float
    now_db: float
    largest_difference: float
    equal_bytes: bool


def unpack(commit: str, folder: Path) -> Path:
    """Unpack a commit's packages into ``folder`` and return it."""
    folder.mkdir()
    archive = folder / "commit.tar"
    command = ["git", "archive", "--output", str(archive), commit, *TREES]
    subprocess.run(command, cwd=ROOT, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def crops_of(model: Model, samples: Mapping[str, EvaluationSample]) -> Arrays:
    """Return what the network sees of every sample, by ``<task>/<clip>``."""
    crops = {}
    for name, sample in samples.items():
        tasks, degraded = task_set(name.split("/")[0]), sample.degraded
        crops[name] = to_network(as_model_sees(model, degraded.lq, degraded.hole, tasks)).numpy()
    return crops


def pictures_by(tree: Path, model: Path, crops: Path, out: Path) -> Arrays:
    """Return what the code of ``tree`` makes of the crops, in a process of its own."""
    path = os.pathsep.join(str(tree / name) for name in TREES)
    command = [sys.executable, "-P", str(Path(__file__).with_name("both_passes.py"))]
    done = subprocess.run(
        [*command, str(model), str(crops), str(out)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    where = Path(done.stdout.strip().splitlines()[-1])
    if not where.is_relative_to(tree):
        raise SystemExit(f"The code that ran is that of {where}, not of {tree}.")
    with np.load(out) as stored:
        return dict(stored.items())


def compare(samples: Mapping[str, EvaluationSample], before: Arrays, now: Arrays) -> list[Line]:
    """Return one line for each task."""
    lines = []
    for task in dict.fromkeys(name.split("/")[0] for name in samples):
        names = [name for name in samples if name.split("/")[0] == task]
        lines.append(
            Line(
                task,
                len(names),
                before_db=_mean_db(samples, before, names),
                now_db=_mean_db(samples, now, names),
                largest_difference=max(float(np.abs(before[name] - now[name]).max()) for name in names),
                equal_bytes=all(before[name].tobytes() == now[name].tobytes() for name in names),
            )
        )
    return lines


def _mean_db(samples: Mapping[str, EvaluationSample], pictures: Arrays, names: list[str]) -> float:
    """Return the mean PSNR of the restored clips, for inpaint inside the hole."""
    scores = []
    for name in names:
        sample, tasks = samples[name], task_set(name.split("/")[0])
        codes, hole = sample.degraded.lq, sample.degraded.hole
        shown = [
            target(c, from_network(torch.from_numpy(p)), tasks, hole)
            for c, p in zip(codes, pictures[name], strict=True)
        ]
        scores.append(psnr_db(np.stack(shown), sample.truth, hole))
    return float(np.mean(scores))


def run(commit: str, split: EvaluationSplit, clips: int) -> list[Line]:
    """Restore the first ``clips`` clips of the split with both codes and compare."""
    samples = {
        f"{task}/{sample.clip}": sample
        for task in FROZEN_TASKS
        for sample in islice(split.samples(task_set(task)), clips)
    }
    with tempfile.TemporaryDirectory(prefix="svfr-against-commit-") as name:
        folder = Path(name)
        tree = unpack(commit, folder / "tree")
        crops = folder / "crops.npz"
        with crops.open("wb") as file:
            np.savez(file, allow_pickle=False, **crops_of(load_model(tree / MODEL), samples))
        before = pictures_by(tree, tree / MODEL, crops, folder / "before.npz")
        now = pictures_by(ROOT, tree / MODEL, crops, folder / "now.npz")
        return compare(samples, before, now)


def main() -> int:
    """Print the table; 1 when a byte differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--commit", default=LAST_BEFORE_ROOMS)
    parser.add_argument("--clips", type=int, default=64, help="of each task, from the first")
    asked = parser.parse_args()
    lines = run(asked.commit, open_evaluation_split(asked.eval), asked.clips)
    print(f"{'task':10s} clips  PSNR at {asked.commit}, dB  PSNR now, dB  largest difference  equal bytes")
    for line in lines:
        print(
            f"{line.task:10s} {line.clips:5d} {line.before_db:20.10f} {line.now_db:13.10f} "
            f"{line.largest_difference:19.1e}  {'yes' if line.equal_bytes else 'NO'}"
        )
    return 0 if all(line.equal_bytes for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
