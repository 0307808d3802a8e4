"""What the files of restored frames are called, and where they go when others are there already.

The version of a path is its last ``v001``-like name part, in folder or file name; every part with the same
number is raised together, to one more than the highest version on disk: ``sh010_v001/sh010_v001.%04d.exr`` ->
``sh010_v002/sh010_v002.%04d.exr``. A path without a version gains ``_v002`` before the frame field:
``shot.%04d.exr`` -> ``shot_v002.%04d.exr``.
"""

import glob
import re
from pathlib import Path
from typing import List, Sequence

from .errors import OutputExists
from .sequences import FRAME_FIELD, PathPattern, has_frame_field

_VERSION = re.compile(r"(?<![A-Za-z0-9])([vV])(\d+)(?![A-Za-z0-9])")
_FIRST_VERSION, _FIRST_NEW_VERSION = "v001", "v002"
_ANY_FRAME, _ANY_VERSION = "\0", "\1"  # stand for the fields while the rest is escaped


def output_path(pattern: str, frame: int) -> Path:
    """Return the file of a frame; a path without a frame field is the file itself."""
    return PathPattern.parse(pattern).path(frame) if has_frame_field(pattern) else Path(pattern)


def existing_frames(pattern: str, frames: Sequence[int]) -> List[int]:
    """Return the frames whose file is there."""
    return [frame for frame in frames if output_path(pattern, frame).exists()]


def outputs_exist(text: str, there: Sequence[int]) -> OutputExists:
    """Return the refusal of a job that may not replace these frames, which are there."""
    some = ", ".join(map(str, there[:5])) + (", ..." if len(there) > 5 else "")
    return OutputExists(
        f"{len(there)} output files are already there (frames {some}).",
        frame=there[0],
        path=output_path(text, there[0]),
        remedy="Choose to overwrite, to write a new version, or another output path.",
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
    this_version = rf"(?<![A-Za-z0-9])[vV]{digits}(?![A-Za-z0-9])"
    general = re.sub(this_version, _ANY_VERSION, FRAME_FIELD.sub(_ANY_FRAME, pattern))
    wild = glob.escape(general).replace(_ANY_FRAME, "*").replace(_ANY_VERSION, "[vV]*")
    matcher = re.escape(general).replace(_ANY_FRAME, r"-?\d+").replace(_ANY_VERSION, r"[vV](\d+)")
    numbers = [int(digits)]
    for path in glob.glob(wild):  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = re.fullmatch(matcher, path)
        if found and len({int(number) for number in found.groups()}) == 1:
            numbers.append(int(found.group(1)))
    new = f"{max(numbers) + 1:0{len(digits)}d}"
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
