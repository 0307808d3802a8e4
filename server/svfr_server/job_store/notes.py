"""One small file for each job, beside the job store: what a store that was lost is made again from.

The store is one file, and another program that writes over it takes all jobs with it. A note says what the
store says of its job: what was handed in by whom and how it ended. What happens while a job runs is not in
it; a job that had not ended goes again, and goes on from its checkpoints.

A note only helps: where one cannot be written, or is too large to be written beside other work, the store
goes on without.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from svfr.validation import read_json_file
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import write_whole
from svfr_server.job_store.rows import read_object

_log = logging.getLogger(__name__)
_COLUMNS: Mapping[str, type | tuple[type, ...]] = {
    "job": str,
    "content_key": str,
    "spec": str,
    "plate": str,
    "frames": str,
    "output": str,
    "owner": str,
    "party": str,
    "redo_of": (str, type(None)),
    "state": str,
    "priority": int,
    "begun": int,
    "created": (int, float),
    "updated": (int, float),
    "error": (str, type(None)),
}
_ENDED = ("done", "failed", "cancelled")
_KEPT_EVENTS = ("frame", "warning", *_ENDED)
# Written while other clients wait; a report of so many frames has no note, nor a roto of this size in a row
# of an earlier version, which held the text itself.
MOST_NOTE_BYTES = 4 << 20
MOST_NOTE_EVENTS = 5000


class JobNotes:
    """The notes below one folder. One thread uses them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, job: str, store: sqlite3.Connection) -> None:
        """Write down what the store says of a job now."""
        names = ", ".join(_COLUMNS)
        row = store.execute(f"SELECT {names} FROM jobs WHERE job = ?", (job,)).fetchone()
        if row is None or not _is_note(note := dict(zip(_COLUMNS, row, strict=True))):
            return
        if len(note["spec"]) > MOST_NOTE_BYTES:
            return
        if note["state"] in _ENDED:
            note["events"] = self._events(job, store)
        text = json.dumps(note)
        if len(text) > MOST_NOTE_BYTES:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_whole(self._path(job), text, private=True, durable=False)
        except (OSError, FileCannotBeWritten) as problem:
            _log.warning("job %s has no note beside the store: %s", job, problem)

    def forget(self, job: str) -> None:
        """Remove a job's note."""
        self._path(job).unlink(missing_ok=True)

    def put_back(self, into: sqlite3.Connection) -> int:
        """Add the jobs that have a note and are not in a store; return how many.

        Those that had not ended are queued, in the order in which they were handed in.
        """
        known = {row[0] for row in into.execute("SELECT job FROM jobs")}
        lost = [note for note in self._all() if note["job"] not in known]
        names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
        for note in sorted(lost, key=lambda note: float(note["created"])):
            events = note["events"] if note["state"] in _ENDED else []
            if not events:
                note["state"] = "queued"
            rows = [("queued", {"attempt": 1, "reason": "the job store was lost"}), *events]
            into.execute("BEGIN")
            into.execute(
                f"INSERT INTO jobs ({names}, last_seq) VALUES ({marks}, ?)",
                (*(note[name] for name in _COLUMNS), len(rows)),
            )
            into.executemany(
                "INSERT INTO events (job, seq, kind, body) VALUES (?, ?, ?, ?)",
                ((note["job"], seq, kind, json.dumps(body)) for seq, (kind, body) in enumerate(rows, 1)),
            )
            into.execute("COMMIT")
        return len(lost)

    def _events(self, job: str, store: sqlite3.Connection) -> list[list[Any]]:
        """Return what a job wrote and warned of, and its end; its end alone where that is very much."""
        marks = ", ".join("?" * len(_KEPT_EVENTS))
        rows = store.execute(
            f"SELECT kind, body FROM events WHERE job = ? AND kind IN ({marks}) ORDER BY seq DESC LIMIT ?",
            (job, *_KEPT_EVENTS, MOST_NOTE_EVENTS + 1),
        ).fetchall()
        kept = rows if len(rows) <= MOST_NOTE_EVENTS else rows[:1]
        found = ([kind, read_object(body)] for kind, body in reversed(kept))
        return [event for event in found if event[1] is not None]

    def _all(self) -> Iterator[dict[str, Any]]:
        """Yield the notes that are whole; others are named in the log and left where they are."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                note = read_json_file(path, MOST_NOTE_BYTES)
            except (OSError, ValueError) as problem:
                _log.warning("the note %s cannot be read: %s", path, problem)
                continue
            if _is_note(note) and path.stem == note["job"]:
                yield note
            else:
                _log.warning("%s is no note of a job", path)

    def _path(self, job: str) -> Path:
        return self._folder / f"{job}.json"


def _is_note(note: Any) -> bool:
    if not isinstance(note, dict) or not _COLUMNS.keys() <= note.keys():
        return False
    if not all(isinstance(note[name], kind) for name, kind in _COLUMNS.items()):
        return False
    events = note.get("events", [])
    return isinstance(events, list) and all(
        isinstance(event, list)
        and len(event) == 2
        and event[0] in _KEPT_EVENTS
        and isinstance(event[1], dict)
        for event in events
    )
