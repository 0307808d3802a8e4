"""How little a device waits between the jobs of a queue: plainly, surveyed ahead, and overlapping.

    OMP_NUM_THREADS=1 python -m benchmarks.pipeline_queue [--jobs 3] [--frames 96] [--sizes 1920x1080]
        [--compressions zip,dwaa] [--devices H100,4090] [--steps 30] [--slower 1]
        [--ways plain,ahead,overlap]

Hands in as many jobs as asked, each on a plate of its own files (links to one plate, which is read as often),
to a real service, whose pipeline is the job's own but for the networks, as in :mod:`benchmarks.pipeline`. The
worker is warm. Each way is a service of its own: "plain" begins a job when the one before has ended, "ahead"
has the next one surveyed meanwhile by another process, "overlap" also begins it while the last frames of the
one before are decoded and written. Printed are for each the seconds of the whole queue and of each job after
the first, over what no way can beat: the longest of the device's time, the slowest stage's own and all of the
processor's over its cores, the latter two measured alone in the same run. Of the device are printed its idle
share, from the first job's beginning to the last one's end, and the seconds that it was idle in the middle of
a job, from a job's last work to the next one's first, and after the last job's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.media.stream import FIRST_FRAME
from benchmarks.pipeline import DEVICES, Case, Device, WaitingStages, cores, job, measure, plate_with
from svfr.validation import read_json_file
from svfr_client.client import Client
from svfr_client.files import write_whole
from svfr_client.job import JobSpec
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.reports import JobContext
from svfr_restore.sampling.background_store import saving_in_background
from svfr_server.start import start_local_server

_DEVICE, _STEPS, _SLOWER = "SVFR_BENCH_DEVICE", "SVFR_BENCH_STEPS", "SVFR_BENCH_SLOWER"


def run_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Run a job in a service's worker, with a device that only waits; the measured service's pipeline."""
    with saving_in_background(JobContext(report=report, cancelled=cancelled, store=store)) as context:
        stages = WaitingStages(plan_job(spec, models), models, context)
        stages.device = device_of(os.environ[_DEVICE], float(os.environ[_SLOWER]))
        stages.steps = int(os.environ[_STEPS])
        result = stages.run()
    write_whole(note_of(spec), json.dumps(stages.device.spans))
    return result


def note_of(spec: JobSpec) -> Path:
    """Return where a job leaves the times at which its device worked."""
    return Path(spec.output).parent / "device.json"


def device_of(name: str, slower: float) -> Device:
    """Return the device of a name, so many times as slow."""
    return next(device for device in DEVICES if device.name == name).slower(slower)


@dataclass(frozen=True)
class Queue:
    """Seconds from handing the jobs in to the end of each, and when the device worked on each."""

    ends: tuple[float, ...]
    spans: tuple[list[tuple[float, float]], ...]
    ended: float

    def row(self, case: Case) -> str:
        """Return its part of the table's line."""
        count, whole = len(self.ends), self.ends[-1]
        further = (whole - self.ends[0]) / (count - 1)
        within = sum(later[0] - former[1] for spans in self.spans for former, later in pairwise(spans))
        between = sum(later[0][0] - former[-1][1] for former, later in pairwise(self.spans))
        after = self.ended - self.spans[-1][-1][1]
        return (
            f"{whole:.1f} | {whole / (count * case.bound):.2f} | {further:.1f} | {further / case.bound:.2f} "
            f"| {1 - count * case.device / whole:.0%} "
            f"| {within / count:.1f} / {between / (count - 1):.1f} / {after:.1f}"
        )


WAYS = {
    "plain": ["--no-survey-ahead", "--no-overlap"],
    "ahead": ["--survey-ahead", "--no-overlap"],
    "overlap": ["--survey-ahead", "--overlap"],
}


