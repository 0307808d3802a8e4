"""Files to the server by content: read, ask what it lacks, send that, have it make the files.

Nothing is kept on this side. Whoever broke off, client, server or the line between them: the next try asks
again what is missing, and that is all that is sent.
"""

import hashlib
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Sequence, Set

from ..client import Client
from ..errors import (
    FileCannotBeSent,
    FileWasChanged,
    ServerDoesNotAnswer,
    SvfrError,
    TransferWasStopped,
    raise_problems,
)
from ..protocol.transfers import (
    MOST_PIECES,
    PIECE_BYTES,
    AskPieces,
    Assemble,
    Assembled,
    MissingPieces,
    PutPiece,
    file_name_problem,
)
from ..protocol.wire import Buffer, Message
from ..reasons import reason_of
from ..records import from_plain, known_part, sha256_of, to_plain
from ..send_window import SendWindow
from .handover import REFUSALS, SLOTS, HandoverFile, batches
from .job_files import LocalFile
from .progress import Tell, TransferProgress, tell_nobody

# On a slow line a piece must pass within the 6 s that the heartbeat allows: 256 KiB need 44 kB/s.
SMALL_PIECE_BYTES = 256 * 1024
# The answer must stay below the 1 MiB that a server sends.
ASKED_AT_ONCE = 8192
# How long one try of a request waits: a slow line, or a disk that makes a file of gigabytes.
REPLY_SECONDS = 30.0
ASSEMBLE_SECONDS = 120.0
_ROUNDS = 3
_MOST_BREAKS = 5


@dataclass(frozen=True)
class _Piece:
    digest: str
    file: LocalFile
    offset: int
    size_bytes: int


def upload(
    client: Client,
    files: Sequence[LocalFile],
    tell: Tell = tell_nobody,
    keep_going: Callable[[], bool] = lambda: True,
) -> Assembled:
    """Make the files on the server, and return the folder where they are and the one for results.

    ``files`` is not empty. ``keep_going`` is asked before every piece. Raises BadTransfer naming every file
    whose ending cannot be sent, TransferWasStopped, FileCannotBeSent, FileWasChanged, the server's
    TRANSFERS_FULL and DISK_FULL, and as the client does when the server stays away.
    """
    problems = (file_name_problem(file.name) for file in files)
    raise_problems([problem for problem in problems if problem is not None])
    pieces = _read_all(files, tell, keep_going)
    content = {file.name: [piece.digest for piece in own] for file, own in pieces.items()}
    name_of_set = sha256_of(content)[:32]
    for round_number in range(_ROUNDS):
        _Sending(client, pieces, tell, keep_going).run()
        try:
            return [_assemble(client, name_of_set, name, content[name]) for name in content][-1]
        except SvfrError as problem:
            # The server forgot a piece in between, to make room or because its disk was cleared.
            if problem.code != "PIECES_MISSING" or round_number == _ROUNDS - 1:
                raise
    raise AssertionError("the last round returns or raises")


