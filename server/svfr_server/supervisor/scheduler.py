"""Which job runs where: the queue, the workers, their exits, cancellation.

The scheduler holds no sockets; it is told what happened and says what to send. A job whose worker dies
goes on once with a fresh worker and fails after the second one. A worker that says nothing for too long
is killed, and so is one that does not react to a cancel within the grace period.

A worker has one job, and may begin the next one beside it when nothing but the last pictures of the first are
left to be decoded and written. Of two whose worker dies nobody knows whose fault it was: it counts for
neither, and each goes on alone.
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
from svfr_server.supervisor.worker_process import RunningJob, WorkerProcess

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
        self._lone_jobs: set[str] = set()
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
        return self.queue is QueueState.DRAINING and not any(w.jobs for w in self._workers.values())

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
        for device in sorted(self.settings.devices, key=self._is_busy):
            worker = self._workers.get(device)
            if worker is not None and (worker.is_stopping or not self._takes_one(worker)):
                continue
            job = self.store.next_queued(self._unreadable)
            if job is None:
                return
            if worker is not None and worker.jobs and self._is_for_one_alone(job):
                continue
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
        if self.queue is not QueueState.OPEN or not all(map(self._is_busy, self.settings.devices)):
            return None
        return self.store.next_queued(self._unreadable.union(without))

    def _is_busy(self, device: str) -> bool:
        worker = self._workers.get(device)
        return worker is not None and bool(worker.jobs)

    def _takes_one(self, worker: WorkerProcess) -> bool:
        return not worker.jobs or (worker.has_room and self.settings.is_overlapping(worker.device))

    def _is_for_one_alone(self, job: str) -> bool:
        """Whether a job should not begin beside another: something has gone wrong with it before."""
        return job in self._low_memory_jobs or job in self._lone_jobs or self.store.status(job).attempts > 0

    def cancel(self, job: str) -> JobStatus:
        """Ask for a job's end; returns its status now."""
        status = self.store.request_cancel(job)
        worker = self._worker_of(job)
        running = None if worker is None else worker.running(job)
        if worker is not None and running is not None and running.kill_at is None:
            running.kill_at = running.stall.cancel_deadline(self.clock.now())
            if worker.route is not None:
                self.tell(worker, Message("cancel", {"job": job}))
        if status.state.is_final:
            self._forget(job)
            self.changed(job)
        return status

    def handle(self, worker: WorkerProcess, message: Message) -> None:
        """Handle what a worker says. Raises StoreUnavailable, after which the same may be said again."""
        running = worker.running(message.body.get("job"))
        if message.op == "ready":
            for one in list(worker.jobs):
                self._send_job(worker, one)
        elif message.op == "compiling":
            worker.compiling_until = self.clock.now() + COMPILING_FOR_SECONDS
        elif running is None:
            _log.warning("process %d speaks of a job it does not have", worker.pid)
        else:
            self._handle_of_job(worker, running, message)

    def _handle_of_job(self, worker: WorkerProcess, running: RunningJob, message: Message) -> None:
        body, now = message.body, self.clock.now()
        if message.op == "report":
            is_compiling = bool(body["body"].pop("compiling", False))  # no client's event has it
            self._report(running.job, str(body["kind"]), body["body"])
            running.stall.note(now, str(body["kind"]), body["body"], is_compiling=is_compiling)
            for one in worker.jobs[worker.jobs.index(running) + 1 :]:
                one.stall.note(now)  # it may be waiting for this one
        elif message.op == "room":
            running.has_room = True
        elif message.op == "done":
            self._end(worker, running, JobState.DONE, body["result"])
        elif message.op == "cancelled":
            self._end(worker, running, JobState.CANCELLED, {})
        elif message.op == "unreadable":
            self._set_aside(worker, running, str(body["reason"]))
        elif message.op == "low_memory":
            self._retry_in_fresh_process(worker, running, str(body["reason"]))
        elif message.op == "failed":
            self._fail(worker, running, body["error"])
            worker.is_stopping = worker.is_stopping or bool(body["is_last"])

    def worker_exited(self, serial: int) -> None:
        """Handle that a worker's process has ended; raises StoreUnavailable as :meth:`handle`."""
        worker = next((w for w in self._workers.values() if w.serial == serial), None)
        if worker is None:
            return
        is_alone = len(worker.jobs) == 1
        for running in list(worker.jobs):
            self._after_exit(worker, running, is_alone=is_alone)
        del self._workers[worker.device]

    def _after_exit(self, worker: WorkerProcess, running: RunningJob, *, is_alone: bool) -> None:
        how, job = worker.exit_reason(), running.job
        status = self.store.status(job)
        _log.warning("the worker was %s", how, extra={"job": job})
        if status.cancel_requested:
            self._end(worker, running, JobState.CANCELLED, {"forced": True})
        elif not is_alone:
            self.store.requeue(job, f"the worker process, which had another job too, was {how}")
            self._lone_jobs.add(job)
            self._take_back(worker, running)
        elif status.attempts >= MOST_ATTEMPTS:
            text = f"The worker process died {status.attempts} times under this job, at last {how}."
            remedy = "See the server's log; a driver or memory problem is likely."
            self._fail(worker, running, WorkerCrashed(text, remedy=remedy).to_dict())
        else:
            self.store.retry(job, f"the worker process was {how}")
            self._take_back(worker, running)

    def check_workers(self) -> None:
        """Do what is due: kill workers that have stalled, end those idle for too long, forget old jobs."""
        now = self.clock.now()
        for worker in list(self._workers.values()):
            if self._is_killed_for_its_time(worker, now):
                continue
            if worker.jobs and self._is_too_large(worker):
                self._end_too_large(worker)
            elif worker.is_stopping or worker.jobs:
                continue
            elif now > max(worker.idle_since + self.settings.idle_unload_s, worker.compiling_until):
                self._stop(worker)
        if now >= self._prune_at:
            self._prune(now)

    def _is_killed_for_its_time(self, worker: WorkerProcess, now: float) -> bool:
        """Kill a worker that does not stop, ignores a cancel or is stuck; returns whether it is one."""
        if worker.kill_at is not None and now >= worker.kill_at:
            worker.kill_at = None
            self._kill(worker, "did not stop")
            return True
        for running in worker.jobs:
            if running.kill_at is not None and now >= running.kill_at:
                running.kill_at = None
                self._kill(worker, "ignored the cancel")
                return True
            if now >= running.stall.stalled_at:
                running.stall.note(now)  # its end is reported in a moment
                self._kill(worker, "was stuck")
                return True
        return False

    def _kill(self, worker: WorkerProcess, why: str) -> None:
        _log.warning("process %d %s and is killed", worker.pid, why)
        worker.kill(f"it {why}")

    def _is_too_large(self, worker: WorkerProcess) -> bool:
        return resident_bytes(worker.pid) > self.settings.worker_memory_bytes

    def _end_too_large(self, worker: WorkerProcess) -> None:
        """Fail the job of a worker that takes the machine's memory, before the system chooses a victim.

        Two jobs that take it together go on one after the other.
        """
        if len(worker.jobs) == 1:
            limit = self.settings.worker_memory_bytes
            text = f"The job needs more than {size_text(limit)} of the machine's memory."
            remedy = "Restore a smaller plate or fewer frames, or raise --worker-memory-mib."
            self._fail(worker, worker.jobs[0], OutOfDeviceMemory(text, remedy=remedy).to_dict())
        worker.is_stopping = True
        worker.kill("it took too much memory")

    def stop_workers(self) -> None:
        """Stop every worker; what ran is queued again and goes on after the next start."""
        for worker in self._workers.values():
            if worker.route is not None:
                self.tell(worker, Message("stop"))
        for worker in self._workers.values():
            worker.end(STOP_SECONDS if worker.route is not None else 0.0)
            for running in worker.jobs:
                self._keep_for_next_start(running.job)
        self._workers.clear()

    def _keep_for_next_start(self, job: str) -> None:
        try:
            if self.store.status(job).cancel_requested:
                self.store.finish(job, JobState.CANCELLED, {})
            else:
                self.store.requeue(job, "the service was stopped")
        except StoreUnavailable as problem:
            _log.warning("the next start takes the job up: %s", problem, extra={"job": job})

    def _start(self, worker: WorkerProcess, job: str) -> None:
        self.store.start_attempt(job, worker.device)
        self._written[job] = self.store.written_frames(job)
        stall = StallTimeout(self.settings.timeouts, self.clock.now())
        running = RunningJob(job, stall, is_first=self.store.status(job).attempts == 1)
        worker.jobs.append(running)
        self.changed(job)
        _log.info("job starts on %s in process %d", worker.device, worker.pid, extra={"job": job})
        if worker.route is not None:
            self._send_job(worker, running)

    def _take_back(self, worker: WorkerProcess, running: RunningJob) -> None:
        """Let a worker have a job no longer."""
        worker.jobs.remove(running)
        worker.idle_since = self.clock.now()
        for one in worker.jobs:
            one.stall.note(worker.idle_since)  # it may have waited for this one
        self.changed(running.job)

    def _retry_in_fresh_process(self, worker: WorkerProcess, running: RunningJob, reason: str) -> None:
        """Give the job to a fresh process that uses less memory: what is left of this one is fragmented."""
        self.store.requeue(running.job, reason)
        self._low_memory_jobs.add(running.job)
        worker.is_stopping = True
        self._take_back(worker, running)

    def _set_aside(self, worker: WorkerProcess, running: RunningJob, reason: str) -> None:
        """Let a job that this version cannot read wait for one that can: a newer one has written it."""
        job = running.job
        text = f"This version cannot read the job, which waits for the version that wrote it: {reason}"
        self._unreadable.add(job)
        self.store.requeue(job, text)
        self.store.append(job, "warning", {"message": text, "frame": None, "path": None})
        _log.warning("%s", text, extra={"job": job})
        self._take_back(worker, running)

    def _leave_aside(self, worker: WorkerProcess, job: str) -> None:
        """Let a job that could not even be started wait for the service's next start; others go on."""
        self._unreadable.add(job)
        worker.jobs = [one for one in worker.jobs if one.job != job]
        self.store.requeue(job, "it could not be started, see the server's log")

    def fail_unintelligible(self, worker: WorkerProcess, problem: str) -> None:
        """End the job of a worker that sent what does not follow the protocol; the process is replaced."""
        if len(worker.jobs) == 1:
            text = f"The worker sent what cannot be read: {problem}"
            self._fail(
                worker, worker.jobs[0], InternalFailure(text, remedy="See the server's log.").to_dict()
            )
        worker.is_stopping = True
        worker.kill("it sent what cannot be read")

    def _stop(self, worker: WorkerProcess) -> None:
        worker.is_stopping = True
        worker.kill_at = self.clock.now() + self.settings.timeouts.cancel_s
        self.tell(worker, Message("stop"))

    def _worker_of(self, job: str) -> WorkerProcess | None:
        return next((worker for worker in self._workers.values() if worker.running(job)), None)

    def _send_job(self, worker: WorkerProcess, running: RunningJob) -> None:
        job = running.job
        if self.store.status(job).cancel_requested:
            self._end(worker, running, JobState.CANCELLED, {})
            return
        body = {"job": job, "redo_of": self.store.redo_of(job)}
        try:
            spec = Buffer(self.store.spec_text(job).encode("utf-8"))  # the worker parses it
        except JobUnreadable as problem:
            self._fail(worker, running, problem.to_dict())
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

    def _fail(self, worker: WorkerProcess, running: RunningJob, error: Mapping[str, Any]) -> None:
        attempts = self.store.status(running.job).attempts
        self._end(worker, running, JobState.FAILED, {"error": error, "attempts": attempts})

    def _end(
        self, worker: WorkerProcess, running: RunningJob, state: JobState, body: Mapping[str, Any]
    ) -> None:
        self.store.finish(running.job, state, body)
        self._forget(running.job)
        _log.info("job is %s", state.value, extra={"job": running.job})
        self._take_back(worker, running)

    def _forget(self, job: str) -> None:
        self._written.pop(job, None)
        self._low_memory_jobs.discard(job)
        self._lone_jobs.discard(job)
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
