"""What the files of restored frames are called, and where they go when others are there already.

The version of a path is its last ``v001``-like name part, in folder or file name; every part with the same
number is raised together, to one more than the highest version on disk: ``sh010_v001/sh010_v001.%04d.exr`` ->
``sh010_v002/sh010_v002.%04d.exr``. A path without a version gains ``_v002`` before the frame field:
``shot.%04d.exr`` -> ``shot_v002.%04d.exr``.
"""

import contextlib
import functools
import glob
import re
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from .errors import BadPathPattern, OutputEqualsPlate, OutputExists, SvfrError
from .files import is_there
from .sequences import FRAME_FIELD, PathPattern, has_frame_field, is_sequence
from .sizes import counted

_VERSION = re.compile(r"(?<![A-Za-z0-9])([vV])(\d+)(?![A-Za-z0-9])")
_FIRST_VERSION, _FIRST_NEW_VERSION = "v001", "v002"
_ANY_FRAME, _ANY_VERSION = "\0", "\1"  # stand for the fields while the rest is escaped


def output_path(pattern: str, frame: int) -> Path:
    """Return the file of a frame; a path without a frame field is the file itself."""
    parsed = _parsed(pattern)
    return Path(pattern) if parsed is None else parsed.path(frame)


def files_named(text: str, frames: Sequence[int]) -> Iterator[Path]:
    """Yield the files that a path names for ``frames``: those of a sequence, or the one file."""
    if is_sequence(text):
        with contextlib.suppress(SvfrError):  # numbered names without a pattern
            yield from (output_path(text, frame) for frame in frames)
    else:
        yield Path(text)


@functools.lru_cache(maxsize=256)
def _parsed(pattern: str) -> Optional[PathPattern]:
    """Return a pattern, read once for all its frames; None without a frame field."""
    return PathPattern.parse(pattern) if has_frame_field(pattern) else None


def check_output_pattern(pattern: str, frame_count: int) -> None:
    """Raise BadPathPattern for what is no EXR, or no sequence where there are several frames."""
    if Path(pattern).suffix.lower() != ".exr":
        raise BadPathPattern(
            "The output must be EXR files.",
            path=pattern,
            remedy="End the path in .exr, e.g. out/shot.%04d.exr.",
        )
    if has_frame_field(pattern):
        PathPattern.parse(pattern)
    elif frame_count > 1:
        raise BadPathPattern(
            f"{frame_count} frames cannot all be written to one file.",
            path=pattern,
            remedy="Write a frame field in the file name, for example shot.%04d.exr.",
        )


def existing_frames(pattern: str, frames: Sequence[int]) -> List[int]:
    """Return the frames whose file is there."""
    return [frame for frame in frames if is_there(output_path(pattern, frame))]


def outputs_exist(text: str, there: Sequence[int]) -> OutputExists:
    """Return the refusal of a job that may not replace these frames, which are there."""
    some = ", ".join(map(str, there[:5])) + (", ..." if len(there) > 5 else "")
    verb = "is" if len(there) == 1 else "are"
    return OutputExists(
        f"{counted(len(there), 'output file')} {verb} already there (frames {some}).",
        frame=there[0],
        path=output_path(text, there[0]),
        remedy="To go on or replace them: `--existing overwrite`, which computes nothing twice. Beside them: "
        "`--existing version_up`. The rest of a job that a server elsewhere has: `svfr fetch JOB`.",
    )


def output_is_input(frame: int, path: Path) -> OutputEqualsPlate:
    """Return the refusal of an output whose file for ``frame`` is one that the job reads."""
    return OutputEqualsPlate(
        "The output files are files that the job reads.",
        frame=frame,
        path=path,
        remedy="Choose another output folder or name.",
    )


def version_name(pattern: str) -> str:
    """Return the version that a path says, ``v002``; ``v001`` for a path without one, which is the first."""
    tokens = list(_VERSION.finditer(pattern))
    return tokens[-1].group(0).lower() if tokens else _FIRST_VERSION


def next_version(pattern: str) -> str:
    """Return the pattern of the next version: one more than the highest that has any file on disk."""
    tokens = list(_VERSION.finditer(pattern))
    if not tokens:
        return _first_versions(pattern)
    digits = tokens[-1].group(2)
    return _with_version(pattern, digits, max(_versions_there(pattern, digits)) + 1)


def _versions_there(pattern: str, digits: str) -> List[int]:
    """Return the pattern's own version, which is ``digits``, and the others that have any file on disk."""
    this_version = rf"(?<![A-Za-z0-9])[vV]{digits}(?![A-Za-z0-9])"
    general = re.sub(this_version, _ANY_VERSION, FRAME_FIELD.sub(_ANY_FRAME, pattern))
    wild = glob.escape(general).replace(_ANY_FRAME, "*").replace(_ANY_VERSION, "[vV]*")
    matcher = re.escape(general).replace(_ANY_FRAME, r"-?\d+").replace(_ANY_VERSION, r"[vV](\d+)")
    numbers = [int(digits)]
    for path in glob.glob(wild):  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = re.fullmatch(matcher, path)
        if found and len({int(number) for number in found.groups()}) == 1:
            numbers.append(int(found.group(1)))
    return numbers


def newest_version(pattern: str) -> str:
    """Return the pattern of the highest version that has any file on disk; the path itself when none has."""
    tokens = list(_VERSION.finditer(pattern))
    if tokens:
        digits = tokens[-1].group(2)
        return _with_version(pattern, digits, max(_versions_there(pattern, digits)))
    following = next_version(pattern)
    digits = list(_VERSION.finditer(following))[-1].group(2)
    return pattern if int(digits) <= 2 else _with_version(following, digits, int(digits) - 1)


def _with_version(pattern: str, digits: str, number: int) -> str:
    """Return the pattern with another number in the place of the version ``digits``."""
    new = f"{number:0{len(digits)}d}"
    return _VERSION.sub(
        lambda token: token.group(1) + new if token.group(2) == digits else token.group(0), pattern
    )


def _first_versions(pattern: str) -> str:
    """Put the first new version before the frame field, or before the ending of a single file."""
    path = Path(pattern)
    field = FRAME_FIELD.search(path.name)
    stem, rest = (
        (path.name[: field.start()], path.name[field.start() :]) if field else (path.stem, path.suffix)
    )
    bare = stem.rstrip("._-")
    separator = stem[len(bare) :] or ("." if field else "")
    versioned = f"{bare}_{_FIRST_NEW_VERSION}" if bare else _FIRST_NEW_VERSION
    new = str(path.with_name(versioned + separator + rest))
    files = FRAME_FIELD.sub("*", glob.escape(Path(new).name))
    return next_version(new) if any(path.parent.glob(files)) else new
