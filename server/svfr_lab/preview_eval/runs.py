"""One evaluation clip through a model: by the whole path of a job, and by the sampler alone.

A clip is written as a float EXR plate in a display-referred space, which the job passes to the model as it
is, and as large as the model's crop, so that nothing is resampled: what comes back is what the model made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr.models.spec import Preset
from svfr.sampling.crops_in_memory import CropsInMemory, as_model_sees
from svfr.sampling.network_input import from_network, to_network
from svfr.sampling.sampler import SamplePlan, restore
from svfr.tasks import TaskSet
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_lab.errors import EvaluationPlateFailed
from svfr_lab.preview_eval.split import EvaluationSample
from svfr_restore.job import run_job
from svfr_restore.media.plate import open_plate
from svfr_restore.paste.target import target
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import Report

Run: TypeAlias = Callable[[EvaluationSample, str], Float32]

# Display-referred, and with the primaries and the curve of the model: its code values are the plate's.
_PLATE_SPACE = "srgb_rec709_display"
_SEED = 77


def task_set(task: str) -> frozenset[str]:
    """Return the tasks of a name such as "bfr" or "bfr+colorize"."""
    return frozenset(task.split("+"))


def run_as_job(
    models: ModelCache,
    model: str,
    preset: str,
    detail: float | None = None,
    faces: FaceChoice | None = None,
) -> Run:
    """Return the run of a sample through plate files and :func:`svfr_restore.job.run_job`.

    Without ``faces`` the whole frame is the crop.
    """

    def run(sample: EvaluationSample, task: str) -> Float32:
        with tempfile.TemporaryDirectory(prefix="svfr-evaluation-") as folder:
            spec = _job(Path(folder), sample, task, model, preset)
            spec = replace(spec, detail=detail, faces=faces or spec.faces)
            run_job(spec, models, _ignore)
            plate = open_plate(spec.output)
            return np.stack([plate.read(frame).rgb for frame in plate.frames])

    return run


def run_alone(model: Model, preset: Preset) -> Run:
    """Return the run of a sample through pass 2 of the sampler without a reference.

    Crops are prepared, and results put back, as a job does.
    """

    def run(sample: EvaluationSample, task: str) -> Float32:
        return _restored(model, preset, sample, task)

    return run


def _restored(model: Model, preset: Preset, sample: EvaluationSample, task: str) -> Float32:
    codes, hole, tasks = sample.degraded.lq, sample.degraded.hole, task_set(task)
    crops = CropsInMemory(to_network(as_model_sees(model, codes, hole, tasks)))
    plan = SamplePlan(TaskSet.of(tasks), preset, _SEED)
    outputs = restore(model, crops, None, None, plan=plan)
    restored = [target(codes[index], from_network(output), tasks, hole) for index, output in outputs]
    if hole is None:
        return np.stack(restored)
    return np.where(hole[..., None], np.stack(restored), codes)


def _job(folder: Path, sample: EvaluationSample, task: str, model: str, preset: str) -> JobSpec:
    """Write the plate, and for inpaint the mask, of a sample and return its job."""
    degraded = sample.degraded
    frames = range(1, len(degraded.lq) + 1)
    for frame, codes in zip(frames, degraded.lq, strict=True):
        _write_exr(folder / f"plate.{frame:04d}.exr", codes)
    mask_path = None
    if degraded.hole is not None:
        mask_path = folder / "mask.exr"
        _write_exr(mask_path, degraded.hole[..., None].astype(np.float32))
    return JobSpec(
        plate=str(folder / "plate.%04d.exr"),
        frames=f"{frames[0]}-{frames[-1]}",
        tasks=TaskSet.of(task.split("+")).names,
        output=str(folder / "restored.%04d.exr"),
        mask_path=None if mask_path is None else str(mask_path),
        faces=FaceChoice("frame"),
        colour=ColourClaim(space=_PLATE_SPACE),
        model=model,
        preset=preset,
        seed=_SEED,
        layers=(),
    )


def _write_exr(path: Path, values: NDArray[np.float32]) -> None:
    height, width, channels = values.shape
    spec = oiio.ImageSpec(width, height, channels, "float")
    image = oiio.ImageOutput.create(str(path))
    contiguous = np.ascontiguousarray(values)
    if image is None or not image.open(str(path), spec) or not image.write_image(contiguous):
        raise EvaluationPlateFailed("An evaluation plate could not be written.", path=path)
    if not image.close():
        raise EvaluationPlateFailed("An evaluation plate could not be finished.", path=path)


def _ignore(_report: Report) -> None:
    """Take a job's reports: an evaluation has nobody to show them to."""
