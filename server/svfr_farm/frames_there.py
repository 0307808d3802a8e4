"""Whether a frame of a shot is there: the one place that decides it, for status, collecting and redoing.

A frame is there when its file holds the very bytes that this shot's assembly wrote. The assembly notes the
content hash of each file as it is written, so that nothing else ever gets into its note: neither what lay
there before, nor a file that was damaged or mixed up with another later. A file whose size and time are as
noted costs one question of the disk and is not opened; any other is read and compared, and while it stays as
it is no second time.
"""

from __future__ import annotations

import contextlib
import functools
import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from svfr.validation import read_json
from svfr_client.errors import OutputExists, SvfrError
from svfr_client.files import is_file, open_regular, open_to_append, write_whole
from svfr_client.frames import FrameRange
from svfr_client.output_names import existing_frames, output_path
from svfr_client.path_map import PathRule
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.content_hash import content_hash
from svfr_farm.plan import PlanFile, ShotPlan
from svfr_restore.media.exr.origin import is_nobodys_or_of, job_of

if TYPE_CHECKING:
    from svfr_restore.plan.job_plan import JobPlan

NOTE_FILE = "frames-written.jsonl"
_MOST_BYTES = 256 * 1024 * 1024
_TAKEN_REMEDY = (
    "Move the files away, then submit again. Or put overwrite (replaces them) or version_up (writes a new "
    "version) into the column existing of this row, or give it another output, and plan again."
)
_FILES_REMEMBERED = 65_536
_Stamp = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class _Origin(Record):
    """The note's first line: what the frames are made of. Each other line is a frame."""

    plan_sha256: str
    made_of: str


@dataclass(frozen=True, kw_only=True)
class _Frame(Record):
    """A frame's file as it was written: size in bytes, time in Unix nanoseconds, hash of its content."""

    frame: int
    size: int
    time_ns: int
    content: str


@dataclass(frozen=True)
class _Note:
    origin: _Origin
    frames: Mapping[int, _Frame]


def begin_note(file: PlanFile, plan: JobPlan, made_of: str) -> frozenset[int]:
    """Begin the note of an assembly, before the first frame is written; return the frames that are there.

    Those are what an earlier assembly made of the very same. Raises FileCannotBeWritten.
    """
    note = _read(file)
    kept: list[_Frame] = []
    if note is not None and note.origin.made_of == made_of:
        found = (_there(note.frames.get(frame), plan.output.path(frame)) for frame in plan.frames.written)
        kept = [one for one in found if one is not None]
    origin = _Origin(plan_sha256=file.sha256, made_of=made_of)
    write_whole(file.folder / NOTE_FILE, "".join(map(_line, (origin, *kept))))
    return frozenset(one.frame for one in kept)


def note_frame(file: PlanFile, frame: int, path: Path) -> None:
    """Note a frame that the assembly has just written. Raises FileCannotBeWritten, and OSError."""
    found = path.stat()
    with open_regular(path) as picture:
        content = content_hash(picture)
    one = _Frame(frame=frame, size=found.st_size, time_ns=found.st_mtime_ns, content=content)
    with open_to_append(file.folder / NOTE_FILE) as note:
        note.write(_line(one).encode())


def missing_frames(file: PlanFile, rules: tuple[PathRule, ...] = ()) -> list[int]:
    """Return the frames of a shot that are not there; ``rules`` are the engine's, for where its output is."""
    output = file.plan.job_here(rules).output
    note = _read(file)
    noted = {} if note is None else note.frames
    wanted = FrameRange.parse(file.plan.written)
    return [frame for frame in wanted if _there(noted.get(frame), output_path(output, frame)) is None]


def others_files(file: PlanFile, rules: tuple[PathRule, ...] = ()) -> list[int]:
    """Return the frames in whose place a file is that does not say it is of this job.

    A file that ends inside its header is nobody's, a damaged one of this job its own.
    """
    job = file.plan.job_here(rules)
    note = _read(file)
    noted = {} if note is None else note.frames
    keys = {job.pixels_key(), file.plan.job.pixels_key()}
    places = ((frame, output_path(job.output, frame)) for frame in FrameRange.parse(file.plan.written))
    return [
        frame
        for frame, path in places
        if is_file(path) and _there(noted.get(frame), path) is None and not is_nobodys_or_of(path, keys)
    ]


def require_free_places(file: PlanFile, rules: tuple[PathRule, ...] = ()) -> None:
    """Raise OutputExists where a frame would replace another's file and its row does not say that it may."""
    if file.plan.job.existing == "overwrite":
        return
    others = others_files(file, rules)
    if others:
        text = f"{file.plan.shot}: frame {others[0]} is another file now, not one of this job."
        if len(others) > 1:
            text = f"{file.plan.shot}: frames {FrameRange.of(others)} are other files now, not this job's."
        path = output_path(file.plan.job_here(rules).output, others[0])
        raise OutputExists(text, frame=others[0], path=path, remedy=_TAKEN_REMEDY)


def is_taken(plan: ShotPlan) -> bool:
    """Return whether others' files alone lie where a plan writes, as when two lists planned one version."""
    output, job_hash = plan.job_here().output, plan.job_here().pixels_key()
    there = existing_frames(output, FrameRange.parse(plan.written).frames)
    return bool(there) and not any(
        is_nobodys_or_of(output_path(output, frame), {job_hash}) for frame in there
    )


def are_of_job(plan: JobPlan, frames: Iterable[int]) -> bool:
    """Return whether all these files at the job's output say that they are whole frames of this very job."""
    job_hash = plan.spec.pixels_key()
    return all(job_of(plan.output.path(frame)) == job_hash for frame in frames)


def _there(noted: _Frame | None, path: Path) -> _Frame | None:
    """Return a noted frame with its file's time as it is now; None where the file is not what was written."""
    if noted is None:
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size != noted.size:
        return None
    if found.st_mtime_ns == noted.time_ns:
        return noted
    if _content(str(path), (found.st_size, found.st_mtime_ns)) != noted.content:
        return None
    return replace(noted, time_ns=found.st_mtime_ns)


@functools.lru_cache(maxsize=_FILES_REMEMBERED)
def _content(path: str, stamp: _Stamp) -> str:
    """Return the hash of a file that has this size and time; "" where it cannot be read."""
    try:
        with open_regular(Path(path)) as file:
            return content_hash(file)
    except OSError:
        return ""


def _read(file: PlanFile) -> _Note | None:
    """Return the note of the plan's last assembly; None for none, and for another plan's.

    A line that is damaged, as the last one of a machine that went down may be, notes nothing.
    """
    try:
        with open_regular(file.folder / NOTE_FILE) as note:
            first, *lines = note.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
        origin = from_plain(_Origin, read_json(first), "note")
    except (OSError, ValueError, SvfrError):
        return None
    frames: dict[int, _Frame] = {}
    for line in lines:
        with contextlib.suppress(ValueError, SvfrError):
            one = from_plain(_Frame, read_json(line), "frame")
            frames[one.frame] = one
    return _Note(origin, frames) if origin.plan_sha256 == file.sha256 else None


def _line(record: Record) -> str:
    return json.dumps(to_plain(record)) + "\n"
