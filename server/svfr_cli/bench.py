"""``svfr bench``: restore a plate on this machine once and say where the time goes."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
import torch

from svfr.models.spec import DiffusionSpec
from svfr.precision import STRICT, apply_switches, device_name
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import whole_file
from svfr_client.frames import FrameRange
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_client.reasons import reason_of
from svfr_client.sizes import size_text
from svfr_restore.job import JobStages
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache, devices_here
from svfr_restore.reports import JobContext, JobResult, Report
from svfr_server.worker.out_of_memory import free_unused, is_out_of_memory

_SIZE, _FIRST = (1080, 1920), 1001
# Stages of which one works at a time: what passes until the next report is theirs.
_SAMPLING = ("encode", "reference", "denoise", "decode")


@dataclass(frozen=True, kw_only=True)
class Benched:
    """What one job took.

    ``stage_seconds``: survey, crop and write summed over their threads, the others as they follow each other.
    ``idle_share`` is the part of the job's time in which nothing was sampled. ``psnr_to_float32_db`` compares
    the first window's frames with the same in float32; None where ``to_float32`` says why there is none.
    """

    model: str
    device: str
    precision: str
    frames: int
    seconds: float
    frames_per_second: float
    stage_seconds: dict[str, float]
    idle_share: float
    peak_memory_bytes: int
    psnr_to_float32_db: float | None
    to_float32: str

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return asdict(self)

    def to_text(self) -> str:
        """Write the figures for people."""
        lines = [
            f"{self.model} on {self.device} ({self.precision})",
            f"Speed       {self.frames_per_second:.2f} frames a second ({self.frames} frames)",
            f"Device idle {self.idle_share:.0%}",
            f"Memory      {size_text(self.peak_memory_bytes)} at its peak",
            f"To float32  {self.to_float32}",
        ]
        lines += [f"  {stage:<10}{seconds:8.2f} s" for stage, seconds in self.stage_seconds.items()]
        return "\n".join(lines)

    def plot(self, path: Path) -> None:
        """Draw the seconds of each stage; raises FileCannotBeWritten."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        axes = figure.add_subplot()
        names = list(self.stage_seconds)[::-1]
        axes.barh(names, [self.stage_seconds[name] for name in names])
        axes.set_xlabel("seconds")
        axes.set_title(f"{self.model}, {self.device}: {self.frames_per_second:.2f} frames a second")
        try:
            with whole_file(path) as scratch:
                figure.savefig(scratch)
        except ValueError as error:
            raise FileCannotBeWritten(
                f"The plot cannot be written: {reason_of(error)}.",
                path=path,
                remedy="Choose a .png, .svg or .pdf file.",
            ) from error


