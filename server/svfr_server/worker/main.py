"""The process that computes: ``python -m svfr_server.worker.main``, started by the supervisor only.

It reads one line of JSON from its standard input (where to connect, with which keys, on which device),
says that it is ready and then runs one job after the other, each on a thread of its own. Once nothing is left
of a job but its last pictures the supervisor may send the next one, which begins beside it
(``svfr_restore.job_line``), unless it is about files that the job before writes. The input stays open as a
lifeline: when it ends, the supervisor is gone and the worker ends too. torch and the pipeline are loaded with
the first job, so that the supervisor knows of the worker at once.
"""

import importlib
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from svfr.validation import read_json
from svfr_client.connection import KeyPair
from svfr_client.errors import JobWasCancelled, SeveralProblems, SvfrError, raise_problems
from svfr_client.job import JobSpec
from svfr_client.protocol.wire import Message, pack, unpack
from svfr_client.reasons import in_one_line
from svfr_client.records import from_plain, to_plain
from svfr_server.errors import InternalFailure, OutOfDeviceMemory
from svfr_server.job_store.cache import CacheKeeper
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.job_store.disk_errors import disk_is_full, storage_error
from svfr_server.job_store.folders import checkpoint_folder, journal_folder, references_folder
from svfr_server.logs import log_job, log_to_folder, log_to_stderr
from svfr_server.roots import PathRoots
from svfr_server.worker import file_guard, landlock
from svfr_server.worker.lazy_models import LazyModels
from svfr_server.worker.lifeline import watch_lifeline
from svfr_server.worker.link import JobReporter, WorkerLink
from svfr_server.worker.meeting_jobs import may_meet
from svfr_server.worker.out_of_memory import describe_memory, free_unused, is_device_lost, is_out_of_memory
from svfr_server.worker.references import ReferenceKeeper
from svfr_server.worker.resume import Resumption
from svfr_server.worker.scratch import make_scratch_folder
from svfr_server.worker.sources import Sources

CANCELLED = "CANCELLED"
ASK_SECONDS = 0.1
DEVICE_LOST = 4
BROKEN = 5
MOST_PROBLEMS = 100
MOST_TEXT = 2000
_log = logging.getLogger(__name__)


class _OutOfMemory(Exception):
    """The job ran out of memory; what it held is not referred to any more."""


@dataclass(frozen=True)
class _Work:
    """One job as it came: its id, what to do, and the job whose references it takes."""

    job: str
    spec: JobSpec
    redo_of: str | None


class _Running:
    """A job on its thread, and those that it may begin beside; ``spec`` is known once it is read."""

    thread: threading.Thread

    def __init__(self, before: "tuple[_Running, ...]") -> None:
        self._before = before
        self.spec: JobSpec | None = None

    def wait_for_what_is_read(self, is_cancelled: Callable[[], bool]) -> None:
        """Wait for jobs whose output this one may read, or write beside. Raises JobWasCancelled."""
        assert self.spec is not None
        for one in self._before:
            if one.spec is None or may_meet(one.spec, self.spec):
                while one.thread.is_alive():
                    one.thread.join(ASK_SECONDS)
                    if is_cancelled():
                        raise JobWasCancelled("The job was cancelled.")
        self._before = ()


