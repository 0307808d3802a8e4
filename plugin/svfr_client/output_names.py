"""What the files of restored frames are called, and where they go when others are there already.

The version of a result is a ``v001``-like part that ends its files' name. It rises to one more than the
highest on disk, together with a folder of the very same name: ``shot_v001.%04d.exr`` ->
``shot_v002.%04d.exr``. A name without one gains ``_v002`` before the frame field: ``shot.%04d.exr`` ->
``shot_v002.%04d.exr``.

A version that is the plate's stays. The folders that this product names after a plate, ``NAME_svfr`` and
``NAME_1-50_v001``, say what its name is, and the result's version is what comes after it:
``a_v003_svfr/a_v003.%04d.exr`` -> ``a_v003_svfr/a_v003_v002.%04d.exr``, and
``a_v003_1-50_v001/a_v003.%04d.exr`` -> ``a_v003_1-50_v002/a_v003.%04d.exr``. No other folder changes.
"""

import contextlib
import functools
import glob
import os
import re
from pathlib import Path
from typing import Hashable, Iterable, Iterator, List, Optional, Sequence, Tuple

from .errors import BadPathPattern, OutputEqualsPlate, OutputExists, SvfrError
from .files import is_there
from .sequences import PathPattern, frame_fields, has_frame_field, is_sequence
from .sizes import counted

_VERSION = re.compile(r"(?<![A-Za-z0-9])([vV])(\d+)\Z")
_BESIDE_PLATE = "_svfr"  # ends the folder of a plate's results
_AFTER_NAME = re.compile(r"_-?\d+--?\d+(?:_layers)?_(?=[vV]\d+\Z)")  # in the folder of a result in Blender
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
    verb, frames = ("is", "frame") if len(there) == 1 else ("are", "frames")
    return OutputExists(
        f"{counted(len(there), 'output file')} {verb} already there ({frames} {some}).",
        frame=there[0],
        path=output_path(text, there[0]),
        remedy="To go on or replace them: `--existing overwrite`, which computes nothing twice. Beside them: "
        "`--existing version_up`. The rest of a job that a server elsewhere has: `svfr fetch JOB`.",
    )


def file_came_between(frame: int, path: Path) -> OutputExists:
    """Return the refusal to replace a file that came to a frame's place while its job waited or ran."""
    return OutputExists(
        "Another file has come to the place of this frame since the job began; it is kept.",
        frame=frame,
        path=path,
        remedy="Move it away or choose another output with `--out`, then hand the job in again: what was "
        "computed is kept, so it is soon written.",
    )


def output_is_input(frame: int, path: Path) -> OutputEqualsPlate:
    """Return the refusal of an output whose file for ``frame`` is one that the job reads."""
    return OutputEqualsPlate(
        "The output files are files that the job reads.",
        frame=frame,
        path=path,
        remedy="Choose another output folder or name.",
    )


def output_among_inputs(
    outputs: Sequence[Tuple[int, Path]], read: Iterable[Path]
) -> Optional[OutputEqualsPlate]:
    """Return the refusal of the first of ``outputs``, (frame, file), that is one of the files ``read``.

    None when none is. Folders and files are compared as the disk knows them: a link and a folder that is
    mounted twice are no other place. Files that are not there are compared by folder and name.
    """
    inputs = list(read)
    folders = {path.parent: _folder_key(path.parent) for path in (*inputs, *(path for _, path in outputs))}
    names = {(folders[path.parent], path.name) for path in inputs}
    identities = {_identity(path) for path in inputs} - {None}
    for frame, path in outputs:
        if (folders[path.parent], path.name) in names or _identity(path) in identities:
            return output_is_input(frame, path)
    return None


def _folder_key(folder: Path) -> Hashable:
    return _identity(folder) or os.path.realpath(str(folder))


