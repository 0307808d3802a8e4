"""Which job runs where: the queue, the workers, their exits, cancellation.

The scheduler holds no sockets; it is told what happened and says what to send. A job whose worker dies
goes on once with a fresh worker and fails after the second one. A worker that says nothing for too long
is killed, and so is one that does not react to a cancel within the grace period.
"""

import enum
import logging
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from svfr_client.awake_clock import AwakeClock
from svfr_client.protocol.messages import JobState, JobStatus
from svfr_client.protocol.wire import Buffer, Message
from svfr_client.sizes import size_text
from svfr_server.errors import (
    InternalFailure,
    JobUnreadable,
    OutOfDeviceMemory,
    StoreUnavailable,
    WorkerCrashed,
)
from svfr_server.job_store.folders import journal_folder, references_folder
from svfr_server.job_store.local_files import sweep_local_files
from svfr_server.job_store.store import JobStore
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.memory_watch import resident_bytes
from svfr_server.supervisor.retention import RetentionClock
from svfr_server.supervisor.stall_timeout import StallTimeout
from svfr_server.supervisor.worker_process import WorkerProcess

MOST_ATTEMPTS = 2
STOP_SECONDS = 5.0
# A worker that compiles says so every ten seconds; of a busy machine some are late.
COMPILING_FOR_SECONDS = 45.0
RETENTION_EVERY_SECONDS = 60.0
FORGOTTEN_AT_ONCE = 100
DAY_SECONDS = 86400.0
_STATE = "queue"
_log = logging.getLogger(__name__)


class QueueState(enum.Enum):
    """What the queue does with new and waiting jobs; a running job goes on in all three."""

    OPEN = "open"
    """Takes jobs and starts them."""
    PAUSED = "paused"
    """Takes jobs and starts none, until it is resumed, also after a restart."""
    DRAINING = "draining"
    """Takes none and starts none; the service ends with its last running job. Waiting jobs are kept."""


def read_queue_state(store: JobStore) -> QueueState:
    """Return the state that was kept from the last start; one that this version does not know is a pause."""
    kept = store.load_value(_STATE)
    try:
        return QueueState.OPEN if kept is None else QueueState(kept)
    except ValueError:
        _log.warning("the queue's state cannot be read; nothing starts before `svfr resume`")
        return QueueState.PAUSED


