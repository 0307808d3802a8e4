"""Which job runs where: the queue, the workers, their deaths, cancellation.

The scheduler holds no sockets; it is told what happened and says what to send. A job whose worker dies
goes on once with a fresh worker and fails after the second death. A worker that does not react to a
cancel within the grace period is killed.
"""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from svfr_client.bulk import split_bulk
from svfr_client.messages import JobState, JobStatus
from svfr_client.wire import Message
from svfr_server.errors import WorkerCrashed
from svfr_server.job_store.folders import journal_folder
from svfr_server.job_store.store import JobStore
from svfr_server.settings import ServerSettings
from svfr_server.worker_process import WorkerProcess

MOST_ATTEMPTS = 2
STOP_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Scheduler:
    """Moves jobs between the store and the workers.

    ``spawn(device)`` starts a worker; ``tell(worker, message)`` sends to it; ``changed(job)`` is called
    after every new event.
    """

    def __init__(
        self,
        store: JobStore,
        settings: ServerSettings,
        spawn: Callable[[str], WorkerProcess],
        tell: Callable[[WorkerProcess, Message], None],
        changed: Callable[[str], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._spawn = spawn
        self._tell = tell
        self._changed = changed
        self._workers: dict[str, WorkerProcess] = {}
        self._written: dict[str, set[tuple[int, str]]] = {}

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        """The living workers."""
        return tuple(self._workers.values())

    def assign(self) -> None:
        """Give waiting jobs to idle devices, starting workers as needed."""
        for device in self._settings.devices:
            worker = self._workers.get(device)
            if worker is not None and (worker.job is not None or worker.is_stopping):
                continue
            job = self._store.next_queued()
            if job is None:
                return
            if worker is None:
                worker = self._workers[device] = self._spawn(device)
            worker.job = job
            self._written[job] = self._store.written_frames(job)
            self._store.start_attempt(job, device)
            self._changed(job)
            _log.info("job starts on %s in process %d", device, worker.pid, extra={"job": job})
            if worker.route is not None:
                self._send_job(worker)

    def cancel(self, job: str) -> JobStatus:
        """Ask for a job's end; returns its status now."""
        status = self._store.request_cancel(job)
        worker = self._worker_of(job)
        if worker is not None and worker.kill_at is None:
            worker.kill_at = time.monotonic() + self._settings.cancel_grace_s
            if worker.route is not None:
                self._tell(worker, Message("cancel", {"job": job}))
        if status.state.is_final:
            self._forget(job)
            self._changed(job)
        return status

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """Take in what a worker says."""
        body = message.body
        if message.op == "ready":
            if worker.job is not None:
                self._send_job(worker)
        elif worker.job is None or body.get("job") != worker.job:
            _log.warning("process %d speaks of a job it does not have", worker.pid)
        elif message.op == "report":
            self._report(worker.job, str(body["kind"]), body["body"])
        elif message.op == "done":
            self._end(worker, JobState.DONE, body["result"])
        elif message.op == "cancelled":
            self._end(worker, JobState.CANCELLED, {})
        elif message.op == "failed":
            worker.is_stopping = bool(body["is_last"])
            self._fail(worker, body["error"])

    def died(self, serial: int) -> None:
        """Take in that a worker's process has ended."""
        worker = next((w for w in self._workers.values() if w.serial == serial), None)
        if worker is None:
            return
        del self._workers[worker.device]
        job = worker.job
        if job is None:
            return
        how = worker.how_it_ended()
        status = self._store.status(job)
        _log.warning("the worker was %s", how, extra={"job": job})
        if status.cancel_requested:
            self._end(worker, JobState.CANCELLED, {"forced": True})
        elif status.attempts >= MOST_ATTEMPTS:
            text = f"The worker process died {status.attempts} times under this job, at last {how}."
            remedy = "See the server's log; a driver or memory problem is likely."
            self._fail(worker, WorkerCrashed(text, remedy=remedy).to_dict())
        else:
            worker.job = None
            self._store.retry(job, f"the worker process was {how}")
            self._changed(job)

    def tend(self) -> None:
        """Do what is due: kill workers that ignore a cancel, end those idle for too long."""
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.kill_at is not None and now >= worker.kill_at:
                _log.warning("process %d ignores the cancel and is killed", worker.pid)
                worker.kill_at = None
                worker.kill()
            elif worker.job is None and now - worker.idle_since > self._settings.idle_unload_s:
                worker.is_stopping = True
                self._tell(worker, Message("stop"))

    def park(self) -> None:
        """Stop every worker; what ran is queued again and goes on after the next start."""
        for worker in self._workers.values():
            if worker.route is not None:
                self._tell(worker, Message("stop"))
        for worker in self._workers.values():
            worker.end(STOP_SECONDS if worker.route is not None else 0.0)
            if worker.job is not None and not self._store.status(worker.job).cancel_requested:
                self._store.requeue(worker.job, "the service was stopped")
            elif worker.job is not None:
                self._store.finish(worker.job, JobState.CANCELLED, {})
        self._workers.clear()

    def _worker_of(self, job: str) -> WorkerProcess | None:
        return next((worker for worker in self._workers.values() if worker.job == job), None)

    def _send_job(self, worker: WorkerProcess) -> None:
        assert worker.job is not None
        status = self._store.status(worker.job)
        if status.cancel_requested:
            self._end(worker, JobState.CANCELLED, {})
            return
        plain, buffers = split_bulk(self._store.spec(worker.job))
        self._tell(worker, Message("run", {"job": worker.job, "spec": plain}, buffers=buffers))

    def _report(self, job: str, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "frame":
            # A second attempt reports again what the first had written; followers hear of a frame once.
            frame = (int(body["frame"]), str(body["path"]))
            if frame in self._written[job]:
                return
            self._written[job].add(frame)
        self._store.append(job, kind, body)
        self._changed(job)

    def _fail(self, worker: WorkerProcess, error: Mapping[str, Any]) -> None:
        attempts = self._store.status(str(worker.job)).attempts
        self._end(worker, JobState.FAILED, {"error": error, "attempts": attempts})

    def _end(self, worker: WorkerProcess, state: JobState, body: Mapping[str, Any]) -> None:
        job = str(worker.job)
        worker.job = None
        worker.kill_at = None
        worker.idle_since = time.monotonic()
        self._forget(job)
        self._store.finish(job, state, body)
        _log.info("job is %s", state.value, extra={"job": job})
        self._changed(job)

    def _forget(self, job: str) -> None:
        self._written.pop(job, None)
        shutil.rmtree(journal_folder(self._settings.home, job), ignore_errors=True)
