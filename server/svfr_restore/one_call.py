"""A plate restored by one call, in this process: what :func:`svfr_restore.restore` is."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from svfr.devices import require_device
from svfr_client.arguments import checked, unknown_name
from svfr_client.errors import raise_problems
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_client.job_checks import job_problems
from svfr_restore.job import run_job
from svfr_restore.plan.frames import all_frames
from svfr_restore.plan.models import ModelCache, devices_here
from svfr_restore.reports import CancelCheck, JobResult, Reporter, ignore_report, never

_OWN = ("plate", "frames", "tasks", "output", "mask_path", "mask_splines", "faces", "colour", "model")
_MORE = tuple(field.name for field in fields(JobSpec) if field.name not in _OWN)


@checked
def restore(
    plate: str | Path,
    output: str | Path,
    *,
    tasks: Iterable[str],
    frames: str | None = None,
    space: str | None = None,
    mask: str | Path | None = None,
    faces: FaceChoice | None = None,
    model: str = JobSpec.model,
    device: str | ModelCache | None = None,
    progress: Reporter | None = None,
    cancelled: CancelCheck | None = None,
    **more: Any,
) -> JobResult:
    """Restore the faces of a plate and write EXR frames in the plate's own colour space.

        import svfr_restore

        result = svfr_restore.restore("shot.%04d.exr", "out/shot.%04d.exr", tasks=["bfr"], space="acescg")
        print(result.outputs[0].path)

    ``plate``: a still, a movie, or a sequence with ``%04d`` or ``####``; ``output``: a pattern of the same
    kind. ``tasks``: any of "bfr", "colorize", "inpaint". ``frames``: like ``"1001-1050"``; None: all.
    ``space``: the plate's colour space; None: what the file states. ``mask``: a still or a sequence, white
    where the plate may change (for inpaint: what is painted anew). ``faces``: the largest of each shot unless
    said. ``device``: "cpu", "cuda", "cuda:1"; None: a GPU where there is one; a
    :class:`~svfr_restore.ModelCache` keeps the model for the next call. ``progress`` hears every
    :class:`~svfr_restore.Report`, ``cancelled`` is asked between windows and frames. ``more`` are further
    fields of :class:`svfr_client.job.JobSpec`, such as ``seed``, ``preset``, ``detail`` or ``existing``.

    Raises BadArgument, DeviceUnavailable, and one :class:`svfr_client.errors.SvfrError` that names
    everything wrong before the model runs
    (:class:`svfr_client.errors.SeveralProblems` where it is several things), and JobWasCancelled. Nothing
    half-written is ever left.
    """
    arguments = {*_MORE, *inspect.signature(restore).parameters} - {"more"}
    raise_problems([unknown_name(name, arguments, "restore") for name in more if name not in _MORE])
    if isinstance(device, str):
        require_device(device)
    named = str(Path(plate).expanduser().absolute())
    spec = JobSpec(
        plate=named,
        frames=frames or all_frames(named),
        tasks=tuple(tasks),  # type: ignore[arg-type]  # job_problems names what is no task
        output=str(Path(output).expanduser().absolute()),
        mask_path=None if mask is None else str(Path(mask).expanduser().absolute()),
        faces=faces or FaceChoice(),
        colour=ColourClaim(space=space),
        model=model,
        **more,
    )
    raise_problems(job_problems(spec))
    models = device if isinstance(device, ModelCache) else ModelCache(device or devices_here()[0])
    return run_job(spec, models, progress or ignore_report, cancelled or never)