def through_service(specs: list[JobSpec], first: JobSpec, home: Path, way: str) -> Queue:
    """Run the jobs after another one, which warms the worker, through a service of their own."""
    pipeline = f"{Path(__file__).parent.name}.{Path(__file__).stem}:run_job"
    arguments = ["--pipeline", pipeline, "--device", "cpu", *WAYS[way]]
    with start_local_server(home, arguments=arguments) as client:
        try:
            _await(client, client.submit(first).job)
            began = time.perf_counter()
            jobs = [client.submit(spec).job for spec in specs]
            ends = []
            for one in jobs:
                _await(client, one)
                ends.append(time.perf_counter() - began)
            ended = time.time()
        finally:
            client.shutdown()
    spans = tuple(read_json_file(note_of(spec)) for spec in specs)
    return Queue(tuple(ends), spans, ended)


def _await(client: Client, one: str) -> None:
    last = list(client.follow(one))[-1]
    if last.kind != "done":
        raise RuntimeError(f"a job ended otherwise: {last.body}")


def linked(pattern: str, folder: Path, count: int) -> str:
    """Return the pattern of a plate of the same pictures in files of its own names."""
    folder.mkdir(parents=True)
    copied = str(folder / Path(pattern).name)
    for frame in range(FIRST_FRAME, FIRST_FRAME + count):
        os.link(pattern % frame, copied % frame)
    return copied


HEADER = (
    "| plate, device | device s | survey / crop / write s | processor s over cores "
    "| alone s, over the longest | way | queue s | over | each further job s | over "
    "| idle | idle s in a job / between jobs / at the end |\n" + "|---" * 12 + "|"
)


def measured(
    name: str, pattern: str, size: tuple[int, int], work: Path, given: argparse.Namespace
) -> Iterator[str]:
    """Yield the lines of one plate on one device, one for each way."""
    device = device_of(name.rpartition(" ")[2], given.slower)
    os.environ[_DEVICE], os.environ[_STEPS] = device.name, str(given.steps)
    os.environ[_SLOWER] = str(given.slower)
    (work / "alone").mkdir(parents=True)
    case = measure(name, job(pattern, work / "alone", given.frames, size), copy(device), given.steps, work)
    alone = " / ".join(f"{seconds:.1f}" for seconds in case.stages.values())
    for way in given.ways.split(","):
        own = work / way
        plates = [linked(pattern, own / f"plate{number}", given.frames) for number in range(given.jobs)]
        specs = [job(plate, own / f"out{n}", given.frames, size) for n, plate in enumerate(plates)]
        warm = job(pattern, own / "warm", 1, size)
        row = through_service(specs, warm, own / "home", way).row(case)
        yield (
            f"| {name} | {case.device:.1f} | {alone} | {case.processor / cores():.1f} "
            f"| {case.together:.1f}, {case.together / case.bound:.2f} | {way} | {row} |"
        )


def main() -> int:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=3, help="in the queue, two at least")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--sizes", default="1920x1080,3840x2160", help="of the plates, in pixels")
    parser.add_argument("--compressions", default="zip,dwaa")
    parser.add_argument("--steps", type=int, default=30, help="of each pass")
    parser.add_argument("--devices", default="H100,4090")
    parser.add_argument("--slower", type=float, default=1.0, help="how much slower the device is made")
    parser.add_argument("--ways", default=",".join(WAYS), help="in which the queue is run")
    given = parser.parse_args()
    print(
        f"{cores()} cores, load {os.getloadavg()[0]:.1f}, {given.jobs} jobs of {given.frames} frames, "
        f"{given.steps} + {given.steps} steps\n\n{HEADER}"
    )
    with tempfile.TemporaryDirectory(prefix="svfr-queue-") as folder:
        for size in given.sizes.split(","):
            width, height = map(int, size.split("x"))
            for compression in given.compressions.split(","):
                work = Path(folder) / f"{size}-{compression}"
                pattern = plate_with(work / "plate", compression, given.frames, (height, width))
                for name in given.devices.split(","):
                    title = f"{size} {compression.upper()}, {name}"
                    for line in measured(title, pattern, (height, width), work / name, given):
                        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
