"""How long a job takes alone, and beside others on the same cores, by how idle threads of OpenMP wait.

    python -m benchmarks.busy_neighbour [--model mini] [--preset draft] [--frames 2] [--jobs 1,2] [--runs 3]

GNU's OpenMP lets a thread that has no work spin for a while, which takes the core from whoever could use it;
with ``OMP_WAIT_POLICY=PASSIVE`` it sleeps at once. So many jobs as asked, each a process of its own with as
many threads as torch chooses, begin at the same moment with their model loaded, under either policy in turns.
Printed are medians over the runs of the slowest job's seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)

from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_restore.process_environment import repeatable_environment

POLICIES = ("ACTIVE", "PASSIVE")
FIRST_FRAME, SIZE = 1001, (270, 480)
_OPENMP = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def write_plate(folder: Path, count: int) -> str:
    """Write a small shot of soft shapes with grain; return the pattern."""
    pattern = str(folder / "plate.%04d.exr")
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32) / SIZE[0]
    for number in range(count):
        light = np.stack(
            [0.2 + 0.1 * np.sin(9 * (x + 0.01 * number) + c) * np.cos(7 * y) for c in range(3)], -1
        )
        light += np.random.default_rng(number).normal(0.0, 0.01, light.shape)
        picture = oiio.ImageBuf(np.ascontiguousarray(light, np.float32))
        picture.set_write_format("half")
        if not picture.write(pattern % (FIRST_FRAME + number)):
            raise OSError(picture.geterror())
    return pattern


def run_one(pattern: str, count: int, model: str, preset: str) -> None:
    """Restore a frame, so that all is loaded; say so, wait for a line, and print the whole job's seconds."""
    from svfr_restore.job import run_job
    from svfr_restore.plan.models import ModelCache

    models = ModelCache()
    for is_measured, frames in ((False, 1), (True, count)):
        if is_measured:
            print("ready", flush=True)
            sys.stdin.readline()
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="svfr-neighbour-") as folder:
            spec = JobSpec(
                plate=pattern,
                frames=f"{FIRST_FRAME}-{FIRST_FRAME + frames - 1}",
                tasks=("bfr",),
                output=str(Path(folder) / "restored.%04d.exr"),
                faces=FaceChoice("box", boxes=(Box(170.0, 65.0, 140.0, 140.0),)),
                colour=ColourClaim(space="ACEScg"),
                model=model,
                preset=preset,
            )
            run_job(spec, models, lambda report: None)
    print(time.perf_counter() - began)


def seconds(jobs: int, policy: str, job: list[str]) -> float:
    """Return how long the slowest of several equal jobs takes that begin at once."""
    environment = {name: value for name, value in os.environ.items() if name not in _OPENMP}
    environment |= repeatable_environment() | {"OMP_WAIT_POLICY": policy}
    command = [sys.executable, "-m", "benchmarks.busy_neighbour", "--one", *job]
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(jobs)
        ]
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline() != "ready\n":
                raise SystemExit("A job could not be run; what it said is above.")
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        return max(float(child.communicate()[0].split()[-1]) for child in children)


def main() -> int:
    """Measure every number of jobs under either policy and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--jobs", default="1,2", help="how many at once")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS, metavar="PATTERN")
    asked = parser.parse_args()
    if asked.one is not None:
        run_one(asked.one, asked.frames, asked.model, asked.preset)
        return 0
    print(f"{asked.frames} frames, {asked.model}, {asked.preset}; load {os.getloadavg()[0]:.1f}\n")
    print("| jobs at once | ACTIVE, s | PASSIVE, s | times as fast |\n" + "|---" * 4 + "|")
    with tempfile.TemporaryDirectory(prefix="svfr-neighbour-") as folder:
        pattern = write_plate(Path(folder), asked.frames)
        job = [pattern, "--frames", str(asked.frames), "--model", asked.model, "--preset", asked.preset]
        for jobs in map(int, asked.jobs.split(",")):
            took: dict[str, list[float]] = {policy: [] for policy in POLICIES}
            for _ in range(asked.runs):
                for policy in POLICIES:
                    took[policy].append(seconds(jobs, policy, job))
            active, passive = (statistics.median(took[policy]) for policy in POLICIES)
            print(f"| {jobs} | {active:.1f} | {passive:.1f} | {active / passive:.2f} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
