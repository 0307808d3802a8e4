"""Pipelines for the stress benchmark's workers: the real job, its evaluations counted, and a quick one."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr_client.connection import service_folder
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_restore.reports import JobResult, Report, WrittenOutput

EVALUATIONS = "evaluations"
# Of these stages each report takes a moment longer, as on a slow disk, so that kills land in them too.
_SHORT_STAGES = ("survey", "crop", "encode", "decode", "write")
_SHORT_STAGE_SECONDS = 0.08


def counted_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Run a job; a line of a file in the service's folder tells of every evaluation, by process and input."""
    from svfr_restore.job import run_job

    _count_evaluations()

    def slowly(one: Any) -> None:
        report(one)
        if one.kind == "progress" and one.stage in _SHORT_STAGES:
            time.sleep(_SHORT_STAGE_SECONDS)

    return run_job(spec, models, slowly, cancelled, store)


def _count_evaluations() -> None:
    from svfr.nets.unet import FastUNet

    if hasattr(FastUNet, "uncounted"):
        return
    uncounted = FastUNet.__call__

    def counted(self: Any, sample: Any, *given: Any, **named: Any) -> Any:
        digest = hashlib.sha256(sample.detach().cpu().numpy().tobytes()).hexdigest()
        handle = os.open(service_folder() / EVALUATIONS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{os.getpid()} {digest}\n".encode("ascii"))
        os.close(handle)
        return uncounted(self, sample, *given, **named)

    FastUNet.uncounted = uncounted  # type: ignore[attr-defined]
    FastUNet.__call__ = counted  # type: ignore[method-assign]


def quick_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Write a small file for every frame, without a network: for the queue and for strange messages."""
    frames = FrameRange.parse(spec.frames).frames
    written = []
    for number, frame in enumerate(frames, start=1):
        path = Path(spec.output % frame) if "%" in spec.output else Path(spec.output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(spec.content_key().encode("ascii"))
        written.append(WrittenOutput(frame, path, path.stat().st_size))
        report(Report("frame", frame=frame, path=str(path)))
        report(Report("progress", stage="write", done=number, total=len(frames)))
    return JobResult(tuple(written), ())
