"""Files that clients on this machine fill and the service reads, so that pixels do not pass through a socket.

The folder and its rules are the service's: mode 0700, so only its own user gets in; a file is read only if
it is a regular one of this user, in the folder itself and no longer than it may be, and what is asked for
lies in it. Reading past a shrunken file is an error here, where a mapping would end the process. A client
holds a lock on its file while it lives; a file without one is swept.
"""

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from svfr_client.connection import make_private_folder
from svfr_client.errors import SvfrError
from svfr_client.protocol.transfers import MOST_LOCAL_FILE_BYTES, PutLocal
from svfr_server.errors import PathForbidden, PieceIsDamaged
from svfr_server.job_store.transfers import transfers_folder
from svfr_server.roots import real_path

# Between making its file and locking it a client needs a moment.
YOUNG_SECONDS = 60.0
_REMEDY = "Send the pieces in messages instead."


def local_folder(home: Path) -> Path:
    """Return the folder of a service for such files."""
    return transfers_folder(home) / "local"


def make_local_folder(home: Path) -> str | None:
    """Return the folder with a separator at its end, made if needed; None if it cannot be made private."""
    try:
        make_private_folder(transfers_folder(home))
        return str(make_private_folder(local_folder(home))) + os.sep
    except (OSError, SvfrError):
        return None


def read_local(home: Path, request: PutLocal) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of each piece that lies in a client's file.

    Raises PathForbidden for a file that is not as laid down, PieceIsDamaged for a piece beyond its end.
    """
    folder = local_folder(home)
    path = folder / request.file
    if real_path(str(path)).parent != real_path(str(folder)):
        raise _forbidden("The local file lies elsewhere.", path)
    try:
        opened = open(path, "rb", buffering=0, opener=_open_itself)  # noqa: SIM115 - with follows
    except OSError as problem:
        raise _forbidden("The service sees no such local file.", path) from problem
    with opened as file:
        status = os.fstat(file.fileno())
        is_own = sys.platform == "win32" or status.st_uid == os.getuid()
        if not stat.S_ISREG(status.st_mode) or not is_own or status.st_size > MOST_LOCAL_FILE_BYTES:
            raise _forbidden("The local file is not a regular one of the service's user, or too long.", path)
        if any(one.offset + one.bytes > status.st_size for one in request.pieces):
            raise PieceIsDamaged("A piece lies beyond the local file's end.", path=path, remedy=_REMEDY)
        for one in request.pieces:
            file.seek(one.offset)
            yield one.piece, file.read(one.bytes)


def _open_itself(path: str, flags: int) -> int:
    """Open the file of this very name: no link is followed, no pipe waited for."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def sweep_local_files(home: Path) -> None:
    """Remove files whose makers are gone."""
    folder = local_folder(home)
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if path.lstat().st_mtime < time.time() - YOUNG_SECONDS and not _is_held(path):
                path.unlink()
        except OSError:
            continue  # another sweep was quicker, or Windows: its maker has it open


def _is_held(path: Path) -> bool:
    """Return whether the maker lives and holds its lock; on Windows removing an open file fails instead."""
    if sys.platform == "win32" or not stat.S_ISREG(path.lstat().st_mode):
        return False
    import fcntl

    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _forbidden(text: str, path: Path) -> PathForbidden:
    return PathForbidden(text, path=path, remedy=_REMEDY)
