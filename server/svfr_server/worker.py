"""The process that computes: ``python -m svfr_server.worker``, started by the supervisor only.

It reads one line of JSON from its standard input (where to connect, with which keys, on which device),
says that it is ready and then runs one job at a time. The input stays open as a lifeline: when it ends,
the supervisor is gone and the worker ends too. torch and the pipeline are loaded with the first job, so
that the supervisor hears of the worker at once.
"""

import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr_client.bulk import join_bulk
from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.messages import JobSpec
from svfr_client.records import from_plain, to_plain
from svfr_client.wire import Message
from svfr_server.errors import InternalFailure, OutOfDeviceMemory
from svfr_server.job_store.checkpoints import CheckpointStore
from svfr_server.job_store.folders import checkpoint_folder, journal_folder
from svfr_server.late_models import LateModels
from svfr_server.logs import log_to_stderr
from svfr_server.resume import Resumption
from svfr_server.roots import PathRoots
from svfr_server.worker_link import JobReporter, WorkerLink

CANCELLED = "CANCELLED"
SUPERVISOR_GONE = 3
_log = logging.getLogger(__name__)


class Worker:
    """Runs jobs for one supervisor until it is told to stop."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._home = Path(start["home"])
        self._roots = PathRoots(
            tuple(Path(root) for root in start["read_roots"]),
            tuple(Path(root) for root in start["write_roots"]),
            (self._home,),
        )
        self._pipeline = str(start["pipeline"])
        keys = from_plain(KeyPair, start["keys"], "keys")
        self._link = WorkerLink(str(start["endpoint"]), str(start["server_key"]), keys)
        self._models = LateModels(str(start["device"]))

    def serve(self) -> None:
        """Take jobs until "stop"."""
        self._link.send(Message("ready", {"pid": os.getpid()}))
        while True:
            message = self._link.next_order()
            if message.op == "stop":
                break
            if message.op == "run" and not self._run(message):
                break
        self._link.close()

    def _run(self, message: Message) -> bool:
        """Run one job and report its end; False if the process should be replaced afterwards."""
        job = str(message.body["job"])
        answer = self._outcome(job, message)
        self._link.send(answer)
        return not answer.body.get("is_last", False)

    def _outcome(self, job: str, message: Message) -> Message:
        try:
            spec = JobSpec.from_json(join_bulk(message.body["spec"], message.buffers))
            raise_problems(self._roots.problems(spec))
            result = self._compute(job, spec)
            return Message("done", {"job": job, "result": _summary(result)})
        except SvfrError as problem:
            if problem.code == CANCELLED:
                return Message("cancelled", {"job": job})
            return _failed(job, problem)
        except Exception as problem:
            _log.exception("the job failed", extra={"job": job})
            if type(problem).__name__ in ("OutOfMemoryError", "MemoryError"):
                # The device's memory may be fragmented now; a fresh process starts clean.
                text = f"The device's memory did not suffice: {problem}."
                remedy = "Close other programs that use the device, or choose a smaller model."
                return _failed(job, OutOfDeviceMemory(text, remedy=remedy), is_last=True)
            text = f"{type(problem).__name__}: {problem}"
            return _failed(job, InternalFailure(text, remedy="See the server's log."))

    def _compute(self, job: str, spec: JobSpec) -> Any:
        run_job = load_pipeline(self._pipeline)
        store = CheckpointStore(checkpoint_folder(self._home), journal_folder(self._home, job))
        resumption = Resumption(spec, store.journal)
        reporter = JobReporter(job, self._link)

        def report(one: Any) -> None:
            resumption.note(one)
            reporter.report(one)

        spec = resumption.spec_to_run()
        return run_job(spec, self._models, report, lambda: self._link.is_cancelled(job), store)


def load_pipeline(name: str) -> Callable[..., Any]:
    """Return the function that ``name`` ("module:function") stands for.

    Raises :class:`InternalFailure` if it is not there.
    """
    module, _, function = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as problem:
        raise InternalFailure(f"The pipeline {name} cannot be loaded: {problem}.") from problem
    return found


def _summary(result: Any) -> dict[str, Any]:
    """Return what the last event says; the written frames were reported one by one."""
    summary: dict[str, Any] = to_plain(result)
    summary["frames_written"] = len(summary.pop("outputs"))
    return summary


def _failed(job: str, problem: SvfrError, is_last: bool = False) -> Message:
    return Message("failed", {"job": job, "error": problem.to_dict(), "is_last": is_last})


def _watch_lifeline() -> None:
    """End the process when the supervisor is gone, whatever it is computing."""
    lifeline = sys.stdin.fileno()  # not the buffered reader: its lock would block the interpreter's exit
    while os.read(lifeline, 4096):
        pass
    os._exit(SUPERVISOR_GONE)


def main() -> None:
    """Run the worker that the supervisor described on the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the supervisor's to handle
    log_to_stderr()
    start = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_watch_lifeline, daemon=True).start()
    Worker(start).serve()


if __name__ == "__main__":
    main()
