"""Jobs and their events in SQLite: the one place where a job's state is.

Write-ahead logging with ``synchronous=NORMAL``: an event survives the death of the process, and costs some
ten microseconds. Handing in a job is committed with ``FULL``, because once the client has the answer the
job must survive a power cut too. The file must lie on a local disk.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from svfr_client.messages import Accepted, Event, JobSpec, JobState, JobStatus, Progress
from svfr_client.records import canonical_json, from_plain
from svfr_server.errors import JobIdTaken, QueueFull, UnknownJob
from svfr_server.job_store.schema import migrate

_STATUS_COLUMNS = (
    "job, state, plate, frames, output, priority, attempts, last_seq, created, updated, cancel_requested, "
    "progress, error"
)


class JobStore:
    """The jobs of one service. One thread uses it."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA foreign_keys = ON")
        migrate(self._database)

    def add(self, job: str, spec: JobSpec, owner: str, most_queued: int) -> Accepted:
        """Commit a job as queued, with its first event, and return once it is on the disk.

        The same id with the same content is the same job. Raises :class:`JobIdTaken` for the same id with
        other content and :class:`QueueFull` when ``most_queued`` jobs wait already.
        """
        key = spec.content_key()
        row = self._database.execute("SELECT content_key FROM jobs WHERE job = ?", (job,)).fetchone()
        if row is not None:
            if row[0] != key:
                raise JobIdTaken(f"Job {job} exists with another content.", remedy="Take a fresh id.")
            return Accepted(job, key, is_new=False)
        queued = self._database.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
        if queued >= most_queued:
            raise QueueFull(f"{queued} jobs wait already.", remedy="Hand it in again later.")
        now = time.time()
        text = canonical_json(spec.to_json())
        self._database.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            self._database.execute(
                "INSERT INTO jobs (job, content_key, spec, plate, frames, output, owner, state, priority, "
                "created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)",
                (job, key, text, spec.plate, spec.frames, spec.output, owner, spec.priority, now, now),
            )
            self._append(job, JobState.QUEUED.value, {"attempt": 1})
        self._database.execute("PRAGMA synchronous = NORMAL")
        return Accepted(job, key, is_new=True)

    def start_attempt(self, job: str, device: str) -> None:
        """Record that a worker has the job now."""
        with self._transaction():
            self._database.execute("UPDATE jobs SET attempts = attempts + 1 WHERE job = ?", (job,))
            self._move(job, JobState.RUNNING, {"attempt": self.status(job).attempts, "device": device})

    def requeue(self, job: str, reason: str) -> None:
        """Put a running job back; this start did not count as an attempt."""
        with self._transaction():
            self._database.execute("UPDATE jobs SET attempts = max(attempts - 1, 0) WHERE job = ?", (job,))
            attempt = self.status(job).attempts + 1
            self._move(job, JobState.QUEUED, {"attempt": attempt, "reason": reason})

    def retry(self, job: str, reason: str) -> None:
        """Put a job back whose worker died; the attempt counts."""
        with self._transaction():
            self._database.execute("UPDATE jobs SET state = 'queued' WHERE job = ?", (job,))
            self._append(job, "retry", {"attempt": self.status(job).attempts + 1, "reason": reason})

    def requeue_interrupted(self) -> list[str]:
        """Put back what was running when the last service ended; end what was being cancelled."""
        rows = self._database.execute("SELECT job, cancel_requested FROM jobs WHERE state = 'running'")
        interrupted = rows.fetchall()
        for job, cancel_requested in interrupted:
            if cancel_requested:
                self.finish(job, JobState.CANCELLED, {})
            else:
                self.requeue(job, "the service was restarted")
        return [job for job, _ in interrupted]

    def request_cancel(self, job: str) -> JobStatus:
        """Note the wish; a queued job is cancelled at once, a finished one stays as it is."""
        status = self.status(job)
        if status.state is JobState.QUEUED:
            self.finish(job, JobState.CANCELLED, {})
        elif status.state is JobState.RUNNING:
            self._database.execute("UPDATE jobs SET cancel_requested = 1 WHERE job = ?", (job,))
        return self.status(job)

    def finish(self, job: str, state: JobState, body: Mapping[str, Any]) -> None:
        """End the job with its last event; for a failure ``body["error"]`` is the error's JSON form."""
        error = body.get("error")
        with self._transaction():
            self._database.execute(
                "UPDATE jobs SET error = ? WHERE job = ?", (json.dumps(error) if error else None, job)
            )
            self._move(job, state, body)

    def append(self, job: str, kind: str, body: Mapping[str, Any]) -> int:
        """Add an event and return its number; a progress event also becomes the job's progress."""
        with self._transaction():
            if kind == "progress":
                text = json.dumps(body)
                self._database.execute("UPDATE jobs SET progress = ? WHERE job = ?", (text, job))
            return self._append(job, kind, body)

    def events(self, job: str, after_seq: int, limit: int) -> list[Event]:
        """Return the job's next events after ``after_seq``, in order, at most ``limit``."""
        rows = self._database.execute(
            "SELECT seq, kind, body FROM events WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
            (job, after_seq, limit),
        )
        return [Event(job, seq, kind, json.loads(body)) for seq, kind, body in rows]

    def written_frames(self, job: str) -> set[tuple[int, str]]:
        """Return (frame, path) of every frame the job has reported so far."""
        rows = self._database.execute("SELECT body FROM events WHERE job = ? AND kind = 'frame'", (job,))
        bodies = [json.loads(row[0]) for row in rows]
        return {(body["frame"], body["path"]) for body in bodies}

    def spec(self, job: str) -> JobSpec:
        """Return what was handed in."""
        row = self._row(job, "spec")
        return JobSpec.from_json(json.loads(row[0]))

    def status(self, job: str) -> JobStatus:
        """Return the job's state; raises :class:`UnknownJob`."""
        return _status(self._row(job, _STATUS_COLUMNS))

    def list(self, limit: int, active_only: bool) -> tuple[JobStatus, ...]:
        """Return the newest jobs, newest first."""
        condition = "WHERE state IN ('queued', 'running')" if active_only else ""
        query = f"SELECT {_STATUS_COLUMNS} FROM jobs {condition} ORDER BY number DESC LIMIT ?"
        return tuple(_status(row) for row in self._database.execute(query, (limit,)))

    def next_queued(self) -> str | None:
        """Return the waiting job that is next: highest priority, then oldest."""
        row = self._database.execute(
            "SELECT job FROM jobs WHERE state = 'queued' ORDER BY priority DESC, number LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def count(self, state: JobState) -> int:
        """Return how many jobs are in ``state``."""
        row = self._database.execute("SELECT count(*) FROM jobs WHERE state = ?", (state.value,)).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _row(self, job: str, columns: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._database.execute(
            f"SELECT {columns} FROM jobs WHERE job = ?", (job,)
        ).fetchone()
        if row is None:
            raise UnknownJob(f"There is no job {job}.", remedy="List them with `svfr jobs`.")
        return row

    def _move(self, job: str, state: JobState, body: Mapping[str, Any]) -> None:
        self._database.execute("UPDATE jobs SET state = ? WHERE job = ?", (state.value, job))
        self._append(job, state.value, body)

    def _append(self, job: str, kind: str, body: Mapping[str, Any]) -> int:
        row = self._database.execute(
            "UPDATE jobs SET last_seq = last_seq + 1, updated = ? WHERE job = ? RETURNING last_seq",
            (time.time(), job),
        ).fetchone()
        seq = int(row[0])
        self._database.execute(
            "INSERT INTO events (job, seq, kind, body) VALUES (?, ?, ?, ?)",
            (job, seq, kind, json.dumps(body)),
        )
        return seq

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _status(row: tuple[Any, ...]) -> JobStatus:
    job, state, plate, frames, output, priority, attempts, last_seq = row[:8]
    created, updated, cancelled, progress, error = row[8:]
    return JobStatus(
        job=job,
        state=JobState(state),
        plate=plate,
        frames=frames,
        output=output,
        priority=priority,
        attempts=attempts,
        last_seq=last_seq,
        created=created,
        updated=updated,
        cancel_requested=bool(cancelled),
        progress=None if progress is None else from_plain(Progress, json.loads(progress), "progress"),
        error=None if error is None else json.loads(error),
    )
