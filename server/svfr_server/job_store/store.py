"""Jobs and their events in SQLite: the one place where a job's state is.

Write-ahead logging with ``synchronous=NORMAL``: an event survives the end of the process, and costs some
ten microseconds. Handing in a job is committed with ``FULL``, because once the client has the answer the
job must survive a power cut too. The file must lie on a local disk.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svfr.validation import read_json
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Accepted, Event, JobState, JobStatus
from svfr_server.errors import JobIdTaken, QueueFull, StoreUnavailable, UnknownJob
from svfr_server.job_store.database import Database
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import notes_folder, specs_folder
from svfr_server.job_store.notes import JobNotes
from svfr_server.job_store.rows import (
    SOUND,
    STATUS_COLUMNS,
    end_of_unreadable,
    events_of,
    frames_of,
    status_of,
)
from svfr_server.job_store.spec_files import SpecFiles
from svfr_server.settings import Limits

_LATER = "Hand it in again later."


@dataclass(frozen=True)
class Sender:
    """Who hands in a job: the public key, and the program where several share one key.

    ``party`` is whose turn a job takes in the queue: the programs of the service's own user (Nuke, Blender,
    the command line) take turns like different people, a remote key has one turn whatever it calls itself.
    """

    owner: str
    party: str


class JobStore:
    """The jobs of one service. One thread uses it."""

    def __init__(self, path: Path) -> None:
        self._notes = JobNotes(notes_folder(path))
        self._specs = SpecFiles(specs_folder(path))
        self._database = Database(path, self._notes)

    def check(self) -> None:
        """Put a store right whose file was deleted, replaced or overwritten; see :meth:`Database.check`."""
        self._database.check()

    def add(
        self, job: str, entry: JobEntry, sender: Sender, limits: Limits, redo_of: str | None = None
    ) -> Accepted:
        """Commit a job as queued, with its first event, and return once it is on the disk.

        The same id with the same content is the same job. Raises :class:`JobIdTaken` for the same id with
        other content and :class:`QueueFull` when too many jobs wait already, of this party or of all.
        """
        key = entry.content_key
        row = self._one("SELECT content_key, redo_of FROM jobs WHERE job = ?", (job,))
        if row is not None:
            if tuple(row) != (key, redo_of):
                raise JobIdTaken(f"Job {job} exists with another content.", remedy="Take a fresh id.")
            return Accepted(job, key, is_new=False)
        if (queued := self.count(JobState.QUEUED)) >= limits.queued_jobs:
            raise QueueFull(f"{queued} jobs wait already.", remedy=_LATER)
        mine = "SELECT count(*) FROM jobs WHERE party = ? AND state = 'queued'"
        if (queued := int(self._only(mine, (sender.party,)))) >= limits.queued_jobs_per_client:
            raise QueueFull(f"{queued} jobs of this client wait already.", remedy=_LATER)
        if not self._specs.is_there(entry.spec):
            raise StoreUnavailable("The job's text is gone from the service's folder.", remedy=_LATER)
        now = time.time()
        with self._database.transaction(is_durable=True):
            self._database.execute(
                "INSERT INTO jobs (job, content_key, spec, plate, frames, output, owner, party, redo_of, "
                "state, priority, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)",
                (
                    job,
                    key,
                    entry.spec,
                    entry.plate,
                    entry.frames,
                    entry.output,
                    sender.owner,
                    sender.party,
                    redo_of,
                    entry.priority,
                    now,
                    now,
                ),
            )
            self._append(job, JobState.QUEUED.value, {"attempt": 1})
        self._database.checkpoint()
        self._database.note(job)
        return Accepted(job, key, is_new=True)

    def start_attempt(self, job: str, device: str) -> None:
        """Record that a worker has the job now; its party goes to the end of the line."""
        with self._database.transaction():
            self._database.execute("UPDATE jobs SET attempts = attempts + 1, begun = 1 WHERE job = ?", (job,))
            self._database.execute(
                "INSERT INTO parties (party, served) SELECT party, (SELECT coalesce(max(served), 0) + 1 "
                "FROM parties) FROM jobs WHERE job = ? "
                "ON CONFLICT (party) DO UPDATE SET served = excluded.served",
                (job,),
            )
            self._move(job, JobState.RUNNING, {"attempt": self.status(job).attempts, "device": device})

    def requeue(self, job: str, reason: str) -> None:
        """Put a running job back; this start did not count as an attempt."""
        with self._database.transaction():
            self._database.execute("UPDATE jobs SET attempts = max(attempts - 1, 0) WHERE job = ?", (job,))
            attempt = self.status(job).attempts + 1
            self._move(job, JobState.QUEUED, {"attempt": attempt, "reason": reason})

    def retry(self, job: str, reason: str) -> None:
        """Put a job back whose worker died; the attempt counts."""
        with self._database.transaction():
            self._database.execute("UPDATE jobs SET state = 'queued' WHERE job = ?", (job,))
            self._append(job, "retry", {"attempt": self.status(job).attempts + 1, "reason": reason})

    def requeue_interrupted(self) -> list[str]:
        """Put back what was running when the last service ended; end what was being cancelled.

        A job whose row cannot be read stays as it is, here and wherever jobs are chosen or counted.
        """
        rows = self._database.execute(
            f"SELECT job, cancel_requested FROM jobs WHERE state = 'running' AND {SOUND}"
        )
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
            with self._database.transaction():
                self._database.execute("UPDATE jobs SET cancel_requested = 1 WHERE job = ?", (job,))
        return self.status(job)

    def finish(self, job: str, state: JobState, body: Mapping[str, Any]) -> None:
        """End the job with its last event; for a failure ``body["error"]`` is the error's JSON form."""
        error = body.get("error")
        with self._database.transaction():
            self._database.execute(
                "UPDATE jobs SET error = ? WHERE job = ?", (json.dumps(error) if error else None, job)
            )
            self._move(job, state, body)
        self._database.checkpoint()
        self._database.note(job)

    def append(self, job: str, kind: str, body: Mapping[str, Any]) -> int:
        """Add an event and return its number; a progress event also becomes the job's progress."""
        with self._database.transaction():
            if kind == "progress":
                text = json.dumps(body)
                self._database.execute("UPDATE jobs SET progress = ? WHERE job = ?", (text, job))
            return self._append(job, kind, body)

    def events(self, job: str, after_seq: int, limit: int) -> list[Event]:
        """Return the job's next events after ``after_seq``, in order and without gaps, at most ``limit``."""
        row = self._one(f"SELECT {STATUS_COLUMNS} FROM jobs WHERE job = ?", (job,))
        if row is None:
            return []
        status = status_of(row)
        if row[0] is not None:
            return [end_of_unreadable(status, after_seq)]
        rows = self._database.execute(
            "SELECT seq, kind, body FROM events WHERE job = ? AND seq > ? AND seq <= ?",
            (job, after_seq, after_seq + limit),
        )
        return events_of(rows, status, after_seq, limit)

    def written_frames(self, job: str) -> set[tuple[int, str]]:
        """Return (frame, path) of every frame the job has reported so far."""
        return frames_of(
            self._database.execute("SELECT body FROM events WHERE job = ? AND kind = 'frame'", (job,))
        )

    def first_written(self, job: str) -> Path | None:
        """Return the file of the first frame that the job has reported, or None."""
        rows = self._database.execute(
            "SELECT body FROM events WHERE job = ? AND kind = 'frame' ORDER BY seq LIMIT 1", (job,)
        )
        return next((Path(path) for _, path in frames_of(rows)), None)

    def written_frame(self, job: str, frame: int) -> Path | None:
        """Return the file of a frame that the job has reported, or None."""
        rows = self._database.execute(
            "SELECT body FROM events WHERE job = ? AND kind = 'frame' AND "
            "CASE WHEN json_valid(body) THEN json_extract(body, '$.frame') = ? END ORDER BY seq DESC LIMIT 1",
            (job, frame),
        )
        return next((Path(path) for _, path in frames_of(rows)), None)

    def spec(self, job: str) -> JobSpec:
        """Return what was handed in."""
        return JobSpec.from_json(read_json(self.spec_text(job)))

    def spec_text(self, job: str) -> str:
        """Return what was handed in as canonical JSON, which nobody has to parse to pass it on."""
        return self._specs.read(str(self._row(job, "spec")[0]))

    def release(self, job: str, entry: JobEntry) -> None:
        """Remove the text of a job that was not taken, or was there already; the one in use stays."""
        row = self._one("SELECT spec FROM jobs WHERE job = ?", (job,))
        if row is None or row[0] != entry.spec:
            self._specs.remove(entry.spec)

    def sweep_specs(self, at_most: int) -> None:
        """Remove texts that no job has any more."""

        def kept_of(job: str) -> str | None:
            row = self._one("SELECT spec FROM jobs WHERE job = ?", (job,))
            return None if row is None else str(row[0])

        self._specs.sweep(kept_of, at_most)

    def owner(self, job: str) -> str:
        """Return the public key that handed the job in; raises :class:`UnknownJob`."""
        return str(self._row(job, "owner")[0])

    def redo_of(self, job: str) -> str | None:
        """Return the job whose references this one takes, or None."""
        return None if (of := self._row(job, "redo_of")[0]) is None else str(of)

    def status(self, job: str) -> JobStatus:
        """Return the job's state; raises :class:`UnknownJob`."""
        return status_of(self._row(job, STATUS_COLUMNS))

    def list(self, limit: int, active_only: bool) -> tuple[JobStatus, ...]:
        """Return the newest jobs, newest first; what cannot be read of them is shown as failed."""
        condition = "WHERE state IN ('queued', 'running')" if active_only else ""
        query = f"SELECT {STATUS_COLUMNS} FROM jobs {condition} ORDER BY number DESC LIMIT ?"
        return tuple(status_of(row) for row in self._database.execute(query, (limit,)))

    def next_queued(self, without: Collection[str] = ()) -> str | None:
        """Return the waiting job that is next, leaving out those in ``without``.

        Highest priority first; then what a worker had begun; then the party that was served longest ago,
        so that many jobs of one client never keep another's waiting; then the oldest.
        """
        row = self._one(
            f"SELECT job FROM jobs LEFT JOIN parties USING (party) WHERE state = 'queued' AND {SOUND} "
            "AND job NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY priority DESC, begun DESC, coalesce(served, 0), number LIMIT 1",
            (json.dumps(list(without)),),
        )
        return None if row is None else str(row[0])

    def accepted(self, job: str, entry: JobEntry, redo_of: str | None) -> Accepted | None:
        """Return the answer for a job that is there already with this very content; None for all others."""
        row = self._one("SELECT content_key, redo_of FROM jobs WHERE job = ?", (job,))
        if row is None or tuple(row) != (entry.content_key, redo_of):
            return None
        return Accepted(job, entry.content_key, is_new=False)

    def count(self, state: JobState) -> int:
        """Return how many jobs are in ``state``."""
        return int(self._only(f"SELECT count(*) FROM jobs WHERE state = ? AND {SOUND}", (state.value,)))

    def forget_finished(self, before: float, keep: int, at_most: int) -> tuple[str, ...]:
        """Delete finished jobs that ended before a Unix time or are not among the newest ``keep``.

        Deletes the oldest first and no more than ``at_most`` at a time; returns their ids.
        """
        finished = "state IN ('done', 'failed', 'cancelled')"
        rows = self._database.execute(
            f"SELECT job FROM jobs WHERE {finished} AND (updated < ? OR number NOT IN "
            f"(SELECT number FROM jobs WHERE {finished} ORDER BY number DESC LIMIT ?)) "
            "ORDER BY number LIMIT ?",
            (before, keep, at_most),
        )
        old = [str(row[0]) for row in rows.fetchall()]
        with self._database.transaction():
            for job in old:
                self._database.execute("DELETE FROM events WHERE job = ?", (job,))
                self._database.execute("DELETE FROM jobs WHERE job = ?", (job,))
        for job in old:
            self._notes.forget(job)
        return tuple(old)

    def save_value(self, name: str, value: str) -> None:
        """Keep a word about the service itself from one start to the next."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO service (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def load_value(self, name: str) -> str | None:
        """Return what :meth:`note` kept, or None."""
        row = self._one("SELECT value FROM service WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return row

    def _only(self, query: str, values: tuple[Any, ...]) -> Any:
        row = self._one(query, values)
        assert row is not None  # an aggregate always has a row
        return row[0]

    def _row(self, job: str, columns: str) -> tuple[Any, ...]:
        row = self._one(f"SELECT {columns} FROM jobs WHERE job = ?", (job,))
        if row is None:
            raise UnknownJob(f"There is no job {job}.", remedy="List them with `svfr jobs`.")
        return row

    def _move(self, job: str, state: JobState, body: Mapping[str, Any]) -> None:
        self._database.execute("UPDATE jobs SET state = ? WHERE job = ?", (state.value, job))
        self._append(job, state.value, body)

    def _append(self, job: str, kind: str, body: Mapping[str, Any]) -> int:
        row = self._one(
            "UPDATE jobs SET last_seq = last_seq + 1, updated = ? WHERE job = ? RETURNING last_seq",
            (time.time(), job),
        )
        assert row is not None
        seq = int(row[0])
        self._database.execute(
            "INSERT INTO events (job, seq, kind, body) VALUES (?, ?, ?, ?)",
            (job, seq, kind, json.dumps(body)),
        )
        return seq
