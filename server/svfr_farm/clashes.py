"""What the shots of one list would do to each other: files that two write, and files that one writes over.

Names are compared as the strictest disk of a farm would: through links, and without regard to case.
"""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.output_names import output_path
from svfr_client.sequences import has_frame_field
from svfr_farm.errors import ShotListIsBad
from svfr_farm.shot_list import ShotRow

_ANY_FRAME = 1_234_567
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+")
_MOST_DIGITS = 9


@dataclass(frozen=True)
class _Use:
    """A path of a shot's, a pattern or one file, and what it is of the shot, with so many more frames."""

    shot: ShotRow
    what: str
    path: str
    handles: int

    def files(self) -> set[str]:
        """Return one name for each file of a pattern."""
        return {_name(self.path, frame) for frame in _frames(self.shot.job, self.handles)}


@dataclass
class _Patterns:
    """Uses of patterns that differ in numbers alone; their files are worked out once there are two."""

    uses: list[_Use] = field(default_factory=list)
    _by_file: dict[str, list[_Use]] = field(default_factory=dict)
    _known: int = 0

    def of_another(self, wanted: _Use) -> _Use | None:
        """Return the first use by another shot of a file that the wanted one names."""
        if all(use.shot is wanted.shot for use in self.uses):
            return None
        for use in self.uses[self._known :]:
            for file in use.files():
                self._by_file.setdefault(file, []).append(use)
        self._known = len(self.uses)
        found = (use for file in wanted.files() for use in self._by_file.get(file, ()))
        return next((use for use in found if use.shot is not wanted.shot), None)


@dataclass
class _Uses:
    """Uses of files, found again by any path or pattern that names one of these files."""

    _by_name: dict[str, list[_Use]] = field(default_factory=dict)
    _by_pattern: dict[str, list[_Use]] = field(default_factory=dict)
    _patterns: dict[str, _Patterns] = field(default_factory=dict)

    def add(self, use: _Use) -> None:
        """Take up a use; a path that no disk takes names nothing."""
        self._by_name.setdefault(_name(use.path), []).append(use)
        for pattern, _ in _patterns_of(use.path):
            self._by_pattern.setdefault(pattern, []).append(use)
        if has_frame_field(use.path):
            self._patterns.setdefault(_without_numbers(use.path), _Patterns()).uses.append(use)

    def of_another(self, wanted: _Use) -> _Use | None:
        """Return the first use by another shot of a file that this one names."""
        path = wanted.path
        name = _name(path)
        if not name:
            return None  # the shot's own check says what is wrong with it
        same = self._by_name.get(name, [])
        if has_frame_field(path):
            same = same + [u for u in self._by_pattern.get(name, []) if _is_frame_of(path, u.path)]
        for pattern, _ in _patterns_of(path):
            same = same + [u for u in self._by_name.get(pattern, []) if _is_frame_of(u.path, path)]
        found = next((use for use in same if use.shot is not wanted.shot), None)
        if found is None and has_frame_field(path):
            found = self._patterns.get(_without_numbers(path), _Patterns()).of_another(wanted)
        return found


def clashes(shots: Sequence[tuple[ShotRow, str]]) -> list[SvfrError]:
    """Return a problem for every shot that would write files which another writes, or reads.

    With each shot comes the pattern that it writes.
    """
    written, read = _Uses(), _Uses()
    problems: list[SvfrError] = []
    for shot, _ in shots:
        for what, path in _inputs(shot.job):
            read.add(_Use(shot, what, path, shot.job.handles))
    for shot, output in shots:
        own = _Use(shot, "output", output, shot.job.handles if shot.job.write_handles else 0)
        other, reader = written.of_another(own), read.of_another(own)
        written.add(own)
        text = ""
        if other is not None:
            text = f"Its output is that of {other.shot.name} in row {other.shot.row}."
        elif reader is not None:
            text = f"Its output is the {reader.what} of {reader.shot.name} in row {reader.shot.row}."
        if text:
            remedy = "Give each shot an output of its own; names that differ in case alone are the same."
            problems += shot.fault(ShotListIsBad(text, path=Path(output), remedy=remedy))
    return problems


def _inputs(job: JobSpec) -> list[tuple[str, str]]:
    named = [("plate", job.plate), ("mask", job.mask_path), ("crop tracks file", job.crop_tracks)]
    named += [("reference", reference.photo) for reference in job.references]
    named += [("photo of a face", photo) for photo in job.faces.photos]
    named += [("OCIO config", job.colour.config)]
    return [(what, path) for what, path in named if path]


def _frames(job: JobSpec, more: int) -> tuple[int, ...]:
    try:
        asked = FrameRange.parse(job.frames).frames
    except SvfrError:
        return ()  # the shot's own check says so
    return (*range(asked[0] - more, asked[0]), *asked, *range(asked[-1] + 1, asked[-1] + 1 + more))


def _name(pattern: str, frame: int = _ANY_FRAME) -> str:
    """Return one name for all paths of a pattern's file; nothing for what is no pattern."""
    try:
        path = output_path(pattern, frame)
        return _folder(str(path.parent)) + os.sep + _plain(path.name)
    except (SvfrError, OSError, ValueError):
        return ""


@functools.lru_cache(maxsize=4096)
def _folder(path: str) -> str:
    return _plain(os.path.realpath(path))


def _plain(name: str) -> str:
    """Return one name for those that are the same to some disk: macOS and Windows know one case and form."""
    return unicodedata.normalize("NFC", name.casefold())


def _without_numbers(pattern: str) -> str:
    folder, _, file = _name(pattern).rpartition(os.sep)
    return f"{folder}{os.sep}{_NUMBER.sub('', file)}"


def _patterns_of(path: str) -> Iterator[tuple[str, int]]:
    """Yield the names of all patterns that one file may be a frame of, each with that frame."""
    if has_frame_field(path) or not (name := _name(path)):
        return
    folder, _, file = name.rpartition(os.sep)
    for run in _DIGITS.finditer(file):
        for start in range(run.start(), run.end()):
            for end in range(start + 1, min(run.end(), start + _MOST_DIGITS) + 1):
                frame = int(file[start:end])
                yield f"{folder}{os.sep}{file[:start]}{_ANY_FRAME}{file[end:]}", frame


def _is_frame_of(pattern: str, path: str) -> bool:
    """Return whether a pattern has a frame of just this file's name."""
    name = _plain(Path(path).name)
    return any(
        _name(pattern) == found and _plain(output_path(pattern, frame).name) == name
        for found, frame in _patterns_of(path)
    )
