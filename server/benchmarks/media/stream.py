"""How the memory of the process that restores grows with the length of a shot.

Writes a 1080p half-float EXR plate (one picture, a file for every frame) and restores a face box in every
frame, once for each length, each time in a fresh process that does what the service's worker does: it runs
the job with checkpoints on disk. Prints the peak resident memory (VmHWM), what the job's estimate says, and
the growth per frame. The exit status is 1 when a peak is higher than its estimate, or when any two lengths
differ by more than six latents and 0.3 MB a frame: a shot's latents are in
memory (low-quality, noisy, blended, and up to three on their way to the disk), its pixels are not. Lengths
from 25 frames on count: so many decoded ones of 1080p are kept.

    OMP_NUM_THREADS=1 python -m benchmarks.media.stream [--model mini] [--frames 50,200,400] [--all-tasks]

Without --model it takes mini if that is installed, else a random network of mini's layout: how memory grows
depends on latents and pixels, not on what the weights have learnt.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
from numpy.typing import NDArray

from benchmarks.child_process import child_environment
from benchmarks.random_model import MINI, write_random_model
from svfr.errors import ModelMissing
from svfr.models.folder import find_model, read_diffusion_spec
from svfr.models.spec import Preset
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_restore.job import run_job, survey_job
from svfr_restore.plan.estimate import estimate_job
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import plan_tracks
from svfr_restore.reports import JobContext
from svfr_server.job_store.checkpoints import DiskCheckpoints

MOST_LATENTS_A_FRAME, MOST_OTHER_MB_A_FRAME = 6, 0.3
FIRST_FRAME = 1001
# A model may leave alone a plate that nothing is wrong with.
GRAIN = 0.05
SIZE = (1080, 1920)
_MASK_FRACTION = 0.2


def write_plate(folder: Path, count: int, size: tuple[int, int], grain: float = 0.0) -> str:
    """Write one picture and copy it under every frame's name; return the pattern.

    ``grain`` is the standard deviation of noise, which ZIP packs badly, as it does a real plate's.
    """
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    light = np.stack([0.2 + 0.15 * np.sin(9.0 * x + c) * np.cos(7.0 * y) for c in range(3)], axis=-1)
    light += np.random.default_rng(1).normal(0.0, grain, light.shape).astype(np.float32)
    folder.mkdir(parents=True)
    pattern = str(folder / "plate.%04d.exr")
    first = pattern % FIRST_FRAME
    write_half(Path(first), light)
    for frame in range(FIRST_FRAME + 1, FIRST_FRAME + count):
        shutil.copyfile(first, pattern % frame)
    return pattern


def write_half(path: Path, pixels: NDArray[np.float32]) -> None:
    """Write (h, w, channels) as a half-float EXR with ZIP."""
    image = oiio.ImageBuf(np.ascontiguousarray(pixels, np.float32))
    image.set_write_format("half")
    if not image.write(str(path)):
        raise OSError(image.geterror())


def write_mini_layout(folder: Path) -> str:
    """Write a model folder of mini's crop, window and latents with narrow random weights; return its path."""
    return write_random_model(folder, Preset(1, 1, initial_noise=0.0, guidance=1.0), MINI, seed=1)


