"""Pieces to a server on the same machine by a file that both open; frames read where the server wrote them.

The server names the folder and owns its rules; who cannot use it (another user, another machine, an older
server) sends in messages instead. Nothing is mapped: a write to a mapping of a full disk, or a read past the
end of a file that shrank, would end the host's process, where a write or read that fails is an error.
"""

import contextlib
import os
import sys
import uuid
from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Sequence, Tuple

from ..client import Client
from ..connection import check_private
from ..errors import SvfrError
from ..protocol.transfers import (
    LOCAL_MINOR,
    MOST_LOCAL_PIECES,
    PIECE_BYTES,
    LocalPiece,
    PutLocal,
    ResultPart,
)
from ..protocol.wire import Message
from ..records import to_plain

# Two slots: the server reads one while the other is filled. Written again and again, they stay in memory.
SLOT_BYTES = 8 * PIECE_BYTES
SLOTS = 2
# What the server answers about a file that it does not see as this client does.
REFUSALS = ("FORBIDDEN_PATH", "BAD_REQUEST")
_COPIED_AT_ONCE = 4 * PIECE_BYTES


class HandoverFile:
    """This client's own file in the server's folder, locked while it lives and removed at its end."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._free = list(range(SLOTS))

    @classmethod
    @contextlib.contextmanager
    def at(cls, client: Client) -> Iterator[Optional["HandoverFile"]]:
        """Make a file for as long as the block lasts; None where this client cannot use the folder."""
        welcome = client.met()
        folder = welcome.local_folder if welcome.minor >= LOCAL_MINOR else None
        made = None if folder is None else _make(Path(folder))
        if made is None:
            yield None
            return
        path, file = made
        try:
            with file:
                yield cls(path, file)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    def put(self, pieces: Sequence[Tuple[str, bytes]]) -> Tuple[Message, int]:
        """Write pieces into a free slot; return the request that hands them over, and the slot.

        The pieces fit a slot. Raises OSError when the disk is full.
        """
        slot = self._free.pop()
        offset = slot * SLOT_BYTES
        listed: List[LocalPiece] = []
        self._file.seek(offset)
        for digest, data in pieces:
            listed.append(LocalPiece(digest, offset, len(data)))
            self._file.write(data)
            offset += len(data)
        self._file.flush()
        return Message("put_local", to_plain(PutLocal(self._path.name, tuple(listed)))), slot

    def free(self, slot: int) -> None:
        """Let a slot be written anew: the server has read it."""
        self._free.append(slot)


def batches(sizes: Sequence[int]) -> List[List[int]]:
    """Return the indices of pieces of these sizes, in groups that fit a slot and one request."""
    found: List[List[int]] = []
    room = 0
    for index, size_bytes in enumerate(sizes):
        if size_bytes > room or len(found[-1]) == MOST_LOCAL_PIECES:
            found.append([])
            room = SLOT_BYTES
        found[-1].append(index)
        room -= size_bytes
    return found


def copy_here(part: ResultPart, offset: int, file: BinaryIO) -> bool:
    """Append what the server's file holds from ``offset`` on, where this process may read that file itself.

    Returns whether it did: the file under the server's path belongs to this user and has the server's stamp,
    which is its inode and time of change, before and after it was read. Else ``file`` ends where it did.
    """
    if part.path is None or sys.platform == "win32":
        return False
    beginning = file.tell()
    try:
        with open(part.path, "rb", opener=_open_here) as found:
            if not _is(part, found):
                return False
            found.seek(offset)
            left = part.bytes - offset
            while left:
                data = found.read(min(left, _COPIED_AT_ONCE))
                if not data:
                    break
                file.write(data)
                left -= len(data)
            if not left and _is(part, found):
                return True
    except (OSError, ValueError):
        pass
    file.seek(beginning)
    file.truncate()
    return False


def _is(part: ResultPart, file: BinaryIO) -> bool:
    status = os.fstat(file.fileno())
    stamp = f"{status.st_ino:x}.{status.st_mtime_ns:x}"
    return (status.st_uid, status.st_size, stamp) == (os.getuid(), part.bytes, part.stamp)


def _open_here(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _make(folder: Path) -> Optional[Tuple[Path, BinaryIO]]:
    """Return a new file in the folder, open and locked; None where that cannot be."""
    path = folder / f"{uuid.uuid4().hex}.local"
    try:
        check_private(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags, 0o600), "r+b")
    except (OSError, ValueError, SvfrError):
        return None
    try:
        _lock(file)
    except OSError:  # a file system without locks: the server would take the file for an abandoned one
        file.close()
        path.unlink()
        return None
    return path, file


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        return  # an open file cannot be removed there
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
