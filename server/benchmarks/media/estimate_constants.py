"""Measures the constants of svfr_restore/plan/estimate.py on this machine, and how near an estimate comes.

Runs a job over a few 1080p frames, takes the processor time of each stage (other load on the machine
disturbs it less than the clock's), and prints the seconds per million pixels; then the estimate of a
diffusion job beside the seconds it took. The constants in the module are the printed ones, rounded up.

    OMP_NUM_THREADS=1 python -m benchmarks.media.estimate_constants [--frames 6]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.media.stream import FIRST_FRAME, SIZE, write_mini_layout, write_plate
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.job import run_job, survey_job
from svfr_restore.plan.estimate import START_SECONDS, estimate_job
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.survey import visible
from svfr_restore.plan.track_plan import plan_tracks
from svfr_restore.reports import JobContext, Report

STAGES = ("survey", "crop", "write")
MORE_FACES = 4
GRAIN = 0.01


class StageClock:
    """Takes the processor time that passes while a stage reports progress."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def __call__(self, report: Report) -> None:
        """Add the time since the last report to this one's stage."""
        if report.kind != "progress":
            return
        now, stage = time.process_time(), str(report.stage)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def job(pattern: str, work: Path, count: int, model: str, side: int) -> JobSpec:
    """Return a job on one box of ``side`` pixels."""
    return JobSpec(
        plate=pattern,
        frames=f"{FIRST_FRAME}-{FIRST_FRAME + count - 1}",
        tasks=("bfr",),
        output=str(work / "out" / "o.%04d.exr"),
        faces=FaceChoice("box", boxes=(Box(400.0, 200.0, float(side), float(side)),)),
        colour=ColourClaim(space="ACEScg"),
        model=model,
        existing="overwrite",
    )


def measure_pictures(pattern: str, work: Path, count: int) -> None:
    """Print what looking, cutting and writing take; a crop's own share is what more faces add."""
    megapixels = SIZE[0] * SIZE[1] / 1e6
    one, several = StageClock(), StageClock()
    single = job(pattern, work, count, "identity", 432)
    box = single.faces.boxes[0]
    crowd = dataclasses.replace(single, faces=FaceChoice("box", boxes=(box,) * (1 + MORE_FACES)))
    run_job(single, ModelCache(), one)
    run_job(crowd, ModelCache(), several)
    for stage in STAGES:
        print(f"{stage:8s} {one.seconds[stage] / count / megapixels:.3f} s a million plate pixels")
    more = sum(several.seconds[stage] - one.seconds[stage] for stage in ("crop", "write")) / MORE_FACES
    print(f"{'face':8s} {more / count / (512**2 / 1e6):.3f} s a million crop pixels")
    plan = plan_job(single, ModelCache())
    shown = visible(plan.plate.read(FIRST_FRAME).rgb, plan.domain)
    detector = FaceDetector()
    began = time.process_time()
    detector.detect(shown)
    print(f"{'detect':8s} {(time.process_time() - began) / megapixels:.3f} s a million plate pixels")


def compare(pattern: str, work: Path, count: int) -> None:
    """Print an estimate beside the time a job takes, both without the start of a process."""
    model = write_mini_layout(work / "model")
    spec, models = job(pattern, work, count, model, 432), ModelCache()
    plan = plan_job(spec, models)
    tracks = plan_tracks(plan, survey_job(plan, JobContext()))
    estimate = estimate_job(plan, tracks)
    began = time.perf_counter()
    run_job(spec, models, lambda report: None)
    took = time.perf_counter() - began
    expected = estimate.seconds - START_SECONDS
    print(f"a diffusion job of {count} frames: estimated {expected:.1f} s, took {took:.1f} s")
    print(f"estimated {estimate.unet_calls} evaluations and {estimate.memory_bytes / 1e6:.0f} MB at most")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=6)
    count = parser.parse_args().frames
    with tempfile.TemporaryDirectory(prefix="svfr-constants-") as name:
        work = Path(name)
        pattern = write_plate(work / "plate", count, SIZE, GRAIN)
        measure_pictures(pattern, work, count)
        compare(pattern, work, count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
