"""Rows of the job store as the service shows them; one that cannot be read is shown as just that.

A row may hold what this version does not know: a newer version's state, what another program wrote, what a
disk spoilt. Such a job is never started, moved or forgotten by mistake, and hides no other one. ``SOUND`` is
the one rule for both sides: SQL picks what the queue works with, and a status says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from svfr_client.errors import BadRecord, WireError
from svfr_client.protocol.messages import Event, JobState, JobStatus, Progress
from svfr_client.protocol.wire import strict_json
from svfr_client.records import from_plain
from svfr_server.errors import JobUnreadable

_MOST_TEXT = 100_000
# Long enough for every error that a worker can send, short enough for a list to hold it.
_MOST_ERROR = 250_000
_MOST_NUMBER = 10**15
_STATES = ", ".join(f"'{state.value}'" for state in JobState)
_REMEDY = "Start the version of SVFR that wrote it, or hand the job in again."


def _text(name: str, most: int = _MOST_TEXT) -> str:
    return f"typeof({name}) = 'text' AND length({name}) <= {most}"


def _number(name: str, kinds: str = "'integer'") -> str:
    return f"typeof({name}) IN ({kinds}) AND {name} BETWEEN -{_MOST_NUMBER} AND {_MOST_NUMBER}"


_RULES: Mapping[str, str] = {
    "job": f"{_text('job')} AND length(job) = 32 AND job NOT GLOB '*[^0-9a-f]*'",
    "content_key": _text("content_key"),
    "spec": "typeof(spec) = 'text'",
    "plate": _text("plate"),
    "frames": _text("frames"),
    "output": _text("output"),
    "owner": _text("owner"),
    "party": _text("party"),
    "redo_of": f"redo_of IS NULL OR {_text('redo_of')}",
    "state": f"state IN ({_STATES})",
    "priority": _number("priority"),
    "attempts": f"{_number('attempts')} AND attempts >= 0",
    "begun": _number("begun"),
    "cancel_requested": _number("cancel_requested"),
    "last_seq": f"{_number('last_seq')} AND last_seq >= 0",
    "created": _number("created", "'integer', 'real'"),
    "updated": _number("updated", "'integer', 'real'"),
    "error": f"error IS NULL OR {_text('error', _MOST_ERROR)}",
}
# The first column that holds what this version does not know; NULL where there is none.
UNSOUND = (
    f"CASE {' '.join(f'''WHEN NOT coalesce({rule}, 0) THEN '{name}' ''' for name, rule in _RULES.items())}END"
)
SOUND = f"({UNSOUND}) IS NULL"
STATUS_COLUMNS = (
    f"{UNSOUND}, job, state, plate, frames, output, priority, attempts, last_seq, created, updated, "
    "cancel_requested, progress, error"
)


def unreadable(column: str) -> JobUnreadable:
    """Return what a client is shown of a job whose ``column`` this version cannot read."""
    return JobUnreadable(f"The service cannot read its record of this job ({column}).", remedy=_REMEDY)


def status_of(row: tuple[Any, ...]) -> JobStatus:
    """Return the status in a row of ``STATUS_COLUMNS``; an unsound one is a job that failed, and says why."""
    unsound, job, state, plate, frames, output, priority, attempts, last_seq = row[:9]
    created, updated, cancelled, progress, error = row[9:]
    if unsound is not None:
        return JobStatus(
            job=str(job)[:60],
            state=JobState.FAILED,
            plate=_shown(plate),
            frames=_shown(frames),
            output=_shown(output),
            priority=0,
            attempts=0,
            last_seq=1,
            created=0.0,
            updated=0.0,
            error=unreadable(unsound).to_dict(),
        )
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
        progress=_progress(progress),
        error=None if error is None else _error(read_object(error)),
    )


def events_of(rows: Iterable[tuple[Any, ...]], status: JobStatus, after_seq: int, limit: int) -> list[Event]:
    """Return the events after ``after_seq`` of rows (seq, kind, body), without gaps, at most ``limit``.

    In the place of one that is lost or cannot be read stands a warning, or the job's end as ``status`` has
    it: who follows the job gets to its end.
    """
    kept = {seq: _event(status, seq, kind, body) for seq, kind, body in rows}
    last = min(status.last_seq, after_seq + limit)
    return [kept.get(seq) or _stand_in(status, seq) for seq in range(after_seq + 1, last + 1)]


def end_of_unreadable(status: JobStatus, after_seq: int) -> Event:
    """Return the one event that whoever follows a job whose row cannot be read is sent."""
    return Event(status.job, after_seq + 1, status.state.value, {"error": status.error, "attempts": 0})


def frames_of(bodies: Iterable[tuple[Any, ...]]) -> set[tuple[int, str]]:
    """Return (frame, path) of the bodies of "frame" events; unreadable ones count as not written."""
    found = (read_object(body) for (body,) in bodies)
    return {(body["frame"], body["path"]) for body in found if body is not None and _fits("frame", body)}


def read_object(text: Any) -> dict[str, Any] | None:
    """Return the object in a JSON text; None for what is none, or could not be sent to a client."""
    try:
        found = strict_json(text.encode("utf-8")) if isinstance(text, str) else None
    except (WireError, UnicodeEncodeError):
        return None
    return found if isinstance(found, dict) else None


def _event(status: JobStatus, seq: int, kind: Any, body: Any) -> Event | None:
    found = read_object(body)
    if not isinstance(kind, str) or found is None or not _fits(kind, found):
        return None
    return Event(status.job, seq, kind, found)


def _stand_in(status: JobStatus, seq: int) -> Event:
    state = status.state
    if not (state.is_final and seq == status.last_seq):
        text = f"Event {seq} of this job cannot be read any more."
        return Event(status.job, seq, "warning", {"message": text, "frame": None, "path": None})
    body: dict[str, Any] = {}
    if state is JobState.FAILED:
        body = {"error": status.error or unreadable("error").to_dict(), "attempts": status.attempts}
    elif state is JobState.DONE:
        body = {"frames_written": 0, "tracks": 0, "counts": {}}
    return Event(status.job, seq, state.value, body)


_WANTED: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "frame": {"frame": int, "path": str},
    "warning": {"message": str},
    "failed": {"error": dict},
    "progress": {"stage": str, "done": int, "total": int},
}


def _fits(kind: str, body: Mapping[str, Any]) -> bool:
    """Return whether an event's body has what those who follow a job read of it."""
    return all(isinstance(body.get(name), form) for name, form in _WANTED.get(kind, {}).items())


def _progress(text: Any) -> Progress | None:
    found = read_object(text)
    try:
        return None if found is None else from_plain(Progress, found, "progress")
    except BadRecord:
        return None


def _error(found: dict[str, Any] | None) -> dict[str, Any]:
    has_words = found is not None and all(isinstance(found.get(name), str) for name in ("code", "message"))
    return found if found is not None and has_words else unreadable("error").to_dict()


def _shown(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