def _identity(path: Path) -> Optional[Tuple[int, int]]:
    """Return what the disk knows a file or folder by; None where there is none or the disk does not say."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


def version_name(pattern: str) -> str:
    """Return the version that a path says, ``v002``; ``v001`` for a path without one, which is the first."""
    tokens = _own_version(pattern)
    return tokens[-1].group(0).lower() if tokens else _FIRST_VERSION


def next_version(pattern: str) -> str:
    """Return the pattern of the next version: one more than the highest that has any file on disk."""
    tokens = _own_version(pattern)
    if not tokens:
        return _appended(pattern)
    return _with_version(pattern, tokens, max(_versions_there(pattern, tokens)) + 1)


def newest_version(pattern: str) -> str:
    """Return the pattern of the highest version that has any file on disk; the path itself when none has."""
    tokens = _own_version(pattern)
    if tokens:
        return _with_version(pattern, tokens, max(_versions_there(pattern, tokens)))
    following = _appended(pattern)
    (token,) = tokens = _own_version(following)[-1:]
    number = int(token.group(2)) - 1
    return pattern if number <= 1 else _with_version(following, tokens, number)


def _own_version(pattern: str) -> List["re.Match[str]"]:
    """Return the places of a result's version in its path, which say one number; none for a first version."""
    above, name = os.path.split(pattern)
    folder = os.path.basename(above)  # noqa: PTH119 - a Path would not keep the text's places
    at, stem = len(pattern) - len(name), _stem(name)
    plate = folder[: -len(_BESIDE_PLATE)] if folder.endswith(_BESIDE_PLATE) else ""
    own = at + len(plate) if stem.startswith(plate) else at
    in_file = _VERSION.search(pattern, own, at + len(stem))
    folder_at = len(above) - len(folder)
    in_folder = _VERSION.search(pattern, folder_at, len(above))
    if in_folder and folder.startswith(stem) and _AFTER_NAME.match(folder, len(stem)):
        return [in_folder]
    if in_folder and in_file and folder == stem:
        return [in_folder, in_file]
    return [in_file] if in_file else []


def _stem(name: str) -> str:
    """Return a file's name without its frame field or its ending, and what parts these from it."""
    fields = frame_fields(name)
    return (name[: fields[0].start()] if fields else Path(name).stem).rstrip("._-")


def _of_any_frame(pattern: str) -> str:
    """Return a path with a mark in the place of its frame field; a folder's name has none."""
    above, name = os.path.split(pattern)
    for field in reversed(frame_fields(name)):
        name = name[: field.start()] + _ANY_FRAME + name[field.end() :]
    return os.path.join(above, name)  # noqa: PTH118 - a Path would not keep the text's places


def _versions_there(pattern: str, tokens: Sequence["re.Match[str]"]) -> List[int]:
    """Return the pattern's own version, which stands at ``tokens``, and the others that have any file."""
    general = _of_any_frame(_replaced(pattern, tokens, _ANY_VERSION))
    wild = glob.escape(general).replace(_ANY_FRAME, "*").replace(_ANY_VERSION, "[vV]*")
    matcher = re.escape(general).replace(_ANY_FRAME, r"-?\d+").replace(_ANY_VERSION, r"[vV](\d+)")
    numbers = [int(tokens[-1].group(2))]
    for path in glob.glob(wild):  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = re.fullmatch(matcher, path)
        if found and len({int(number) for number in found.groups()}) == 1:
            numbers.append(int(found.group(1)))
    return numbers


def _with_version(pattern: str, tokens: Sequence["re.Match[str]"], number: int) -> str:
    """Return the pattern with another number in the place of its version."""
    return _replaced(pattern, tokens, rf"\g<1>{number:0{len(tokens[-1].group(2))}d}")


def _replaced(pattern: str, tokens: Sequence["re.Match[str]"], template: str) -> str:
    """Return the pattern with a template in the place of each token."""
    for token in reversed(tokens):
        pattern = pattern[: token.start()] + token.expand(template) + pattern[token.end() :]
    return pattern


def _appended(pattern: str) -> str:
    """Put the first new version before the frame field, or before the ending of a single file."""
    path = Path(pattern)
    bare, rest = _stem(path.name), path.name[len(_stem(path.name)) :]
    separator = "." if rest.startswith(("%", "#")) else ""
    new = str(path.with_name((f"{bare}_" if bare else "") + _FIRST_NEW_VERSION + separator + rest))
    tokens = _own_version(new)[-1:]
    files = glob.escape(_of_any_frame(Path(new).name)).replace(_ANY_FRAME, "*")
    if not any(path.parent.glob(files)):
        return new
    return _with_version(new, tokens, max(_versions_there(new, tokens)) + 1)
