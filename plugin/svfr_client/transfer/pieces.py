"""The files of this machine as pieces named by their content."""

import hashlib
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence

from ..errors import FileCannotBeSent, FileWasChanged, TransferWasStopped
from ..files import open_regular
from ..protocol.transfers import MOST_PIECES, PIECE_BYTES
from ..reasons import reason_of
from .job_files import LocalFile
from .progress import Tell, TransferProgress

# On a slow line a piece must pass within the 6 s that the heartbeat allows: 256 KiB need 44 kB/s.
SMALL_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Piece:
    """``size_bytes`` of a file from ``offset`` on; ``digest``: their SHA-256."""

    digest: str
    file: LocalFile
    offset: int
    size_bytes: int


def read_all(
    files: Sequence[LocalFile], tell: Tell, keep_going: Callable[[], bool]
) -> Dict[LocalFile, List[Piece]]:
    """Return the pieces of every file; raises FileCannotBeSent, and TransferWasStopped when it is to stop."""
    total, done = sum(_size_of(file) for file in files), 0

    def read(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        tell(TransferProgress("hash", done, total, files=len(files)))

    read(0)
    return {file: _pieces_of(file, read, keep_going) for file in files}


def _pieces_of(file: LocalFile, read: Callable[[int], None], keep_going: Callable[[], bool]) -> List[Piece]:
    is_long = _size_of(file) > SMALL_PIECE_BYTES * MOST_PIECES
    piece_bytes = PIECE_BYTES if is_long else SMALL_PIECE_BYTES
    found: List[Piece] = []
    try:
        with open_regular(file.path) as opened:
            while True:
                check_going(keep_going)
                data = opened.read(piece_bytes)
                if not data:
                    break
                digest = hashlib.sha256(data).hexdigest()
                offset = len(found) * piece_bytes
                found.append(Piece(digest, file, offset=offset, size_bytes=len(data)))
                read(len(data))
    except OSError as problem:
        raise _unreadable(file, problem) from problem
    if not found:
        raise FileCannotBeSent("The file is empty.", path=file.path, remedy="Write it again.")
    return found


def read_piece(piece: Piece) -> bytes:
    """Return a piece's bytes, which must be what they were when its name was made.

    Raises FileCannotBeSent and FileWasChanged.
    """
    try:
        with open_regular(piece.file.path) as opened:
            opened.seek(piece.offset)
            data = opened.read(piece.size_bytes)
    except OSError as problem:
        raise _unreadable(piece.file, problem) from problem
    if hashlib.sha256(data).hexdigest() != piece.digest:
        text = "The file was changed while it was being sent."
        raise FileWasChanged(text, path=piece.file.path, remedy="Send the job again once nobody writes it.")
    return data


def _size_of(file: LocalFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError as problem:
        raise _unreadable(file, problem) from problem


def _unreadable(file: LocalFile, problem: OSError) -> FileCannotBeSent:
    return FileCannotBeSent(
        f"The file cannot be read: {reason_of(problem)}.",
        path=file.path,
        remedy="The server does not see it either; check its permissions.",
    )


def check_going(keep_going: Callable[[], bool]) -> None:
    """Raise TransferWasStopped once ``keep_going`` is false."""
    if not keep_going():
        remedy = "Send the job again to go on; what the server has is not sent twice."
        raise TransferWasStopped("Sending was stopped.", remedy=remedy)
