"""The list file: JSON lines, a header and then one clip a line. Strict: whatever is not known is a fault.

::

    {"format": "svfr-clips", "version": 1, "root": ".", "cache": "clips.cache"}
    {"path": "a/%08d.png", "identity": "p1", "split": "train"}
    {"path": "b.mp4", "identity": "p2", "split": "held_back", "frames": "10-90", "box": [310, 80, 190, 240]}

Header: ``format`` and ``version``; optional are ``root`` (paths of clips are taken from it; itself from the
list's folder; default: that folder), ``cache`` (where alignments are kept; default: the list's name with
``.cache``) and ``landmarks68`` (a dlib shape predictor of the user's).

A clip: ``path``, ``identity`` and ``split`` ("train" or "held_back"); optional are ``frames`` ("1001-1050"),
``space`` (colour space), ``caption`` (text, not read) and one of ``box``, ``crop`` (numbers, for all frames),
``boxes``, ``crops`` (an object from frame number to numbers): :class:`svfr_lab.clips.entries.Region`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from svfr.validation import read_json, read_strictly, sentences_of
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.files import write_whole
from svfr_client.reasons import reason_of
from svfr_client.sequences import has_frame_field, pattern_of_file
from svfr_lab.clips.entries import ClipEntry
from svfr_lab.clips.errors import ClipListInvalid
from svfr_lab.clips.list_lines import CLIP_LINES, HEADERS, VERSION, Header
from svfr_restore.media.movie_plate import MOVIE_SUFFIXES
from svfr_restore.media.still_plate import STILL_SUFFIXES

FORMAT: Literal["svfr-clips"] = "svfr-clips"
LIST_SUFFIX = ".jsonl"
_MOST_PROBLEMS = 50
_REMEDY = "Fix the line, or write the list again with svfr clips list."
Line = TypeVar("Line")

_PICTURES = (".exr", *STILL_SUFFIXES)


@dataclass(frozen=True)
class ClipList:
    """A list that was read: absolute folders and files, and its clips with their line numbers."""

    path: Path
    root: Path
    cache: Path
    landmarks68: Path | None
    entries: tuple[ClipEntry, ...]
    lines: tuple[int, ...]

    def clip_path(self, entry: ClipEntry) -> Path:
        """Return the absolute path of a clip, still a folder where the list says so."""
        return self.root / entry.path


def read_clip_list(path: Path) -> ClipList:
    """Read and check a list with everything it names.

    Raises ClipListInvalid, for several faults SeveralProblems of it: each names its line and what to do.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ClipListInvalid(
            f"The list of clips cannot be read: {reason_of(problem)}.", path=path, remedy="Check the path."
        ) from problem
    reading = _Reading(path)
    header = reading.header(lines[0] if lines else "") or Header(format=FORMAT, version=VERSION)
    numbered = [(number, line) for number, line in enumerate(lines[1:], 2) if line.strip()]
    entries = [reading.entry(number, line) for number, line in numbered]
    if not numbered:
        reading.fault(1, "there is no clip in the list", "Add a line for each clip.")
    folder = path.absolute().parent
    found = ClipList(
        path=path,
        root=folder / header.root,
        cache=folder / (header.cache or f"{path.stem}.cache"),
        landmarks68=None if header.landmarks68 is None else folder / header.landmarks68,
        entries=tuple(entry for entry in entries if entry is not None),
        lines=tuple(
            number for (number, _), entry in zip(numbered, entries, strict=True) if entry is not None
        ),
    )
    if not reading.problems:
        reading.check_together(found)
    reading.raise_problems()
    return found


def write_clip_list(
    path: Path,
    entries: Sequence[ClipEntry],
    root: Path,
    cache: Path | None = None,
    landmarks68: Path | None = None,
) -> None:
    """Write a list, whole or not at all; ``root`` and what else is given is written as an absolute path."""
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, "root": str(root.absolute())}
    if cache is not None:
        header["cache"] = str(cache.absolute())
    if landmarks68 is not None:
        header["landmarks68"] = str(landmarks68.absolute())
    rows = [header, *(_to_json(entry) for entry in entries)]
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_whole(path, text)


def plate_pattern(path: Path) -> Path:
    """Return what :func:`svfr_restore.media.plate.open_plate` opens for a clip's path.

    A folder becomes the pattern of the one sequence of pictures in it, numbered in names like
    ``00000001.png`` or ``shot.1001.exr``. Raises ClipListInvalid when there is none, or several.
    """
    if not path.is_dir():
        return path
    patterns = {pattern_of_file(name.name) for name in path.iterdir() if name.suffix.lower() in _PICTURES}
    if len(patterns) != 1 or None in patterns:
        raise ClipListInvalid(
            f"The folder holds {len(patterns - {None})} numbered sequences of pictures; a clip is one.",
            path=path,
            remedy="Give every clip a folder of its own, with frame numbers of one width.",
        )
    return path / str(patterns.pop())


