"""No farm at all: the tasks of all shots on the GPUs, or on some CPU workers, of this machine.

Each task is a process of its own on one device, the command that a farm would run, so that its result is the
farm's to the last bit whatever else runs beside it.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import SimpleQueue

from svfr_farm.engines.commands import Wanted, task_command
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step
from svfr_restore.visible_gpus import visible_gpus

_END_S = 20.0
# The exit status of a task that was cancelled (svfr_cli.exit_codes.ExitCode.CANCELLED; a test compares them).
CANCELLED_STATUS = 5
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

    def ready(self) -> _Task | None:
        """Return a task that may start now."""
        while self.stages and not self.stages[0] and not self.running:
            self.stages.pop(0)
        return self.stages[0].pop(0) if self.stages and self.stages[0] else None


class LocalEngine:
    """Runs plans on this machine's devices. ``workers``: that many tasks at once where there is no GPU.

    A failed task is run ``retries`` times more; a shot whose task fails for good goes no further, the other
    shots do.
    """

    def __init__(self, program: Sequence[str], workers: int = 1, retries: int = 1) -> None:
        self._program, self._retries = tuple(program), retries
        gpus = visible_gpus()
        self._slots: SimpleQueue[str | None] = SimpleQueue()
        for slot in gpus or (None,) * workers:
            self._slots.put(slot)
        self._count = len(gpus) or workers
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False

    def run(self, plans: Sequence[tuple[PlanFile, Wanted]], notify: Notify = lambda text: None) -> list[str]:
        """Run all tasks; return what failed, one sentence each. Ends its children when interrupted."""
        queues = [_ShotQueue(file, wanted) for file, wanted in plans]
        failed: list[str] = []
        with ThreadPoolExecutor(self._count) as pool:
            running: dict[Future[int], tuple[_ShotQueue, _Task]] = {}
            try:
                while True:
                    self._start(queues, running, pool)
                    if not running:
                        return failed
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        queue, task = running.pop(future)
                        queue.running.discard(task)
                        name = f"{task.file.plan.shot} {task.step} {task.index}"
                        notify(f"{name}: {_WORDS.get(future.result(), 'failed')}")
                        if future.result() == CANCELLED_STATUS:
                            queue.stages.clear()
                            failed.append(f"{name} was cancelled.")
                        elif future.result() != 0:
                            queue.stages.clear()
                            failed.append(f"{name} ended with status {future.result()}.")
            except BaseException:
                self._end_children()
                raise

    def _start(
        self,
        queues: Sequence[_ShotQueue],
        running: dict[Future[int], tuple[_ShotQueue, _Task]],
        pool: ThreadPoolExecutor,
    ) -> None:
        for queue in queues:
            while len(running) < self._count and (task := queue.ready()) is not None:
                queue.running.add(task)
                running[pool.submit(self._run, task)] = (queue, task)

    def _run(self, task: _Task) -> int:
        slot = self._slots.get()
        try:
            for _ in range(1 + self._retries):
                status = self._run_once(task, slot)
                if status in (0, CANCELLED_STATUS) or self._stopped:
                    break
            return status
        finally:
            self._slots.put(slot)

    def _run_once(self, task: _Task, slot: str | None) -> int:
        command = task_command(self._program, task.file, task.step)
        command += ["--index", str(task.index)] if task.step == "segment" else []
        environment = dict(os.environ) if slot is None else dict(os.environ, CUDA_VISIBLE_DEVICES=slot)
        log = task.file.folder / "logs" / f"{task.step}-{task.index:04d}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output, self._lock:
            if self._stopped:
                return 1
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
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
