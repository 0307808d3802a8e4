"""Pipelines that a real worker runs in tests: the job's model name says which.

Each has the signature of ``svfr_restore.job.run_job``. They stand in for the computation only; process,
sockets, store and events are the real ones.
"""

import errno
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_restore.reports import JobResult, Report, WrittenOutput


class Stopped(SvfrError):
    code = "CANCELLED"


class Run(NamedTuple):
    """What a pipeline is given."""

    spec: JobSpec
    models: Any
    report: Callable[[Report], None]
    cancelled: Callable[[], bool]
    store: Any

    def write(self, frame: int) -> None:
        self.report(Report("frame", frame=frame, path=self.spec.output % frame))

    @property
    def frames(self) -> tuple[int, ...]:
        return FrameRange.parse(self.spec.frames).frames


def done(run: Run, tracks: tuple[int, ...] = (), **counts: int) -> JobResult:
    """The result of a job that wrote every frame."""
    outputs = [WrittenOutput(frame, Path(run.spec.output % frame), 0) for frame in run.frames]
    return JobResult(tuple(outputs), tracks, Counter(counts))


def quick(run: Run) -> JobResult:
    for number, frame in enumerate(run.frames, start=1):
        run.report(Report("progress", "denoise", number, len(run.frames), track=0))
        run.write(frame)
    return done(run, (0,), unet_calls=3)


def until_cancelled(run: Run) -> JobResult:
    for number in range(3000):
        run.report(Report("progress", "denoise", number, 3000))
        time.sleep(0.02)
        if run.cancelled():
            raise Stopped("The job was cancelled.")
    return JobResult((), ())


def non_reader(run: Run) -> JobResult:
    run.write(run.frames[0])
    time.sleep(60)
    return JobResult((), ())


def dies_once(run: Run) -> JobResult:
    if run.store.journal.load_note("first") is None:
        run.store.journal.save_note("first", "attempt")
        for frame in run.frames[:2]:
            run.write(frame)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(run)


def dies_always(run: Run) -> JobResult:
    signal.raise_signal(signal.SIGSEGV)  # in this thread, as a fault is
    return JobResult((), ())


def finds_problems(run: Run) -> JobResult:
    missing = [SvfrError(f"Frame {n} is missing.", frame=n, path="/p", remedy="Render it.") for n in (3, 4)]
    raise SeveralProblems(missing)


def breaks(run: Run) -> JobResult:
    raise ZeroDivisionError("division by zero")


def out_of_memory(run: Run) -> JobResult:
    raise MemoryError("needs 80 GiB")


def fits_when_networks_take_turns(run: Run) -> JobResult:
    run.report(Report("warning", message=str(os.getpid())))
    if not run.models.low_memory:
        raise MemoryError("needs 80 GiB")
    return quick(run)


def fits_in_a_fresh_process(run: Run) -> JobResult:
    run.report(Report("warning", message=str(os.getpid())))
    if "expandable" not in os.environ.get("PYTORCH_CUDA_ALLOC_CONF", ""):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
    return quick(run)


def loses_the_device_once(run: Run) -> JobResult:
    if run.store.journal.load_note("first") is None:
        run.store.journal.save_note("first", "attempt")
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    return quick(run)


def falls_silent_once(run: Run) -> JobResult:
    """Four quick windows, then nothing: a deadlock."""
    for number in range(1, 5):
        run.report(Report("progress", "denoise", number, 99))
        time.sleep(0.15)
    if run.store.journal.load_note("first") is None:
        run.store.journal.save_note("first", "attempt")
        time.sleep(60)
    return quick(run)


def disturbance_of(spec: JobSpec) -> Path:
    """The file that a test makes once it has done what it does to a job in its middle."""
    return Path(spec.output).parents[1] / "disturbed"


def be_disturbed(run: Run, stage: str, number: int) -> None:
    """Go on from the third frame only when the test has done to the job what it wants."""
    while number == 3 and not disturbance_of(run.spec).exists():
        run.report(Report("progress", stage, number, len(run.frames)))
        time.sleep(0.05)


def opens_its_plate(run: Run) -> JobResult:
    """Read every frame; somebody changes one meanwhile."""
    for number, frame in enumerate(run.frames, start=1):
        run.report(Report("progress", "crop", number, len(run.frames)))
        be_disturbed(run, "crop", number)
        Path(run.spec.plate % frame).read_bytes()
    return done(run)


def opens_its_plate_unseen(run: Run) -> JobResult:
    """Read every frame with a program that Python does not see: as a library in C would."""
    for number, frame in enumerate(run.frames, start=1):
        run.report(Report("progress", "crop", number, len(run.frames)))
        be_disturbed(run, "crop", number)
        subprocess.run(["cat", run.spec.plate % frame], stdout=subprocess.DEVNULL, check=True)
    return done(run)


def writes_its_output(run: Run) -> JobResult:
    """Write every frame as a job does: under another name, then renamed."""
    for number, frame in enumerate(run.frames, start=1):
        run.report(Report("progress", "write", number, len(run.frames)))
        be_disturbed(run, "write", number)
        path = Path(run.spec.output % frame)
        scratch = path.with_name(f".{path.stem}.0.tmp.exr")
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(b"picture")
        scratch.replace(path)
        run.write(frame)
    return done(run)


def writes_pictures_until_cancelled(run: Run) -> JobResult:
    """Write the plate's own files as the first two frames, then go on slowly."""
    for frame in run.frames[:2]:
        path = Path(run.spec.output % frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path(run.spec.plate % frame).read_bytes())
        run.write(frame)
    for number in range(1, 3000):
        run.report(Report("progress", "denoise", number, 3000, overall=number / 3000))
        time.sleep(0.05)
        if run.cancelled():
            raise Stopped("The job was cancelled.")
    return done(run)


def loses_its_share(run: Run) -> JobResult:
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/p/a.1001.exr")


def fills_the_disk(run: Run) -> JobResult:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/p/out/a.1001.exr")


def complains_a_thousand_times(run: Run) -> JobResult:
    raise SeveralProblems([SvfrError("x" * 5000, frame=n) for n in range(1000)])


def tells_its_surroundings(run: Run) -> JobResult:
    shown = {"OCIO": os.environ.get("OCIO"), "pid": os.getpid()}
    run.report(Report("warning", message=repr(shown), frame=1, path="/p/a.0001.exr"))
    return JobResult((), ())


def compiles_afterwards(run: Run) -> JobResult:
    """Leave the worker with networks that are being compiled."""
    type(run.models).is_compiling = property(lambda _: True)
    return tells_its_surroundings(run)


def run_job(
    spec: JobSpec,
    models: Any,
    report: Callable[[Report], None],
    cancelled: Callable[[], bool],
    store: Any,
) -> JobResult:
    """Run the pipeline named by the job's model."""
    result: JobResult = globals()[spec.model](
        Run(spec=spec, models=models, report=report, cancelled=cancelled, store=store)
    )
    return result
