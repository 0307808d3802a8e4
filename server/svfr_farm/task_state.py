"""One small file for each task: what it is doing, how it ended, and what that took. The farm's own truth.

An engine knows whether a process ran; only the task knows what it wrote. Each attempt writes its own state,
whole or not at all, so that a task that was started twice leaves a sound file in any case.
"""

from __future__ import annotations

import contextlib
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
from svfr_client.errors import FileCannotBeWritten, SvfrError
from svfr_client.files import is_file, is_folder, make_folder, write_whole
from svfr_client.reasons import printable
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.errors import LedgerIsBad
from svfr_farm.plan import PlanFile
from svfr_restore.reports import Report

Step = Literal["reference", "segment", "assemble"]
StateName = Literal["queued", "running", "done", "failed", "cancelled"]
MOST_BYTES = 16 * 1024 * 1024
HEARTBEAT_S = 5.0
# A running task that has not written its state for so long is taken for lost.
SILENT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class TaskState(Record):
    """``began`` and ``last_report`` are Unix seconds. "queued": it is handed over again, and has not begun.

    ``seconds`` are those of each stage, over all attempts.
    """

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

    @property
    def error_line(self) -> str:
        """The task's error in one line, with the frame, file and remedy that it names; "" for none."""
        if self.error is None:
            return ""
        places = [f"frame {self.error['frame']}"] if self.error.get("frame") is not None else []
        places += [str(self.error["path"])] if self.error.get("path") else []
        text = str(self.error.get("message"))
        text += f" ({', '.join(places)})" if places else ""
        return f"{text} {self.error.get('remedy') or ''}".rstrip()

    @property
    def error_code(self) -> str:
        """The code of the task's error, as `svfr explain` takes it; "" for none."""
        return "" if self.error is None else str(self.error.get("code") or "")


def with_code(code: str, text: str) -> str:
    """Return the text of an error with its code in front, as it is shown to people."""
    return f"[{code}] {text}" if code else text


def state_path(file: PlanFile, step: Step, index: int) -> Path:
    """Return the file of a task's state."""
    return file.folder / "tasks" / f"{step}-{index:04d}.json"


def read_state(file: PlanFile, step: Step, index: int) -> TaskState | None:
    """Return the state that a task last wrote; None before its first attempt, and of a damaged file."""
    try:
        path = state_path(file, step, index)
        state = from_plain(TaskState, _printable(read_json_file(path, MOST_BYTES)), "task")
        if state.last_report > time.time():  # that node's clock is ahead: the disk's is one for all
            state = replace(state, last_report=path.stat().st_mtime)
    except (OSError, ValueError, SvfrError):
        return None
    is_its = (state.step, state.index) == (step, index) and state.attempt >= 1
    return state if is_its else None


def _printable(value: Any) -> Any:
    """Return JSON whose texts no terminal obeys: anybody may have written the file."""
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, str):
        return printable(value)
    return value


def require_state_files(file: PlanFile) -> None:
    """Raise LedgerIsBad where something that is no file is in the place of a task's state.

    No task could write its state there. A damaged file is none of these: the next attempt replaces it.
    """
    folder = file.folder / "tasks"
    tasks: list[tuple[Step, int]] = [("reference", 0), ("assemble", 0)]
    tasks += [("segment", index) for index in range(len(file.plan.segments))]
    places = [state_path(file, step, index) for step, index in tasks]
    bad = [path for path in places if os.path.lexists(path) and not is_file(path)]
    if os.path.lexists(folder) and not is_folder(folder):
        bad = [folder]
    for path in bad[:1]:
        text = "Something else is in the place where the tasks of the shot keep how they stand."
        remedy = "Move it away, then submit the list with --only-failed: what is done is found."
        raise LedgerIsBad(text, path=path, remedy=remedy)


def note_queued(file: PlanFile, step: Step, index: int) -> None:
    """Take note that a task which was run before is handed over again; its attempts go on counting."""
    before = read_state(file, step, index)
    if before is not None:
        _write_state(state_path(file, step, index), replace(before, state="queued", error=None))


def _write_state(path: Path, state: TaskState) -> None:
    text = json.dumps(to_plain(state), indent=1) + "\n"
    write_whole(path, text, durable=False)  # it is written again within seconds


class TaskRecorder:
    """Keeps a task's state file up to date while it runs; use it as the task's reporter.

    ``attempt`` and ``seconds`` count on from the file of the attempt before. An attempt that ended well
    leaves its warnings too: the next one finds its work done and has no cause to say them again. A thread
    writes the file every :data:`HEARTBEAT_S` seconds, however long the task is silent, until :meth:`end`.
    """

    def __init__(self, file: PlanFile, step: Step, index: int, device: str) -> None:
        self._path = state_path(file, step, index)
        make_folder(self._path.parent)
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
        is_of_plan = before is not None and before.plan_sha256 == file.sha256
        self._seconds = dict(before.seconds) if before is not None and is_of_plan else {}
        self._warnings: dict[str, None] = {}
        if before is not None and is_of_plan and before.state in ("done", "queued"):
            self._warnings = dict.fromkeys(before.warnings)
        self._lock, self._last = threading.Lock(), time.monotonic()
        self._ended = threading.Event()
        self._write()
        threading.Thread(target=self._beat, daemon=True).start()

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
                self._warnings[report.message + place] = None
            if report.kind != "progress" or report.stage is None:
                return
            now = time.monotonic()
            self._seconds[report.stage] = self._seconds.get(report.stage, 0.0) + now - self._last
            self._last = now
            self._state = replace(self._state, stage=report.stage, done=report.done, total=report.total)

    def end(self, state: StateName, problem: SvfrError | None = None) -> None:
        """Write how the task ended. Raises FileCannotBeWritten, unless a problem is to be raised anyway."""
        with self._lock:
            self._ended.set()
            error = None if problem is None else problem.to_dict()
            self._state = replace(self._state, state=state, error=error)
            try:
                self._write()
            except FileCannotBeWritten:
                if problem is None:
                    raise

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            with self._lock, contextlib.suppress(FileCannotBeWritten):  # the next one may be
                if not self._ended.is_set():
                    self._write()

    def _write(self) -> None:
        seconds = {stage: round(value, 3) for stage, value in self._seconds.items()}
        self._state = replace(
            self._state,
            last_report=time.time(),
            seconds=seconds,
            warnings=tuple(self._warnings),
        )
        _write_state(self._path, self._state)


def this_host() -> str:
    """Return the name of this machine, as the engine calls it where it says so."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()
