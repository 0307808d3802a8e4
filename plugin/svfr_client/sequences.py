"""Numbered file names: ``shot.%04d.exr``, ``shot.####.exr``, and the number inside one single file's name.

A pattern has exactly one frame field, in the file name; beside a ``%04d`` a ``#`` is a letter as any other,
as in ``take #1.%04d.exr``. ``%04d`` and ``####`` mean at least four digits;
``%d`` and ``#`` any number without leading zeros. Larger numbers simply take more digits, and a negative
frame is ``-`` inside the width, as printf's ``%04d`` writes it: ``-001``. The ``-0001`` of ``%.4d``, with the
minus before the width, is taken where only that file is there.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import List, Optional, Tuple, Union

from .errors import BadPathPattern, FolderCannotBeRead, FrameIsMissing
from .files import is_file
from .reasons import reason_of

# A width of three digits is no width: no disk takes such a name.
FRAME_FIELD = re.compile(r"%0?(\d{0,2})d|(#+)")
# A longer number is no frame: a date, or the milliseconds at which a phone took its picture.
_NUMBER_AT_THE_END = re.compile(r"[._](-?\d{1,9})$")
_REMEDY = "Write one frame field in the file name, for example shot.%04d.exr or shot.####.exr."


def has_frame_field(text: Union[str, "os.PathLike[str]"]) -> bool:
    """Return whether the file name holds a frame field (``%04d``, ``####``, ...)."""
    return bool(FRAME_FIELD.search(Path(text).name))


def frame_fields(name: str) -> List["re.Match[str]"]:
    """Return what may be the frame field of a file's name: what printf knows, else every run of ``#``."""
    found = list(FRAME_FIELD.finditer(name))
    return [field for field in found if field.group(2) is None] or found


def is_sequence(text: Union[str, "os.PathLike[str]"]) -> bool:
    """Return whether a path means numbered files: it holds a frame field, and is no file as it stands.

    ``take#3.png`` and ``first%20day.png`` are names that people give; a file that is there is that file.
    """
    return has_frame_field(text) and not is_file(Path(text))


def plate_name(path: str) -> str:
    """Return a plate's name without folder, frame field and suffix: ``shot`` for ``a/shot.%04d.exr``.

    Both kinds of slashes part folders, because a host may hold paths of another machine.
    """
    stem = PurePosixPath(path.replace("\\", "/")).stem
    fields = frame_fields(stem)
    name = stem
    for field in reversed(fields):
        name = name[: field.start()] + name[field.end() :]
    return (name.strip("._-") or "plate") if fields else stem


def frame_number_in_name(path: PurePath) -> int:
    """Return the number that ends a single file's name (``shot.1001.exr`` -> 1001), 1 without one."""
    found = _NUMBER_AT_THE_END.search(path.stem)
    return int(found.group(1)) if found else 1


def number_ends_name(path: PurePath) -> bool:
    """Return whether a single file's name ends in a number that is its frame."""
    return bool(_NUMBER_AT_THE_END.search(path.stem))


def digits_of(field: "re.Match[str]") -> int:
    """Return the least number of digits of a match of ``FRAME_FIELD``."""
    return len(field.group(2)) if field.group(2) else int(field.group(1) or 1)


def pattern_of_file(path: str, *, like: str = "", frame: Optional[int] = None) -> Optional[str]:
    """Return the pattern of which a file is one frame, ``a.%04d.exr`` of ``a.1001.exr``; None: no number.

    ``like``: the pattern it was asked for by, whose field and ending are kept; names before the field may
    differ, because a version may have been raised. Without it the number before the suffix is the frame, with
    the digits it has there. ``frame``: what that number must be. A minus counts to the number where ``frame``
    is negative, or where ``like`` has none before its field; else it parts words, as in ``clip-0001.png``.
    """
    name = PurePosixPath(path.replace("\\", "/")).name
    fields = frame_fields(PurePosixPath(like.replace("\\", "/")).name) if like else []
    if like and not fields:
        return None
    field = fields[0] if fields else None
    before, tail, sign = "", PurePosixPath(name).suffix, "-" if frame is not None and frame < 0 else ""
    if field is not None:
        before, tail, sign = field.string[: field.start()][-1:], field.string[field.end() :], "-?"
    after_minus = "(?<=-)" if before == "-" else ""
    number = re.search(f"{after_minus}{sign}[0-9]+(?={re.escape(tail)}\\Z)", name)
    if number is None or (frame is not None and int(number.group()) != frame):
        return None
    written = field.group() if field is not None else f"%0{len(number.group())}d"
    end = len(path) - len(name)
    return f"{path[:end]}{name[: number.start()]}{written}{name[number.end() :]}"


def missing_frame(frame: int, first: int, last: int, path: Path) -> FrameIsMissing:
    """Return the error of a frame that a plate lacks; ``first`` and ``last``: those of the plate."""
    return FrameIsMissing(
        f"The plate has no frame {frame}; it runs from {first} to {last}.",
        frame=frame,
        path=path,
        remedy="Render the frame, shorten the range, or choose to hold or skip missing frames "
        "(`--missing hold`, `--missing skip`).",
    )


def _minus_before_width(frame: int, digits: int) -> str:
    return f"-{-frame:0{digits}d}"


@dataclass(frozen=True)
class PathPattern:
    """A folder and a file name with one frame field of at least ``digits`` digits."""

    folder: Path
    prefix: str
    digits: int
    suffix: str

    @classmethod
    def parse(cls, text: Union[str, "os.PathLike[str]"]) -> "PathPattern":
        """Read ``folder/name.%04d.ext`` or ``folder/name.####.ext``.

        What a folder's name holds is no field. Raises BadPathPattern without a frame field or with two.
        """
        path = Path(text)
        fields = frame_fields(path.name)
        if len(fields) != 1:
            count = "no frame field" if not fields else f"{len(fields)} frame fields"
            raise BadPathPattern(f"The path has {count}.", path=path, remedy=_REMEDY)
        digits = digits_of(fields[0])
        return cls(path.parent, path.name[: fields[0].start()], digits, path.name[fields[0].end() :])

    def path(self, frame: int) -> Path:
        """Return the file of one frame; of a negative one the ``-0001`` that is there alone."""
        usual = self._named(f"{frame:0{self.digits}d}")
        if frame < 0 and not is_file(usual):
            other = self._named(_minus_before_width(frame, self.digits))
            return other if is_file(other) else usual
        return usual

    def _named(self, number: str) -> Path:
        return self.folder / f"{self.prefix}{number}{self.suffix}"

    def frames(self) -> Tuple[int, ...]:
        """Return the numbers of the files on disk, in order; empty when the folder is missing.

        Raises :class:`FolderCannotBeRead` for a folder that may not be read.
        """
        number = re.compile(re.escape(self.prefix) + r"(-?\d+)" + re.escape(self.suffix))
        try:
            names = {entry.name for entry in self.folder.iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as problem:
            raise FolderCannotBeRead(
                f"The folder cannot be read: {reason_of(problem)}.",
                path=self.folder,
                remedy="Check its permissions, or name another folder.",
            ) from problem
        matches = (number.fullmatch(name) for name in names)
        found = {int(match.group(1)) for match in matches if match}
        return tuple(sorted(frame for frame in found if self.path(frame).name in names))

    def __str__(self) -> str:
        field = f"%0{self.digits}d" if self.digits > 1 else "%d"
        return str(self.folder / f"{self.prefix}{field}{self.suffix}")
