"""No farm at all: the tasks of all shots on the GPUs, or on some CPU workers, of this machine.

Each task is a process of its own, the command that a farm would run, so that its result is the farm's to the
last bit whatever else runs beside it. It has as many GPUs as its plan says; where fewer segments than GPUs
wait, they share all of them out: a segment spreads the windows of a step, and its bits stay the same.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.files import make_folder, open_to_append
from svfr_client.reasons import reason_of
from svfr_farm.cancel_mark import mark_cancelled
from svfr_farm.engines.commands import Wanted, indexed_command
from svfr_farm.errors import EngineIsMissing
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step, read_state, with_code
from svfr_restore.visible_gpus import VARIABLE, visible_gpus

_END_S = 20.0
# The exit status of a task that was cancelled (svfr_cli.exit_codes.ExitCode.CANCELLED; a test compares them).
CANCELLED_STATUS = 5
# What was given to a task was wrong: its input, its model, its command. It is wrong the second time too.
_IN_VAIN = (2, 3, 6)
_WORDS = {0: "done", CANCELLED_STATUS: "cancelled"}
Notify = Callable[[str], None]


@dataclass(frozen=True, eq=False)  # told apart by identity: a plan holds a dict and has no hash
class _Task:
    file: PlanFile
    step: Step
    index: int


@dataclass
class _ShotQueue:
    """What is left of one shot; ``running`` are its tasks that were started."""

    file: PlanFile
    wanted: Wanted
    running: set[_Task] = field(default_factory=set)
    stages: list[list[_Task]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.wanted.reference:
            self.stages.append([_Task(self.file, "reference", 0)])
        if self.wanted.segments:
            self.stages.append([_Task(self.file, "segment", i) for i in self.wanted.segments])
        if self.wanted.assemble:
            self.stages.append([_Task(self.file, "assemble", 0)])

    def ready(self) -> list[_Task]:
        """Return the tasks that may start now."""
        while self.stages and not self.stages[0] and not self.running:
            self.stages.pop(0)
        return list(self.stages[0]) if self.stages else []

    def start(self, task: _Task) -> None:
        """Take note that a task which was ready has started."""
        self.stages[0].remove(task)
        self.running.add(task)


def _mark_cancelled(queues: Sequence[_ShotQueue]) -> None:
    """Mark the shots that are not through: a task that is ended as it begins leaves no word of its own."""
    for queue in queues:
        if queue.running or any(queue.stages):
            with contextlib.suppress(SvfrError):  # it is interrupted all the same
                mark_cancelled(queue.file)


def _reason(task: _Task, status: int) -> str:
    """Return why a task failed: its own word, or where its log is when it could not say one."""
    state = read_state(task.file, task.step, task.index)
    if state is not None and state.state == "failed" and state.error_line:
        return with_code(state.error_code, state.error_line)
    return f"it ended with status {status}; see {_log(task)}."


def _log(task: _Task) -> Path:
    return task.file.folder / "logs" / f"{task.step}-{task.index:04d}.log"


class LocalEngine:
    """Runs plans on this machine's devices. ``workers``: that many tasks at once where there is no GPU.

    A failed task is run ``retries`` times more; a shot whose task fails for good goes no further, the other
    shots do.
    """

    def __init__(self, program: Sequence[str], workers: int = 1, retries: int = 1) -> None:
        self._program, self._retries = tuple(program), retries
        self._gpus = visible_gpus()
        self._count = len(self._gpus) or workers
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False

    def run(self, plans: Sequence[tuple[PlanFile, Wanted]], notify: Notify = lambda text: None) -> list[str]:
        """Run all tasks; return what failed, one sentence each. Ends its children when interrupted."""
        queues = [_ShotQueue(file, wanted) for file, wanted in plans]
        failed: list[str] = []
        free = list(self._gpus or map(str, range(self._count)))
        with ThreadPoolExecutor(self._count) as pool:
            running: dict[Future[int], tuple[_ShotQueue, _Task, list[str]]] = {}
            try:
                while True:
                    for queue, task, places in self._shares(queues, free):
                        queue.start(task)
                        running[pool.submit(self._run, task, places)] = (queue, task, places)
                    if not running:
                        return failed
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        queue, task, places = running.pop(future)
                        queue.running.discard(task)
                        free += places
                        name = f"{task.file.plan.shot} {task.step} {task.index}"
                        notify(f"{name}: {_WORDS.get(future.result(), 'failed')}")
                        if future.result() == CANCELLED_STATUS:
                            queue.stages.clear()
                            failed.append(f"{name} was cancelled.")
                        elif future.result() != 0:
                            queue.stages.clear()
                            failed.append(f"{name} failed: {_reason(task, future.result())}")
            except BaseException as problem:
                if isinstance(problem, KeyboardInterrupt):
                    _mark_cancelled(queues)
                self._end_children()
                raise

    def _shares(
        self, queues: Sequence[_ShotQueue], free: list[str]
    ) -> list[tuple[_ShotQueue, _Task, list[str]]]:
        """Take places of those ``free`` for the tasks that start now, in order."""
        chosen: list[tuple[_ShotQueue, _Task, list[str]]] = []
        for queue in queues:
            for task in queue.ready():
                needed = min(max(1, task.file.plan.gpus), self._count) if self._gpus else 1
                if len(free) < needed:
                    return chosen
                chosen.append((queue, task, [free.pop(0) for _ in range(needed)]))
        # Nothing else waits: what is left over goes to segments, which alone have use for it.
        spreading = [places for _, task, places in chosen if task.step == "segment"] if self._gpus else []
        while spreading and free:
            min(spreading, key=len).append(free.pop(0))
        return chosen

    def _run(self, task: _Task, places: Sequence[str]) -> int:
        for _ in range(1 + self._retries):
            status = self._run_once(task, places)
            if status in (0, CANCELLED_STATUS, *_IN_VAIN) or self._stopped:
                break
        return status

    def _run_once(self, task: _Task, places: Sequence[str]) -> int:
        command = indexed_command(self._program, task.file, task.step, task.index)
        environment = dict(os.environ, **({VARIABLE: ",".join(places)} if self._gpus else {}))
        log = _log(task)
        make_folder(log.parent)
        with open_to_append(log) as output, self._lock:
            if self._stopped:
                return 1
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
                )
            except OSError as problem:
                text = f"The command of the tasks cannot be run: {reason_of(problem)}."
                raise EngineIsMissing(text, path=command[0], remedy="Change --program.") from problem
            self._processes.add(process)
        status = process.wait()
        self._processes.discard(process)
        return status

    def _end_children(self) -> None:
        with self._lock:
            self._stopped = True
            children = tuple(self._processes)
        for process in children:
            process.terminate()
        for process in children:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