class _Clock:
    """Gives the time between two reports of the sampler to the stage of the later one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def __call__(self, report: Report) -> None:
        """Take note of a report."""
        now = perf_counter()
        if report.kind == "progress" and report.stage in _SAMPLING:
            self.seconds[report.stage] = self.seconds.get(report.stage, 0.0) + now - self._last
        if report.kind == "progress":
            self._last = now


def bench(model: str, plate: str | None, frames: int) -> Benched:
    """Restore up to ``frames`` frames of a plate, or of one made for it, and return what that took.

    The networks are loaded before the clock starts. Raises every problem that a job of these would have.
    """
    device = devices_here()[0]
    with tempfile.TemporaryDirectory(prefix="svfr-bench-") as name:
        work = Path(name)
        spec = _job(model, plate, frames, work)
        models = ModelCache(device)
        described = models.spec(model)
        if isinstance(described, DiffusionSpec):
            models.get(model)
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        clock, context = _Clock(), JobContext()
        began = perf_counter()
        result = _run(spec, models, replace(context, report=clock))
        seconds = perf_counter() - began
        precision = models.precision_of(described)
        worked, peak_bytes = context.clock.seconds, _peak_bytes(device)
        psnr_db, words = _to_float32(spec, models, work)
        return Benched(
            model=described.name,
            device=device_name(device),
            precision=precision.recipe,
            frames=len(result.outputs),
            seconds=seconds,
            frames_per_second=len(result.outputs) / seconds,
            stage_seconds={
                "survey": worked["survey"],
                "crop": worked["crop"],
                **clock.seconds,
                "write": worked["write"],
            },
            idle_share=max(0.0, 1.0 - worked["sample"] / seconds),
            peak_memory_bytes=peak_bytes,
            psnr_to_float32_db=psnr_db,
            to_float32=words,
        )


def _run(spec: JobSpec, models: ModelCache, context: JobContext) -> JobResult:
    return JobStages(plan_job(spec, models), models, context).run()


def _job(model: str, plate: str | None, frames: int, work: Path) -> JobSpec:
    out = str(work / "out" / "restored.%04d.exr")
    if plate is None:
        height, width = _SIZE
        side = 0.4 * height
        return JobSpec(
            plate=_write_plate(work / "plate", frames),
            frames=f"{_FIRST}-{_FIRST + frames - 1}",
            tasks=("bfr",),
            output=out,
            faces=FaceChoice("box", boxes=(Box((width - side) / 2, (height - side) / 2, side, side),)),
            colour=ColourClaim(space="ACEScg"),
            model=model,
        )
    from svfr_restore.plan.frames import all_frames

    wanted = FrameRange.of(FrameRange.parse(all_frames(plate)).frames[:frames])
    return JobSpec(plate=plate, frames=str(wanted), tasks=("bfr",), output=out, model=model)


def _write_plate(folder: Path, count: int) -> str:
    """Write a grainy texture as half-float EXR with ZIP, a file for every frame; return the pattern."""
    folder.mkdir()
    y, x = np.mgrid[0 : _SIZE[0], 0 : _SIZE[1]].astype(np.float32) / _SIZE[0]
    waves = np.stack([0.2 + 0.15 * np.sin(9.0 * x + c) * np.cos(7.0 * y) for c in range(3)], axis=-1)
    grain = np.random.default_rng(1).normal(0.0, 0.01, waves.shape).astype(np.float32)
    picture = oiio.ImageBuf(np.ascontiguousarray(waves + grain, np.float32))
    picture.set_write_format("half")
    pattern = str(folder / "plate.%04d.exr")
    for frame in range(_FIRST, _FIRST + count):
        if not picture.write(pattern % frame):
            raise FileCannotBeWritten(picture.geterror(), path=pattern % frame)
    return pattern


def _to_float32(spec: JobSpec, models: ModelCache, work: Path) -> tuple[float | None, str]:
    """Return how near the first window's frames are to those that float32 makes, in dB, and in words.

    The networks are never in memory twice: those of ``models`` are let go first. On a small card float32 may
    not fit all the same.
    """
    described = models.spec(spec.model)
    own_precision = models.precision_of(described)
    if own_precision == STRICT or not isinstance(described, DiffusionSpec):
        return None, "no difference: nothing is computed in another type"
    frames = FrameRange.of(FrameRange.parse(spec.frames).frames[: described.window])
    pictures = []
    try:
        for name, cache in (("own", models), ("float32", ModelCache(models.device, STRICT))):
            part = replace(spec, frames=str(frames), output=str(work / name / "restored.%04d.exr"))
            result = _run(part, cache, JobContext())
            cache.let_go()
            free_unused()
            written = (oiio.ImageBuf(str(output.path)).get_pixels(oiio.FLOAT) for output in result.outputs)
            pictures.append(np.stack([np.asarray(pixels, np.float32) for pixels in written]))
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        return None, "not known: float32 does not fit into the device's memory"
    finally:
        apply_switches(own_precision)  # those of float32 are the whole process's
    error = float(np.square(pictures[0] - pictures[1]).mean())
    if error == 0.0:
        return None, "no difference: the pixels are equal"
    reach = float(pictures[1].max() - pictures[1].min())
    psnr_db = float(10.0 * np.log10(reach**2 / error))
    return psnr_db, f"{psnr_db:.1f} dB PSNR"


def _peak_bytes(device: str) -> int:
    """Return the most memory of the device so far; of a CPU, what this process has had."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows has none
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
