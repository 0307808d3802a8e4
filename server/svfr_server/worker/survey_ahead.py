"""The process that surveys waiting jobs: ``python -m svfr_server.worker.survey_ahead``.

Started by the supervisor only.

While the devices are busy it looks at the plate of the job that is next, and keeps what it sees among the
checkpoints, where that job will find it. It reports nothing to anybody: what is wrong with a job is for the
job to say. It runs at a low priority, uses no GPU and writes nothing but checkpoints.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from svfr.validation import read_json
from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.job import JobSpec
from svfr_client.protocol.wire import Message
from svfr_client.reasons import reason_of
from svfr_client.records import from_plain
from svfr_server.job_store.cache import CacheKeeper
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.job_store.folders import checkpoint_folder
from svfr_server.logs import log_job, log_to_folder, log_to_stderr
from svfr_server.roots import PathRoots
from svfr_server.worker import file_guard, landlock
from svfr_server.worker.lazy_models import LazyModels
from svfr_server.worker.lifeline import watch_lifeline
from svfr_server.worker.link import WorkerLink
from svfr_server.worker.scratch import make_scratch_folder
from svfr_server.worker.sources import Sources

NAME = "survey-ahead"
ALIVE_SECONDS = 5.0
_NICE = 5  # behind the workers' own stages, and not so far that a busy machine never comes to it
_log = logging.getLogger(__name__)


class Surveyor:
    """Surveys jobs for one supervisor until it is told to stop."""

    def __init__(self, start: dict[str, Any], roots: PathRoots) -> None:
        self._home, self._roots = Path(start["home"]), roots
        keys = from_plain(KeyPair, start["keys"], "keys")
        self._link = WorkerLink(str(start["endpoint"]), str(start["server_key"]), keys)
        self._models: Any = LazyModels("cpu")
        self._alive_at = 0.0

    def serve(self) -> None:
        """Take jobs until "stop"."""
        self._link.send(Message("ready", {"pid": os.getpid()}))
        while (message := self._link.next_order()).op != "stop":
            if message.op == "survey":
                job = str(message.body["job"])
                log_job(job)
                self._survey(job, message.buffers["spec"].data)
                log_job(None)
                self._link.send(Message("surveyed", {"job": job}))
        self._link.close()

    def _survey(self, job: str, text: bytes) -> None:
        """Survey one job; what stands in the way is logged, and left to the job."""
        try:
            spec = JobSpec.from_json(read_json(text))
            frames = self._frames_surveyed(job, spec)
        except SvfrError as problem:
            _log.info("not surveyed ahead: %s: %s", problem.code, problem.message)
        except Exception as problem:
            _log.warning("not surveyed ahead (%s): %s", type(problem).__name__, reason_of(problem))
        else:
            _log.info("surveyed ahead, %d frames", frames)

    def _frames_surveyed(self, job: str, spec: JobSpec) -> int:
        from svfr_restore.job import survey_ahead

        raise_problems(self._roots.problems(spec))
        cache = CacheKeeper(self._home)
        store = DiskCheckpoints(checkpoint_folder(self._home), saved=cache.saved)
        roots = self._roots.of_job(spec)
        cancelled = partial(self._link.is_cancelled, job)
        with file_guard.FileGuard(
            spec=spec, roots=roots, sources=Sources.now(spec, roots), appears=_no_output, home=self._home
        ):
            return survey_ahead(spec, self._models, store, cancelled, partial(self._report_alive, job))

    def _report_alive(self, job: str, report: object) -> None:
        """Report now and then that frames are being surveyed, so that a disk that hangs is told from work."""
        if time.monotonic() >= self._alive_at:
            self._alive_at = time.monotonic() + ALIVE_SECONDS
            self._link.send(Message("alive", {"job": job}))


def _no_output(path: str) -> None:
    """Take note of no output: a survey has none."""


def _go_first_where_memory_runs_out() -> None:
    """Have Linux end this process, and no worker with its job."""
    with contextlib.suppress(OSError):
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(score, b"1000")
        finally:
            os.close(score)


def main() -> None:
    """Run the process that the supervisor described on the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the supervisor's to handle
    start = read_json(sys.stdin.buffer.readline())
    log_to_stderr()
    home = Path(start["home"])
    log_to_folder(home / "logs", f"{NAME}.log")
    threading.Thread(target=watch_lifeline, daemon=True).start()
    if start["umask"] is not None:
        os.umask(int(start["umask"]))
    if hasattr(os, "nice"):
        os.nice(_NICE)
    _go_first_where_memory_runs_out()
    make_scratch_folder(home, NAME)
    file_guard.install()
    roots = PathRoots.of_start(start)
    # jobs may be judged by where they write, but here only checkpoints are written
    if landlock.confine(replace(roots, write=(home,)), home):
        _log.info("the kernel holds this process inside the roots")
    Surveyor(start, roots).serve()


if __name__ == "__main__":
    main()