@dataclass(kw_only=True, eq=False, repr=False)
class Scheduler:
    """Moves jobs between the store and the workers.

    ``spawn(device, low_memory)`` starts a worker; ``tell(worker, message)`` sends to it;
    ``changed(job)`` is called after every new event.
    """

    store: JobStore
    settings: ServerSettings
    spawn: Callable[[str, bool], WorkerProcess]
    tell: Callable[[WorkerProcess, Message], None]
    changed: Callable[[str], None]
    clock: AwakeClock

    def __post_init__(self) -> None:
        self._workers: dict[str, WorkerProcess] = {}
        self._written: dict[str, set[tuple[int, str]]] = {}
        self._low_memory_jobs: set[str] = set()
        self._prune_at = 0.0
        self._unreadable: set[str] = set()
        self._retention = RetentionClock(self.store)
        self.queue = read_queue_state(self.store)

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        """The living workers."""
        return tuple(self._workers.values())

    @property
    def is_drained(self) -> bool:
        """Whether a drain is over: nothing runs any more."""
        return self.queue is QueueState.DRAINING and all(w.job is None for w in self._workers.values())

    @property
    def is_compiling(self) -> bool:
        """Whether a worker without a job compiles networks for the next one."""
        return any(worker.compiling_until > self.clock.now() for worker in self._workers.values())

    def set_queue(self, state: QueueState) -> None:
        """Open, pause or drain the queue. A drain ends with the service; what was before it is kept."""
        if state is not QueueState.DRAINING:
            self.store.save_value(_STATE, state.value)
        self.queue = state
        _log.info("the queue is %s", state.value)

    def assign(self) -> None:
        """Give waiting jobs to idle devices, starting workers as needed."""
        if self.queue is not QueueState.OPEN:
            return
        for device in self.settings.devices:
            worker = self._workers.get(device)
            if worker is not None and (worker.job is not None or worker.is_stopping):
                continue
            job = self.store.next_queued(self._unreadable)
            if job is None:
                return
            needs_low_memory = job in self._low_memory_jobs
            if worker is not None and needs_low_memory and not worker.low_memory:
                self._stop(worker)  # its successor takes the job
                continue
            if worker is None:
                try:
                    worker = self._workers[device] = self.spawn(device, needs_low_memory)
                except OSError as problem:
                    _log.error("no worker can be started now: %s", problem)
                    return
                worker.idle_since = self.clock.now()
            try:
                self._start(worker, job)
            except StoreUnavailable:
                raise
            except Exception:
                _log.exception("the job could not be started and is left aside", extra={"job": job})
                self._leave_aside(worker, job)

    def next_waiting(self, without: Collection[str]) -> str | None:
        """Return the job that starts when a device is free, but for those; None while one is."""
        busy = {worker.device for worker in self._workers.values() if worker.job is not None}
        if self.queue is not QueueState.OPEN or not busy.issuperset(self.settings.devices):
            return None
        return self.store.next_queued(self._unreadable.union(without))

    def cancel(self, job: str) -> JobStatus:
        """Ask for a job's end; returns its status now."""
        status = self.store.request_cancel(job)
        worker = self._worker_of(job)
        if worker is not None and worker.kill_at is None:
            assert worker.stall is not None
            worker.kill_at = worker.stall.cancel_deadline(self.clock.now())
            if worker.route is not None:
                self.tell(worker, Message("cancel", {"job": job}))
        if status.state.is_final:
            self._forget(job)
            self.changed(job)
        return status

    def handle(self, worker: WorkerProcess, message: Message) -> None:
        """Handle what a worker says. Raises StoreUnavailable, after which the same may be said again."""
        body = message.body
        if message.op == "ready":
            if worker.job is not None:
                self._send_job(worker)
        elif message.op == "compiling":
            worker.compiling_until = self.clock.now() + COMPILING_FOR_SECONDS
        elif worker.job is None or worker.stall is None or body.get("job") != worker.job:
            _log.warning("process %d speaks of a job it does not have", worker.pid)
        elif message.op == "report":
            is_compiling = bool(body["body"].pop("compiling", False))  # no client's event has it
            self._report(worker.job, str(body["kind"]), body["body"])
            worker.stall.note(self.clock.now(), str(body["kind"]), body["body"], is_compiling=is_compiling)
        elif message.op == "done":
            self._end(worker, JobState.DONE, body["result"])
        elif message.op == "cancelled":
            self._end(worker, JobState.CANCELLED, {})
        elif message.op == "unreadable":
            self._set_aside(worker, str(body["reason"]))
        elif message.op == "low_memory":
            self._retry_in_fresh_process(worker, str(body["reason"]))
        elif message.op == "failed":
            self._fail(worker, body["error"])
            worker.is_stopping = bool(body["is_last"])

    def worker_exited(self, serial: int) -> None:
        """Handle that a worker's process has ended; raises StoreUnavailable as :meth:`handle`."""
        worker = next((w for w in self._workers.values() if w.serial == serial), None)
        if worker is None:
            return
        job = worker.job
        if job is not None:
            self._after_exit(worker, job)
        del self._workers[worker.device]

    def _after_exit(self, worker: WorkerProcess, job: str) -> None:
        how = worker.exit_reason()
        status = self.store.status(job)
        _log.warning("the worker was %s", how, extra={"job": job})
        if status.cancel_requested:
            self._end(worker, JobState.CANCELLED, {"forced": True})
        elif status.attempts >= MOST_ATTEMPTS:
            text = f"The worker process died {status.attempts} times under this job, at last {how}."
            remedy = "See the server's log; a driver or memory problem is likely."
            self._fail(worker, WorkerCrashed(text, remedy=remedy).to_dict())
        else:
            self.store.retry(job, f"the worker process was {how}")
            worker.job = None
            self.changed(job)

    def check_workers(self) -> None:
        """Do what is due: kill workers that have stalled, end those idle for too long, forget old jobs."""
        now = self.clock.now()
        for worker in list(self._workers.values()):
            if worker.kill_at is not None and now >= worker.kill_at:
                why = "did not stop" if worker.job is None else "ignored the cancel"
                _log.warning("process %d %s and is killed", worker.pid, why)
                worker.kill_at = None
                worker.kill(f"it {why}")
            elif worker.job is not None and worker.stall is not None and now >= worker.stall.stalled_at:
                _log.warning("process %d is stuck and is killed", worker.pid, extra={"job": worker.job})
                worker.stall.note(now)  # its end is reported in a moment
                worker.kill("it was stuck")
            elif worker.job is not None and self._is_too_large(worker):
                self._end_too_large(worker)
            elif worker.is_stopping or worker.job is not None:
                continue
            elif now > max(worker.idle_since + self.settings.idle_unload_s, worker.compiling_until):
                self._stop(worker)
        if now >= self._prune_at:
            self._prune(now)

    def _is_too_large(self, worker: WorkerProcess) -> bool:
        return resident_bytes(worker.pid) > self.settings.worker_memory_bytes

    def _end_too_large(self, worker: WorkerProcess) -> None:
        """Fail the job of a worker that takes the machine's memory, before the system chooses a victim."""
        limit = self.settings.worker_memory_bytes
        text = f"The job needs more than {size_text(limit)} of the machine's memory."
        remedy = "Restore a smaller plate or fewer frames, or raise --worker-memory-mib."
        self._fail(worker, OutOfDeviceMemory(text, remedy=remedy).to_dict())
        worker.is_stopping = True
        worker.kill("it took too much memory")

    def stop_workers(self) -> None:
        """Stop every worker; what ran is queued again and goes on after the next start."""
        for worker in self._workers.values():
            if worker.route is not None:
                self.tell(worker, Message("stop"))
        for worker in self._workers.values():
            worker.end(STOP_SECONDS if worker.route is not None else 0.0)
            if worker.job is None:
                continue
            try:
                if self.store.status(worker.job).cancel_requested:
                    self.store.finish(worker.job, JobState.CANCELLED, {})
                else:
                    self.store.requeue(worker.job, "the service was stopped")
            except StoreUnavailable as problem:
                _log.warning("the next start takes the job up: %s", problem, extra={"job": worker.job})
        self._workers.clear()

    def _start(self, worker: WorkerProcess, job: str) -> None:
        self.store.start_attempt(job, worker.device)
        self._written[job] = self.store.written_frames(job)
        worker.job = job
        worker.stall = StallTimeout(self.settings.timeouts, self.clock.now())
        self.changed(job)
        _log.info("job starts on %s in process %d", worker.device, worker.pid, extra={"job": job})
        if worker.route is not None:
            self._send_job(worker)

    def _retry_in_fresh_process(self, worker: WorkerProcess, reason: str) -> None:
        """Give the job to a fresh process that uses less memory: what is left of this one is fragmented."""
        job = str(worker.job)
        self.store.requeue(job, reason)
        self._low_memory_jobs.add(job)
        worker.job = None
        worker.is_stopping = True
        self.changed(job)

    def _set_aside(self, worker: WorkerProcess, reason: str) -> None:
        """Let a job that this version cannot read wait for one that can: a newer one has written it."""
        job = str(worker.job)
        text = f"This version cannot read the job, which waits for the version that wrote it: {reason}"
        self._unreadable.add(job)
        self.store.requeue(job, text)
        self.store.append(job, "warning", {"message": text, "frame": None, "path": None})
        worker.job = worker.stall = None
        worker.idle_since = self.clock.now()
        _log.warning("%s", text, extra={"job": job})
        self.changed(job)

    def _leave_aside(self, worker: WorkerProcess, job: str) -> None:
        """Let a job that could not even be started wait for the service's next start; others go on."""
        self._unreadable.add(job)
        worker.job = worker.stall = None
        self.store.requeue(job, "it could not be started, see the server's log")

    def fail_unintelligible(self, worker: WorkerProcess, problem: str) -> None:
        """End the job of a worker that sent what does not follow the protocol; the process is replaced."""
        if worker.job is not None:
            text = f"The worker sent what cannot be read: {problem}"
            self._fail(worker, InternalFailure(text, remedy="See the server's log.").to_dict())
        worker.is_stopping = True
        worker.kill("it sent what cannot be read")

    def _stop(self, worker: WorkerProcess) -> None:
        worker.is_stopping = True
        worker.kill_at = self.clock.now() + self.settings.timeouts.cancel_s
        self.tell(worker, Message("stop"))

    def _worker_of(self, job: str) -> WorkerProcess | None:
        return next((worker for worker in self._workers.values() if worker.job == job), None)

    def _send_job(self, worker: WorkerProcess) -> None:
        assert worker.job is not None
        status = self.store.status(worker.job)
        if status.cancel_requested:
            self._end(worker, JobState.CANCELLED, {})
            return
        body = {"job": worker.job, "redo_of": self.store.redo_of(worker.job)}
        try:
            spec = Buffer(self.store.spec_text(worker.job).encode("utf-8"))  # the worker parses it
        except JobUnreadable as problem:
            self._fail(worker, problem.to_dict())
            return
        self.tell(worker, Message("run", body, buffers={"spec": spec}))

    def _report(self, job: str, kind: str, body: Mapping[str, Any]) -> None:
        if kind == "frame":
            # A second attempt reports again what the first had written; followers hear of a frame once.
            frame = (int(body["frame"]), str(body["path"]))
            if frame in self._written[job]:
                return
            self.store.append(job, kind, body)
            self._written[job].add(frame)
        else:
            self.store.append(job, kind, body)
        self.changed(job)

    def _fail(self, worker: WorkerProcess, error: Mapping[str, Any]) -> None:
        attempts = self.store.status(str(worker.job)).attempts
        self._end(worker, JobState.FAILED, {"error": error, "attempts": attempts})

    def _end(self, worker: WorkerProcess, state: JobState, body: Mapping[str, Any]) -> None:
        job = str(worker.job)
        self.store.finish(job, state, body)
        worker.job = worker.stall = worker.kill_at = None
        worker.idle_since = self.clock.now()
        self._forget(job)
        _log.info("job is %s", state.value, extra={"job": job})
        self.changed(job)

    def _forget(self, job: str) -> None:
        self._written.pop(job, None)
        self._low_memory_jobs.discard(job)
        shutil.rmtree(journal_folder(self.settings.home, job), ignore_errors=True)

    def _prune(self, now: float) -> None:
        """Forget old finished jobs, a few at a time, so that nobody waits for it."""
        keep = self.settings.retention
        before = self._retention.now() - keep.days * DAY_SECONDS
        sweep_local_files(self.settings.home)
        old = self.store.forget_finished(before, keep.jobs, FORGOTTEN_AT_ONCE)
        self.store.sweep_specs(FORGOTTEN_AT_ONCE)
        for job in old:
            shutil.rmtree(references_folder(self.settings.home, job), ignore_errors=True)
        if old:
            _log.info("%d finished jobs are forgotten", len(old))
        self._prune_at = now + (0.0 if len(old) == FORGOTTEN_AT_ONCE else RETENTION_EVERY_SECONDS)
