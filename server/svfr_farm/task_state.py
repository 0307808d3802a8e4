"""One small file for each task: what it is doing, how it ended, and what that took. The farm's own truth.

An engine knows whether a process ran; only the task knows what it wrote. Each attempt writes its own state,
whole or not at all, so that a task that was started twice leaves a sound file in any case.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.plan import PlanFile
from svfr_restore.reports import Report

Step = Literal["reference", "segment", "assemble"]
StateName = Literal["running", "done", "failed", "cancelled"]
HEARTBEAT_S = 5.0
# A running task that has not reported for so long is taken for lost.
SILENT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class TaskState(Record):
    """``began``, ``last_report`` and ``ended`` are Unix seconds; ``seconds`` are those of each stage."""

    plan_sha256: str
    step: Step
    index: int
    state: StateName
    attempt: int
    host: str
    device: str
    began: float
    last_report: float
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: Mapping[str, Any] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether it says that it runs and has been silent for long: its machine is gone, or was killed."""
        return self.state == "running" and time.time() - self.last_report > SILENT_S


def state_path(file: PlanFile, step: Step, index: int) -> Path:
    """Return the file of a task's state."""
    return file.folder / "tasks" / f"{step}-{index:04d}.json"


def read_state(file: PlanFile, step: Step, index: int) -> TaskState | None:
    """Return the state that a task last wrote, or None before its first attempt."""
    try:
        body = read_json_file(state_path(file, step, index))
        return from_plain(TaskState, body, "task")
    except (OSError, ValueError, SvfrError):
        return None


class TaskRecorder:
    """Keeps a task's state file up to date while it runs; use it as the task's reporter.

    ``attempt`` counts on from the file of the attempt before.
    """

    def __init__(self, file: PlanFile, step: Step, index: int, device: str) -> None:
        self._path = state_path(file, step, index)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        before = read_state(file, step, index)
        now = time.time()
        self._state = TaskState(
            plan_sha256=file.sha256,
            step=step,
            index=index,
            state="running",
            attempt=1 if before is None else before.attempt + 1,
            host=this_host(),
            device=device,
            began=now,
            last_report=now,
        )
        self._seconds: dict[str, float] = {}
        self._warnings: list[str] = []
        self._lock, self._last = threading.Lock(), time.monotonic()
        self._written = 0.0
        self._write()

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._state.attempt

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each stage so far."""
        return dict(self._seconds)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings so far."""
        return tuple(self._warnings)

    def report(self, report: Report) -> None:
        """Take note of a report of the job."""
        with self._lock:
            if report.kind == "warning":
                place = "" if report.frame is None else f" (frame {report.frame})"
                self._warnings.append(report.message + place)
            if report.kind != "progress" or report.stage is None:
                return
            now = time.monotonic()
            self._seconds[report.stage] = self._seconds.get(report.stage, 0.0) + now - self._last
            self._last = now
            self._state = replace(self._state, stage=report.stage, done=report.done, total=report.total)
            if now - self._written > HEARTBEAT_S:
                self._write()

    def end(self, state: StateName, problem: SvfrError | None = None) -> None:
        """Write how the task ended."""
        with self._lock:
            error = None if problem is None else problem.to_dict()
            self._state = replace(self._state, state=state, error=error)
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        seconds = {stage: round(value, 3) for stage, value in self._seconds.items()}
        self._state = replace(
            self._state, last_report=time.time(), seconds=seconds, warnings=tuple(self._warnings)
        )
        text = json.dumps(to_plain(self._state), indent=1) + "\n"
        write_whole(self._path, text, durable=False)  # it is written again within seconds


def this_host() -> str:
    """Return the name of this machine, as the engine calls it where it says so."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()
