"""Numbered file names: ``shot.%04d.exr``, ``shot.####.exr``, and the number inside one single file's name.

A pattern has exactly one frame field, in the file name. ``%04d`` and ``####`` mean at least four digits;
``%d`` and ``#`` any number without leading zeros. Larger numbers simply take more digits, and a negative
frame is ``-`` inside the width, as printf writes it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from svfr_restore.errors import BadPathPattern

FRAME_FIELD = re.compile(r"%0?(\d*)d|(#+)")
_NUMBER_AT_THE_END = re.compile(r"[._](-?\d+)$")
_REMEDY = "Write one frame field in the file name, for example shot.%04d.exr or shot.####.exr."


def has_frame_field(text: str | os.PathLike[str]) -> bool:
    """Return whether the file name holds a frame field (``%04d``, ``####``, ...)."""
    return bool(FRAME_FIELD.search(Path(text).name))


def frame_number_in_name(path: Path) -> int:
    """Return the number that ends a single file's name (``shot.1001.exr`` -> 1001), 1 without one."""
    found = _NUMBER_AT_THE_END.search(path.stem)
    return int(found.group(1)) if found else 1


@dataclass(frozen=True)
class PathPattern:
    """A folder and a file name with one frame field of at least ``digits`` digits."""

    folder: Path
    prefix: str
    digits: int
    suffix: str

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> PathPattern:
        """Read ``folder/name.%04d.ext`` or ``folder/name.####.ext``.

        Raises BadPathPattern without a frame field, with two, or with one in a folder's name.
        """
        path = Path(text)
        fields = list(FRAME_FIELD.finditer(path.name))
        if len(fields) != 1:
            said = "no frame field" if not fields else f"{len(fields)} frame fields"
            raise BadPathPattern(f"The path has {said}.", path=path, remedy=_REMEDY)
        if any(FRAME_FIELD.search(part) for part in path.parent.parts):
            raise BadPathPattern("A folder of the path holds a frame field.", path=path, remedy=_REMEDY)
        printf, hashes = fields[0].group(1), fields[0].group(2)
        digits = len(hashes) if hashes else int(printf or 1)
        return cls(path.parent, path.name[: fields[0].start()], digits, path.name[fields[0].end() :])

    def path(self, frame: int) -> Path:
        """Return the file of one frame."""
        return self.folder / f"{self.prefix}{frame:0{self.digits}d}{self.suffix}"

    def frames(self) -> tuple[int, ...]:
        """Return the numbers of the files on disk, in order; empty when the folder is missing."""
        number = re.compile(re.escape(self.prefix) + r"(-?\d+)" + re.escape(self.suffix))
        try:
            names = {entry.name for entry in self.folder.iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            return ()
        matches = (number.fullmatch(name) for name in names)
        found = {int(match.group(1)) for match in matches if match}
        return tuple(sorted(frame for frame in found if self.path(frame).name in names))

    def __str__(self) -> str:
        field = f"%0{self.digits}d" if self.digits > 1 else "%d"
        return str(self.folder / f"{self.prefix}{field}{self.suffix}")