def peak_resident_mb() -> float:
    """Return the largest resident memory this process has had, in MB of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def restore(
    pattern: str, count: int, *, model: str, work: Path, size: tuple[int, int], all_tasks: bool
) -> None:
    """Run one job as the worker does and print peak and estimate in MB: what the child process is for."""
    height, width = size
    side = round(0.4 * height)
    mask = None
    if all_tasks:
        mask = str(work / "mask.exr")
        _write_mask(Path(mask), size)
    spec = JobSpec(
        plate=pattern,
        frames=f"{FIRST_FRAME}-{FIRST_FRAME + count - 1}",
        tasks=("bfr", "colorize", "inpaint") if all_tasks else ("bfr",),
        output=str(work / "out" / "restored.%04d.exr"),
        mask_path=mask,
        faces=FaceChoice("box", boxes=(Box((width - side) / 2.0, (height - side) / 2.0, side, side),)),
        colour=ColourClaim(space="ACEScg"),
        model=model,
    )
    plan = plan_job(spec, ModelCache())
    estimate = estimate_job(plan, plan_tracks(plan, survey_job(plan, JobContext())))
    result = run_job(
        spec, ModelCache(), lambda report: None, store=DiskCheckpoints(work / "checkpoints", work / "journal")
    )
    if len(result.outputs) != count or not result.counts["pixels_changed"]:
        raise RuntimeError(f"the job wrote {len(result.outputs)} frames, {result.counts}")
    print(peak_resident_mb(), estimate.memory_bytes / 1e6)


def _write_mask(path: Path, size: tuple[int, int]) -> None:
    height, width = size
    mask = np.zeros((height, width, 1), np.float32)
    half = round(_MASK_FRACTION * height / 2)
    mask[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half] = 1.0
    write_half(path, mask)


def measure(lengths: list[int], model: str | None, size: tuple[int, int], all_tasks: bool) -> bool:
    """Run every length in a process of its own and print the figures; return whether they hold."""
    with tempfile.TemporaryDirectory(prefix="svfr-stream-") as name:
        work = Path(name)
        chosen = model or _installed_mini() or write_mini_layout(work / "mini-layout")
        print(f"model {Path(chosen).name}, {size[1]}x{size[0]} half, {'three tasks' if all_tasks else 'bfr'}")
        pattern = write_plate(work / "plate", max(lengths), size, GRAIN)
        peaks, is_enough = [], True
        for count in lengths:
            run = work / f"run{count}"
            run.mkdir()
            arguments = ["--child", pattern, "--frames", str(count), "--model", chosen, "--work", str(run)]
            arguments += ["--size", f"{size[1]}x{size[0]}", *(["--all-tasks"] if all_tasks else [])]
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.media.stream", *arguments],
                check=True,
                env=child_environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            peak, estimate = map(float, done.stdout.split()[-2:])
            peaks.append(peak)
            is_enough &= peak <= estimate
            seconds = (time.monotonic() - began) / count
            print(
                f"{count:5d} frames: peak {peak:7.1f} MB, estimated {estimate:7.1f} MB, "
                f"{seconds:.2f} s a frame",
                flush=True,
            )
            shutil.rmtree(run)
    growths = [
        (more - less) / (b - a)
        for (a, less), (b, more) in itertools.pairwise(zip(lengths, peaks, strict=True))
    ]
    print("growth: " + ", ".join(f"{growth:.3f}" for growth in growths) + " MB a frame")
    most = most_mb_a_frame(chosen)
    print(f"allowed: {most:.2f} MB a frame")
    return is_enough and all(growth <= most for growth in growths)


def most_mb_a_frame(model: str) -> float:
    """Return how much a frame more may take, in MB: so many latents of the model's crop, and small change."""
    spec = read_diffusion_spec(find_model(model))
    latent = spec.latent_channels * (spec.crop_px // spec.codec.factor) ** 2 * 4
    return MOST_LATENTS_A_FRAME * latent / 1e6 + MOST_OTHER_MB_A_FRAME


def _installed_mini() -> str | None:
    try:
        return str(find_model("mini"))
    except ModelMissing:
        return None


def main() -> int:
    """Measure, or be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", default="50,200,400", help="lengths, ascending")
    parser.add_argument("--model", help="model name or folder")
    parser.add_argument("--size", default=f"{SIZE[1]}x{SIZE[0]}", help="of the plate, in pixels")
    parser.add_argument("--all-tasks", action="store_true", help="colorize and inpaint too, with a mask")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    lengths = [int(count) for count in given.frames.split(",")]
    if given.child:
        restore(
            given.child,
            lengths[0],
            model=given.model,
            work=given.work,
            size=(height, width),
            all_tasks=given.all_tasks,
        )
        return 0
    return 0 if measure(lengths, given.model, (height, width), given.all_tasks) else 1


if __name__ == "__main__":
    sys.exit(main())
