"""Waiting jobs are surveyed while every device is busy, so that a device need not wait for the survey.

One process does it, started when it is first needed, at a low priority. Nothing depends on it: a job whose
survey was not made, or not to its end, makes the rest itself. So it is stopped on a job as soon as that waits
no more, ended when it says nothing for long or takes too much memory, not given the same job twice, and given
up when it has died a few times in a row.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from typing import Any

from svfr_client.awake_clock import AwakeClock
from svfr_client.errors import SvfrError
from svfr_client.protocol.messages import JobState
from svfr_client.protocol.wire import Buffer, Message, unpack
from svfr_server.errors import JobUnreadable, UnknownJob
from svfr_server.job_store.store import JobStore
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.child_process import ChildProcess
from svfr_server.supervisor.memory_watch import resident_bytes
from svfr_server.supervisor.worker_process import described, worker_environment

SILENT_SECONDS = 300.0
STOP_SECONDS = 10.0
IDLE_SECONDS = 60.0
MOST_EXITS = 3
_log = logging.getLogger(__name__)


class SurveyProcess(ChildProcess):
    """The process that surveys; ``job`` is what it has, ``kill_at`` when its time to stop on it is over."""

    def __init__(self, *, settings: ServerSettings, endpoint: str, server_key: str, context: Any) -> None:
        self.job: str | None = None
        self.last_report = 0.0
        self.kill_at: float | None = None
        start = {"endpoint": endpoint, "server_key": server_key, "umask": settings.umask}
        super().__init__(
            module="svfr_server.worker.survey_ahead",
            start={**start, **described(settings)},
            environment=worker_environment("cpu", settings.worker_memory_bytes)
            | {"CUDA_VISIBLE_DEVICES": ""},
            context=context,
        )


class SurveyAhead:
    """Gives the process the jobs that are next.

    ``spawn`` starts it, ``tell`` sends to it, ``next_waiting(without)`` returns the job that is next but for
    those, or None while a device is free for it.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        settings: ServerSettings,
        clock: AwakeClock,
        spawn: Callable[[], SurveyProcess],
        tell: Callable[[ChildProcess, Message], None],
        next_waiting: Callable[[Collection[str]], str | None],
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._spawn, self._tell, self._next_waiting = spawn, tell, next_waiting
        self._process: SurveyProcess | None = None
        self._known: set[str] = set()
        self._exits = 0

    def check(self) -> None:
        """Do what is due: stop the process on a job that waits no more, give it the next one."""
        if not self._settings.is_surveying_ahead:
            return
        self._known = {job for job in self._known if self._is_queued(job)}
        process, now = self._process, self._clock.now()
        if process is not None and process.job is not None:
            self._watch(process, process.job, now)
        elif (job := self._next()) is not None:
            self._begin(job, now)
        elif process is not None and now - process.last_report > IDLE_SECONDS:
            process.kill("nothing is to be surveyed")
            self._process = None

    def handle(self, process: SurveyProcess, frames: list[bytes]) -> None:
        """Handle what the process says. Raises StoreUnavailable, after which the same may be said again."""
        if process is not self._process:
            return
        try:
            message = unpack(frames)
        except SvfrError:
            process.kill("it sent what cannot be read")
            return
        process.last_report = self._clock.now()
        if message.op == "ready" and process.job is not None:
            self._send(process, process.job)
        elif message.op == "surveyed":
            process.job = process.kill_at = None
            self._exits = 0

    def process_exited(self, serial: int) -> None:
        """Handle that a process has ended; a job that it had is not surveyed again."""
        process = self._process
        if process is None or process.serial != serial:
            return
        self._process = None
        if process.job is not None:
            # else it was ended from here, because its job began
            self._exits += process.kill_at is None
            _log.warning("surveying ahead was %s", process.exit_reason(), extra={"job": process.job})
            if self._exits == MOST_EXITS:
                _log.warning("no more jobs are surveyed ahead before the next start")

    def end(self) -> None:
        """End the process; what it keeps is whole or not there."""
        if self._process is not None:
            self._process.kill("the service stops")
            self._process.end(1.0)

    def _next(self) -> str | None:
        """Return the first of the next jobs, one for each device, that was not surveyed."""
        if self._exits >= MOST_EXITS:
            return None
        return next((job for job in self._waiting() if job not in self._known), None)

    def _waiting(self) -> Iterator[str]:
        before: list[str] = []
        for _ in self._settings.devices:
            job = self._next_waiting(before)
            if job is None:
                return
            before.append(job)
            yield job

    def _begin(self, job: str, now: float) -> None:
        self._known.add(job)
        if self._process is None:
            try:
                self._process = self._spawn()
            except OSError as problem:
                _log.error("no process can be started to survey ahead: %s", problem)
                return
        self._process.job, self._process.last_report = job, now
        if self._process.route is not None:
            self._send(self._process, job)

    def _send(self, process: SurveyProcess, job: str) -> None:
        if not self._is_queued(job):  # while the process was starting
            process.job = None
            return
        try:
            spec = Buffer(self._store.spec_text(job).encode("utf-8"))
        except (JobUnreadable, UnknownJob):
            process.job = None
            return
        self._tell(process, Message("survey", {"job": job}, buffers={"spec": spec}))

    def _watch(self, process: SurveyProcess, job: str, now: float) -> None:
        if process.kill_at is None and process.route is not None and not self._is_queued(job):
            process.kill_at = now + STOP_SECONDS
            self._tell(process, Message("cancel", {"job": job}))
        if process.kill_at is not None and now >= process.kill_at:
            process.kill("it did not stop")
        elif now - process.last_report > SILENT_SECONDS:
            process.kill("it was stuck")
        elif resident_bytes(process.pid) > self._settings.worker_memory_bytes:
            process.kill("it took too much memory")

    def _is_queued(self, job: str) -> bool:
        try:
            return self._store.status(job).state is JobState.QUEUED
        except UnknownJob:
            return False