class _Reading:
    """A list while it is being read; faults are collected, with their lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[SvfrError] = []

    def fault(self, line: int, what: str, remedy: str = _REMEDY) -> None:
        self.problems.append(ClipListInvalid(f"Line {line}: {what}.", path=self._path, remedy=remedy))

    def raise_problems(self) -> None:
        more = len(self.problems) - _MOST_PROBLEMS
        if more > 0:
            del self.problems[_MOST_PROBLEMS:]
            self.problems.append(
                ClipListInvalid(f"There are {more} more faults.", path=self._path, remedy="Fix these first.")
            )
        raise_problems(self.problems)

    def header(self, line: str) -> Header | None:
        body = self._object(1, line)
        if body is None:
            return None
        if body.get("format", FORMAT) != FORMAT:
            self.fault(1, f'this is no list of clips: its format is not "{FORMAT}"', "Begin with the header.")
            return None
        return self._checked(HEADERS, 1, body)

    def entry(self, number: int, line: str) -> ClipEntry | None:
        body = self._object(number, line)
        clip = None if body is None else self._checked(CLIP_LINES, number, body)
        return None if clip is None else clip.entry()

    def check_together(self, found: ClipList) -> None:
        """Check what needs other lines, or the disk."""
        splits: dict[str, tuple[int, str]] = {}
        seen: dict[tuple[str, str, int], int] = {}
        for line, entry in zip(found.lines, found.entries, strict=True):
            first_line, split = splits.setdefault(entry.identity, (line, entry.split))
            if split != entry.split:
                self.fault(
                    line,
                    f'"{entry.identity}" is in {entry.split} here and in {split} on line {first_line}',
                    "Put all clips of a person into one split.",
                )
            key = (entry.path, str(entry.frames), hash(str(entry.region)))
            if key in seen:
                self.fault(line, f"the same clip stands on line {seen[key]}", "Remove one of the lines.")
            seen.setdefault(key, line)
            self._check_path(line, found.clip_path(entry))
        if found.landmarks68 is not None and not found.landmarks68.is_file():
            self.fault(1, f"landmarks68 {found.landmarks68} does not exist", "Give the predictor's file.")
        if not any(entry.split == "train" for entry in found.entries):
            self.fault(1, "every clip is held back", "Leave some clips to train with.")

    def _check_path(self, line: int, path: Path) -> None:
        try:
            here = path.parent.is_dir() if has_frame_field(path) else path.exists()
        except OSError:  # for one, it is longer than the system takes
            here = False
        if not here:
            self.fault(line, f"{path} does not exist", "Check the path, and root in the header.")
            return
        suffixes = (*_PICTURES, *MOVIE_SUFFIXES)
        if not path.is_dir() and path.suffix.lower() not in suffixes:
            self.fault(line, f"{path} is no clip", f"Use a folder, or files ending in {', '.join(suffixes)}.")

    def _object(self, number: int, line: str) -> dict[str, Any] | None:
        try:
            body = read_json(line)
        except json.JSONDecodeError as problem:
            self.fault(number, f"this is no JSON object; it is wrong from character {problem.colno} on")
            return None
        except ValueError as problem:
            self.fault(number, reason_of(problem))
            return None
        if not isinstance(body, dict):
            self.fault(number, "this is no JSON object")
            return None
        return body

    def _checked(self, adapter: TypeAdapter[Line], number: int, body: dict[str, Any]) -> Line | None:
        try:
            return read_strictly(adapter, body)
        except ValidationError as error:
            for sentence in sentences_of(error, body):
                self.fault(number, sentence)
            return None


def _to_json(entry: ClipEntry) -> dict[str, Any]:
    body: dict[str, Any] = {"path": entry.path, "identity": entry.identity, "split": entry.split}
    if entry.frames is not None:
        body["frames"] = str(entry.frames)
    if entry.space is not None:
        body["space"] = entry.space
    if entry.region is not None:
        kind, by_frame = entry.region.kind, entry.region.by_frame
        if None in by_frame:
            body[kind] = _whole_where_whole(by_frame[None])
        else:
            several = {"box": "boxes", "crop": "crops"}[kind]
            body[several] = {str(frame): _whole_where_whole(v) for frame, v in by_frame.items()}
    return body


def _whole_where_whole(values: Iterable[float]) -> list[float]:
    return [int(value) if float(value).is_integer() else value for value in values]