def _read_all(
    files: Sequence[LocalFile], tell: Tell, keep_going: Callable[[], bool]
) -> Dict[LocalFile, List[_Piece]]:
    """Return the pieces of every file."""
    total, done = sum(_size_of(file) for file in files), 0

    def read(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        tell(TransferProgress("hash", done, total, files=len(files)))

    read(0)
    return {file: _pieces_of(file, read, keep_going) for file in files}


def _pieces_of(file: LocalFile, read: Callable[[int], None], keep_going: Callable[[], bool]) -> List[_Piece]:
    is_long = _size_of(file) > SMALL_PIECE_BYTES * MOST_PIECES
    piece_bytes = PIECE_BYTES if is_long else SMALL_PIECE_BYTES
    found: List[_Piece] = []
    try:
        with file.path.open("rb") as opened:
            while True:
                _check(keep_going)
                data = opened.read(piece_bytes)
                if not data:
                    break
                digest = hashlib.sha256(data).hexdigest()
                offset = len(found) * piece_bytes
                found.append(_Piece(digest, file, offset=offset, size_bytes=len(data)))
                read(len(data))
    except OSError as problem:
        raise _unreadable(file, problem) from problem
    if not found:
        raise FileCannotBeSent("The file is empty.", path=file.path, remedy="Write it again.")
    return found


class _Sending:
    """What the server lacks, each content once, on its way; ``tell`` hears of every piece that arrived."""

    def __init__(
        self,
        client: Client,
        pieces: Dict[LocalFile, List[_Piece]],
        tell: Tell,
        keep_going: Callable[[], bool],
    ) -> None:
        self._client, self._tell, self._keep_going = client, tell, keep_going
        self._files = len(pieces)
        self._every = {piece.digest: piece for own in pieces.values() for piece in own}
        self._in_all = sum(piece.size_bytes for piece in self._every.values())
        self._ask()
        self._total = self._left
        self._say()

    def run(self) -> None:
        """Send everything: by a file of the same machine where that works, else in messages."""
        if self._missing:
            with HandoverFile.at(self._client) as file:
                if file is not None:
                    self._by_file(file)
        self._by_messages()

    def _ask(self) -> None:
        self._missing = _missing(self._client, list(self._every))
        self._left = sum(self._every[digest].size_bytes for digest in self._missing)

    @property
    def _wanted(self) -> List[_Piece]:
        return [piece for piece in self._every.values() if piece.digest in self._missing]

    def _by_file(self, file: HandoverFile) -> None:
        """Send what goes this way; what is still missing afterwards goes in messages."""
        wanted = self._wanted
        groups = [[wanted[i] for i in group] for group in batches([one.size_bytes for one in wanted])]
        slots: List[int] = []

        def requests() -> Iterator[Message]:
            for group in groups:
                _check(self._keep_going)
                message, slot = file.put([(piece.digest, _read(piece)) for piece in group])
                slots.append(slot)
                yield message

        try:
            for index in self._client.ask_ahead(requests(), SendWindow(SLOTS), REPLY_SECONDS):
                file.free(slots[index])
                self._arrived(groups[index])
        except OSError:
            return  # the disk has no room for it
        except SvfrError as problem:
            if problem.code not in REFUSALS:
                raise

    def _by_messages(self) -> None:
        """Send several pieces at a time; after a break ask again, so that nothing is sent twice.

        A server that is away is waited for as long as that question takes; a line on which no piece passes
        between breaks is given up after some of them.
        """
        window, breaks = SendWindow(), 0
        while self._missing:
            wanted = self._wanted
            breaks += 1
            for index in self._client.ask_ahead(self._puts(wanted), window, REPLY_SECONDS):
                breaks = 0
                self._arrived([wanted[index]])
            if breaks >= _MOST_BREAKS:
                text = "The connection breaks before a piece of the files has passed."
                raise ServerDoesNotAnswer(text, remedy="Try again on a better line; what passed is kept.")
            if self._missing:
                window.broke()
                self._ask()
                self._say()

    def _puts(self, wanted: Sequence[_Piece]) -> Iterator[Message]:
        for piece in wanted:
            _check(self._keep_going)
            data = _read(piece)
            buffers = {"data": Buffer(data, kind="raw", dtype="|u1", shape=(len(data),))}
            yield Message("put", to_plain(PutPiece(piece.digest)), buffers=buffers)

    def _arrived(self, pieces: Sequence[_Piece]) -> None:
        self._missing -= {piece.digest for piece in pieces}
        self._left -= sum(piece.size_bytes for piece in pieces)
        self._say()

    def _say(self) -> None:
        done = max(0, self._total - self._left)
        self._tell(TransferProgress("send", done, self._total, files=self._files, files_bytes=self._in_all))


def _missing(client: Client, digests: Sequence[str]) -> Set[str]:
    missing: Set[str] = set()
    for start in range(0, len(digests), ASKED_AT_ONCE):
        some = AskPieces(tuple(digests[start : start + ASKED_AT_ONCE]))
        body = client.ask("missing", to_plain(some), reply_seconds=REPLY_SECONDS).body
        missing.update(from_plain(MissingPieces, known_part(MissingPieces, body), "reply").missing)
    return missing


def _assemble(client: Client, name_of_set: str, name: str, digests: Sequence[str]) -> Assembled:
    request = to_plain(Assemble(name_of_set, name, tuple(digests)))
    body = client.ask("assemble", request, reply_seconds=ASSEMBLE_SECONDS).body
    return from_plain(Assembled, known_part(Assembled, body), "reply")


def _read(piece: _Piece) -> bytes:
    """Return a piece's bytes, which must be what they were when its name was made."""
    try:
        with piece.file.path.open("rb") as opened:
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


def _check(keep_going: Callable[[], bool]) -> None:
    if not keep_going():
        remedy = "Send the job again to go on; what the server has is not sent twice."
        raise TransferWasStopped("Sending was stopped.", remedy=remedy)
