"""A pipeline without torch, for tests that start and kill servers: each frame is the plate's own file.

It stands in for the computation only; process, sockets, store, files and events are the real ones.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_restore.reports import JobResult, Report, WrittenOutput


def run_job(
    spec: JobSpec, models: Any, report: Callable[[Report], None], cancelled: Callable[[], bool], store: Any
) -> JobResult:
    frames = FrameRange.parse(spec.frames).frames
    written: list[WrittenOutput] = []
    for number, frame in enumerate(frames, start=1):
        output = Path(spec.output % frame)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(spec.plate % frame, output)
        written.append(WrittenOutput(frame, output, output.stat().st_size))
        report(Report("frame", frame=frame, path=str(output)))
        report(Report("progress", "write", number, len(frames), frame=frame))
    return JobResult(tuple(written), (0,))
