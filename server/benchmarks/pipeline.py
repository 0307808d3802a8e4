"""How far the stages of a job run at once, beside a device that only waits.

    OMP_NUM_THREADS=1 python -m benchmarks.pipeline [--frames 24] [--sizes 1920x1080,3840x2160] [--steps 30]
        [--devices H100,4090] [--slower 1]

Restores a face box in every frame of a half-float EXR plate (ZIP and DWAA) with everything but the networks:
in their place it sleeps as long as a window takes on an H100 and on a 4090. Their times are reckoned, not
measured (float16, not compiled, at the official size). In one run each case goes through the stages one after
the other, as a job once did (which decoded each frame three times besides), and through
:meth:`JobStages.run`. Printed are the seconds of each stage alone, of the device alone and of the processor
over its cores; the longest of these, which no job can beat; the job's own seconds and their ratio; the share
of the time that the device is idle, before and after; and the cores that would bring that under 5 %.

Where other programs keep the cores busy, everything but the device that sleeps takes longer, and the ratio
says nothing. ``--slower 6`` lets the device be as much slower as they make the rest; the load and what the
stages' threads got of the cores, processor seconds over seconds, are printed beside.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
import torch

from benchmarks.media.stream import FIRST_FRAME, write_plate
from svfr.arrays import Float32
from svfr.diffusion.windows import studio_decode_windows, studio_windows
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_restore.crops.spool import CropSpool
from svfr_restore.job import JobStages
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import TrackPlan
from svfr_restore.reports import JobContext, Report, Reporter
from svfr_restore.sampling.restorers import IdentityRestorer, Restorer

_WINDOW, _OVERLAP, _SHORTEST, _ENCODED = 16, 3, 8, 4
_GRAIN = 0.01
_IDLE = 0.05


@dataclass
class Device:
    """Seconds that a device takes for one branch over a window of 16 frames, to encode 4 and to decode 16.

    ``spans`` are the times at which it worked so far, in seconds of the system's clock.
    """

    name: str
    branch: float
    encode: float
    decode: float
    spans: list[tuple[float, float]] = field(default_factory=list, compare=False)

    @property
    def busy_seconds(self) -> float:
        """What it was told to work so far."""
        return self._asked

    def __post_init__(self) -> None:
        self._asked = 0.0

    def slower(self, times: float) -> Device:
        """Return the same device, so many times as slow."""
        return Device(self.name, self.branch * times, self.encode * times, self.decode * times)

    def work(self, seconds: float) -> None:
        """Be busy for a while."""
        began = time.time()
        time.sleep(seconds)
        self.spans.append((began, time.time()))
        self._asked += seconds


DEVICES = (Device("H100", 0.056, 0.05, 0.8), Device("4090", 0.205, 0.15, 2.0))


class WaitingRestorer(IdentityRestorer):
    """Gives the crops back after the time that two passes of so many steps take on a device."""

    def __init__(self, device: Device, steps: int, report: Reporter) -> None:
        self._device, self._steps, self._report = device, steps, report

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        """Ask for the crops as the sampler does, sleep, and yield them."""
        device, count = self._device, len(crops.frames)
        first = min(_WINDOW, count)
        crops.crops(0, first)
        device.work(device.encode * first / _ENCODED)
        for step in range(self._steps):
            device.work(device.branch * self._windows(first, step))
        crops.crops(0, count)
        device.work(device.encode * (count - first) / _ENCODED)
        for step in range(self._steps):
            device.work(2 * device.branch * self._windows(count, step))
            self._report(Report("progress", "denoise", step + 1, self._steps, track=index))
        for window in studio_decode_windows(count, _WINDOW):
            device.work(device.decode * (window.stop - window.start) / _WINDOW)
            for frame in crops.frames[window.start + window.blend : window.stop]:
                yield frame, crops.crop(frame)

    def _windows(self, count: int, step: int) -> float:
        windows = studio_windows(count, _WINDOW, _OVERLAP, step, _SHORTEST)
        return sum(len(window.frames) for window in windows) / _WINDOW


class WaitingStages(JobStages):
    """A job's own stages, but for the networks."""

    device: Device
    steps: int

    def restorer(self, track: TrackPlan, reference: torch.Tensor | None) -> Restorer:
        """Return what waits in the networks' place."""
        return WaitingRestorer(self.device, self.steps, self._context.report)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One plate on one device: seconds of each stage alone, of the processor, and of the whole job."""

    name: str
    device: float
    stages: dict[str, float]
    processor: float
    serial: float
    together: float

    @property
    def bound(self) -> float:
        """What no job can beat with these stages and cores."""
        return max(self.device, *self.stages.values(), self.processor / cores())

    @property
    def cores(self) -> int:
        """The cores with which the processor's share would leave the device idle for less than 5 %."""
        return math.ceil(self.processor / (self.device / (1.0 - _IDLE)))

    def row(self) -> str:
        """Return the case as a line of the table."""
        alone = " / ".join(f"{seconds:.1f}" for seconds in self.stages.values())
        idle = f"{1 - self.device / self.serial:.0%} | {1 - self.device / self.together:.0%}"
        return (
            f"| {self.name} | {self.device:.1f} | {alone} | {self.processor / cores():.1f} "
            f"| {self.serial:.1f} | {self.together:.1f} | {self.together / self.bound:.2f} "
            f"| {self.processor / sum(self.stages.values()):.2f} "
            f"| {idle} | {self.cores} |"
        )


