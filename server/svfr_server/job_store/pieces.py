"""One client's pieces on the disk, each a file named by its SHA-256 and its length.

A disk spoils files. One that was shortened or emptied is known at a look, by its length; one whose bytes
changed when it is read for use, by its hash. Either is as good as not there: it is asked for again.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from svfr_server.job_store.steps import Steps


class Pieces:
    """The pieces below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, piece: str, size_bytes: int) -> Path:
        """Return where a piece of this length is kept."""
        return self._folder / piece[:2] / f"{piece}.{size_bytes}"

    def find(self, pieces: Sequence[str]) -> Steps[dict[str, Path]]:
        """Return the files of those that are there and as long as they were; they count as used now."""
        groups: dict[str, set[str]] = {}
        for piece in pieces:
            groups.setdefault(piece[:2], set()).add(piece)
        found: dict[str, Path] = {}
        for name, wanted in groups.items():
            found.update(_found(self._folder / name, wanted))
            yield
        return found


def is_whole(path: Path, size_bytes: int) -> bool:
    """Return whether there is a regular file of this length; then it counts as used now."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
            return False
        os.utime(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def make_way(path: Path) -> None:
    """Remove what stands where this file or its folder belongs and is none: all here can be made again."""
    for place, is_wrong in ((path.parent, not path.parent.is_dir()), (path, path.is_dir())):
        if is_wrong and os.path.lexists(place):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()


def length_of(path: Path) -> int:
    """Return the length that the file of a piece should have."""
    return int(path.suffix[1:])


def read_piece(path: Path) -> bytes | None:
    """Return the bytes of a piece; None, and it is there no longer, if they are not what its name says."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if hashlib.sha256(data).hexdigest() == path.stem:
        return data
    path.unlink(missing_ok=True)
    return None


def is_made_of(path: Path, pieces: Sequence[Path]) -> Steps[bool]:
    """Return whether the file is there and holds just what these files of pieces are named by."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != sum(map(length_of, pieces)):
            return False
        with path.open("rb") as file:
            for piece in pieces:
                if hashlib.sha256(file.read(length_of(piece))).hexdigest() != piece.stem:
                    return False
                yield
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _found(folder: Path, wanted: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    try:
        inside = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return found
    with inside:
        for entry in inside:
            piece, _, length = entry.name.partition(".")
            path = Path(entry.path)
            if piece in wanted and length.isdigit() and is_whole(path, int(length)):
                found[piece] = path
    return found