class Worker:
    """Runs jobs for one supervisor until it is told to stop."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._home = Path(start["home"])
        self._roots = PathRoots.of_start(start)
        self._pipeline = str(start["pipeline"])
        self._began_low_memory = bool(start["low_memory"])
        keys = from_plain(KeyPair, start["keys"], "keys")
        self._link = WorkerLink(str(start["endpoint"]), str(start["server_key"]), keys)
        self._models = LazyModels(str(start["device"]), self._began_low_memory)
        self._running: list[_Running] = []
        self._is_worn_out = False

    def serve(self) -> None:
        """Take jobs until "stop", or until the process should be replaced and its jobs have ended."""
        self._link.send(Message("ready", {"pid": os.getpid()}))
        while True:
            self._running = [one for one in self._running if one.thread.is_alive()]
            if self._running:
                message = self._link.order_beside()
            elif self._is_worn_out:
                break
            else:
                message = self._link.next_order(lambda: self._models.is_compiling)
            if message is not None and message.op == "stop":
                break
            if message is not None and message.op == "run":
                self._begin(message)
        for one in self._running:
            one.thread.join()
        self._link.close()

    def _begin(self, message: Message) -> None:
        running = _Running(tuple(self._running))
        running.thread = threading.Thread(
            target=self._run, args=(message, running), name="svfr-job", daemon=True
        )
        self._running.append(running)
        running.thread.start()

    def _run(self, message: Message, running: "_Running") -> None:
        """Run one job and report its end; the process ends with whatever is no failure of a job."""
        job = str(message.body["job"])
        log_job(job)
        try:
            self._run_named(job, message, running)
        except BaseException:
            _log.exception("the process ends")
            os._exit(BROKEN)
        finally:
            log_job(None)

    def _run_named(self, job: str, message: Message, running: "_Running") -> None:
        answer = self._outcome(job, message, running)
        try:
            unpack(pack(answer))
        except SvfrError as problem:
            _log.exception("the job's result cannot be sent")
            text = f"The job's result does not follow the protocol: {problem.message}"
            answer = _failed(job, InternalFailure(text[:MOST_TEXT], remedy="See the worker's log."))
        if answer.op == "low_memory" or answer.body.get("is_last", False):
            self._is_worn_out = True
        self._link.send(answer)

    def _outcome(self, job: str, message: Message, running: "_Running") -> Message:
        try:
            running.spec = spec = JobSpec.from_json(read_json(message.buffers["spec"].data))
        except SvfrError as problem:
            return Message("unreadable", {"job": job, "reason": problem.message[:MOST_TEXT]})
        try:
            raise_problems(self._roots.problems(spec))
            running.wait_for_what_is_read(partial(self._link.is_cancelled, job))
            return self._retry_with_less_memory(_Work(job, spec, message.body.get("redo_of")))
        except SvfrError as problem:
            if problem.code == CANCELLED:
                return Message("cancelled", {"job": job})
            return _failed(job, disk_is_full(problem) or problem)
        except OSError as problem:
            _log.exception("the job failed")
            return _failed(job, storage_error(problem))
        except Exception as problem:
            _log.exception("the job failed")
            text = f"The job failed through an error of the program ({type(problem).__name__})."
            return _failed(job, InternalFailure(text, remedy="See the server's log."))

    def _retry_with_less_memory(self, work: _Work) -> Message:
        """Run the job; when memory gives out, again with less in use (``out_of_memory.py``)."""
        try:
            return self._done(work)
        except _OutOfMemory:
            free_unused()
        if not self._models.low_memory:
            _log.warning("memory gave out; the networks take turns from now on: %s", describe_memory())
            self._models.use_less_memory()
            free_unused()
            try:
                return self._done(work)
            except _OutOfMemory:
                free_unused()
        if not self._began_low_memory:
            reason = f"memory gave out ({describe_memory()}); a fresh process with less in use goes on"
            return Message("low_memory", {"job": work.job, "reason": reason})
        text = f"Memory did not suffice, even with the least in use: {describe_memory()}."
        remedy = "Close other programs that use the device, or choose a smaller model."
        return _failed(work.job, OutOfDeviceMemory(text, remedy=remedy), is_last=True)

    def _done(self, work: _Work) -> Message:
        """Run the job to its end; raises _OutOfMemory without a reference to what was computed."""
        try:
            result = self._compute(work)
            return Message("done", {"job": work.job, "result": _summary(result)})
        except Exception as problem:
            if is_device_lost(problem) and not is_out_of_memory(problem):
                _log.exception("the device is lost, the process ends")
                os._exit(DEVICE_LOST)  # the supervisor gives the job to a fresh one, once
            if not is_out_of_memory(problem):
                raise
            _log.warning("out of memory: %s", problem)
        raise _OutOfMemory

    def _compute(self, work: _Work) -> Any:
        run_job = load_pipeline(self._pipeline)
        cache = CacheKeeper(self._home)
        cache.trim()
        store = DiskCheckpoints(
            checkpoint_folder(self._home), journal_folder(self._home, work.job), cache.saved
        )
        references = ReferenceKeeper(store, *map(self._references, (work.job, work.redo_of)))
        resumption = Resumption(work.spec, store.journal)
        roots = self._roots.of_job(work.spec)
        sources = Sources.of_job(work.spec, store.journal, roots)
        reporter = JobReporter(work.job, self._link, lambda: self._models.is_compiling)

        def report(one: Any) -> None:
            resumption.note(one)
            reporter.report(one)

        cancelled = partial(self._link.is_cancelled, work.job)
        spec = resumption.spec_to_run()
        with file_guard.FileGuard(
            spec=spec, roots=roots, sources=sources, appears=resumption.appears, home=self._home
        ):
            result = run_job(spec, self._models, report, cancelled, references)
        sources.check_all()
        return result

    def _references(self, job: str | None) -> DiskCheckpoints | None:
        return None if job is None else DiskCheckpoints(references_folder(self._home, job))


def load_pipeline(name: str) -> Callable[..., Any]:
    """Return the function that ``name`` ("module:function") stands for.

    Raises :class:`InternalFailure` if it is not there.
    """
    module, _, function = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as problem:
        raise InternalFailure(f"The pipeline {name} cannot be loaded: {in_one_line(problem)}.") from problem
    return found


def _summary(result: Any) -> dict[str, Any]:
    """Return what the last event says; the written frames were reported one by one."""
    summary: dict[str, Any] = to_plain(result)
    summary["frames_written"] = len(summary.pop("outputs"))
    return summary


def _failed(job: str, problem: SvfrError, is_last: bool = False) -> Message:
    """Return the last message about a job; a long list of problems is cut, since it is kept as an event."""
    if isinstance(problem, SeveralProblems):
        problem = SeveralProblems(problem.problems[:MOST_PROBLEMS])
    error = problem.to_dict()
    for one in (error, *error.get("problems", ())):
        one["message"] = one["message"][:MOST_TEXT]
    return Message("failed", {"job": job, "error": error, "is_last": is_last})


def main() -> None:
    """Run the worker that the supervisor described on the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the supervisor's to handle
    start = read_json(sys.stdin.buffer.readline())
    log_to_stderr()
    device = re.sub(r"[^A-Za-z0-9-]", "_", str(start["name"]))
    log_to_folder(Path(start["home"]) / "logs", f"worker-{device}.log")
    threading.Thread(target=watch_lifeline, daemon=True).start()
    if start["umask"] is not None:
        os.umask(int(start["umask"]))
    make_scratch_folder(Path(start["home"]), device)
    file_guard.install()
    if landlock.confine(PathRoots.of_start(start), Path(start["home"])):
        _log.info("the kernel holds this process inside the roots")
    Worker(start).serve()


if __name__ == "__main__":
    main()