HEADER = (
    "| plate, device | device s | survey / crop / write s | processor s over cores | one after the other s "
    "| at once s | over the longest | cores had | idle before | idle after | cores for 5 % |\n"
    + "|---" * 11
    + "|"
)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plate_with(folder: Path, compression: str, count: int, size: tuple[int, int]) -> str:
    """Write a plate of ``count`` half-float frames (h, w) with a compression; return the pattern."""
    pattern = write_plate(folder, count, size, _GRAIN)
    first = oiio.ImageBuf(pattern % FIRST_FRAME)
    first.read(force=True)
    first.specmod().attribute("compression", compression)
    for frame in range(FIRST_FRAME, FIRST_FRAME + count):
        if not first.write(pattern % frame):
            raise OSError(first.geterror())
    return pattern


def job(pattern: str, out: Path, count: int, size: tuple[int, int]) -> JobSpec:
    """Return a job on one face of 40 % of the picture's height."""
    height, width = size
    side = 0.4 * height
    return JobSpec(
        plate=pattern,
        frames=f"{FIRST_FRAME}-{FIRST_FRAME + count - 1}",
        tasks=("bfr",),
        output=str(out / "restored.%04d.exr"),
        faces=FaceChoice("box", boxes=(Box((width - side) / 2, (height - side) / 2, side, side),)),
        colour=ColourClaim(space="ACEScg"),
        model="identity",
    )


def stages_of(spec: JobSpec, device: Device, steps: int) -> WaitingStages:
    """Open a job for a device."""
    models = ModelCache()
    stages = WaitingStages(plan_job(spec, models), models, JobContext())
    stages.device, stages.steps = device, steps
    return stages


def measure(name: str, spec: JobSpec, device: Device, steps: int, work: Path) -> Case:
    """Run a case both ways."""
    stages = stages_of(spec, copy(device), steps)
    took: dict[str, float] = {}
    began, processor = time.perf_counter(), time.process_time()
    tracks = stages.find_tracks()
    took["survey"] = time.perf_counter() - began
    restorers = [stages.restorer(track, None) for track in tracks]
    mark = time.perf_counter()
    crops = stages.crop(tracks, restorers, work)
    took["crop"] = time.perf_counter() - mark
    outputs = [
        stages.restore(track, restorer, spool, work / "restored")
        for track, restorer, spool in zip(tracks, restorers, crops, strict=True)
    ]
    mark = time.perf_counter()
    stages.paste(tracks, outputs)
    took["write"] = time.perf_counter() - mark
    serial, processor = time.perf_counter() - began, time.process_time() - processor
    at_once = stages_of(replace(spec, existing="overwrite"), copy(device), steps)
    mark = time.perf_counter()
    at_once.run()
    return Case(
        name=name,
        device=at_once.device.busy_seconds,
        stages=took,
        processor=processor,
        serial=serial,
        together=time.perf_counter() - mark,
    )


def main() -> int:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--sizes", default="1920x1080,3840x2160", help="of the plates, in pixels")
    parser.add_argument("--compressions", default="zip,dwaa")
    parser.add_argument("--steps", type=int, default=30, help="of each pass")
    parser.add_argument("--devices", default="H100,4090")
    parser.add_argument("--slower", type=float, default=1.0, help="how much slower the device is made")
    given = parser.parse_args()
    devices = [d.slower(given.slower) for d in DEVICES if d.name in given.devices.split(",")]
    print(
        f"{cores()} cores, load {os.getloadavg()[0]:.1f}, {given.frames} frames, "
        f"{given.steps} + {given.steps} steps\n\n{HEADER}"
    )
    with tempfile.TemporaryDirectory(prefix="svfr-pipeline-") as folder:
        for size in given.sizes.split(","):
            width, height = map(int, size.split("x"))
            for compression in given.compressions.split(","):
                work = Path(folder) / f"{size}-{compression}"
                pattern = plate_with(work / "plate", compression, given.frames, (height, width))
                for device in devices:
                    out = work / device.name
                    out.mkdir()
                    spec = job(pattern, out, given.frames, (height, width))
                    name = f"{size} {compression.upper()}, {device.name}"
                    print(measure(name, spec, device, given.steps, out).row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
