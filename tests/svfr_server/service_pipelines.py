"""Pipelines that a real worker runs in tests: the job's model name says which.

Each has the signature of ``svfr_restore.job.run_job``. They stand in for the computation only; process,
sockets, store and events are the real ones.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.frames import FrameRange
from svfr_client.messages import JobSpec


@dataclass(frozen=True)
class Report:
    """As ``svfr_restore.reports.Report``, without loading torch."""

    kind: str
    stage: str | None = None
    done: int = 0
    total: int = 0
    track: int | None = None
    frame: int | None = None
    path: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Result:
    outputs: tuple[Any, ...] = ()
    tracks: tuple[int, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


class Stopped(SvfrError):
    code = "CANCELLED"


@dataclass(frozen=True)
class Run:
    """What a pipeline is given."""

    spec: JobSpec
    report: Callable[[Report], None]
    cancelled: Callable[[], bool]
    store: Any

    def write(self, frame: int) -> None:
        self.report(Report("frame", frame=frame, path=self.spec.output % frame))

    @property
    def frames(self) -> tuple[int, ...]:
        return FrameRange.parse(self.spec.frames).frames


def quick(run: Run) -> Result:
    for number, frame in enumerate(run.frames, start=1):
        run.report(Report("progress", "denoise", number, len(run.frames), track=0))
        run.write(frame)
    return Result(tuple(run.frames), (0,), {"unet_calls": 3})


def until_cancelled(run: Run) -> Result:
    for number in range(3000):
        run.report(Report("progress", "denoise", number, 3000))
        time.sleep(0.02)
        if run.cancelled():
            raise Stopped("The job was cancelled.")
    return Result()


def deaf(run: Run) -> Result:
    run.write(run.frames[0])
    time.sleep(60)
    return Result()


def dies_once(run: Run) -> Result:
    if run.store.journal.load_note("first") is None:
        run.store.journal.save_note("first", "attempt")
        for frame in run.frames[:2]:
            run.write(frame)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(run)


def dies_always(run: Run) -> Result:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Result()


def finds_problems(run: Run) -> Result:
    missing = [SvfrError(f"Frame {n} is missing.", frame=n, path="/p", remedy="Render it.") for n in (3, 4)]
    raise SeveralProblems(missing)


def breaks(run: Run) -> Result:
    raise ZeroDivisionError("division by zero")


def out_of_memory(run: Run) -> Result:
    raise MemoryError("needs 80 GiB")


def tells_its_surroundings(run: Run) -> Result:
    shown = {"OCIO": os.environ.get("OCIO"), "pid": os.getpid()}
    run.report(Report("warning", message=repr(shown), frame=1, path="/p/a.0001.exr"))
    return Result()


def run_job(
    spec: JobSpec,
    models: Any,
    report: Callable[[Report], None],
    cancelled: Callable[[], bool],
    store: Any,
) -> Result:
    """Run the pipeline named by the job's model."""
    result: Result = globals()[spec.model](Run(spec, report, cancelled, store))
    return result
