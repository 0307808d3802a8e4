"""Files to the server by content: read, ask what it lacks, send that, have it make the files.

Nothing is kept on this side. Whoever broke off, client, server or the line between them: the next try asks
again what is missing, and that is all that is sent.
"""

import contextlib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set

from ..client import Client
from ..errors import (
    ReportedError,
    ServerDoesNotAnswer,
    SvfrError,
    error_from_dict,
    raise_problems,
)
from ..exchange import LINE_SECONDS
from ..protocol.transfers import (
    MOST_ASKED,
    ROOM_MINOR,
    AskPieces,
    AskRoom,
    Assemble,
    Assembled,
    MissingPieces,
    PutPiece,
    file_name_problem,
)
from ..protocol.wire import Buffer, Message
from ..records import from_plain, known_part, sha256_of, to_plain
from ..send_window import SendWindow
from .handover import REFUSALS, SLOTS, HandoverFile, batches
from .job_files import LocalFile
from .pieces import Piece, check_going, read_all, read_piece
from .progress import Tell, TransferProgress, tell_nobody

# The answer must stay below the 1 MiB that a server sends.
ASKED_AT_ONCE = MOST_ASKED
# How long one try waits for a disk that makes a file of gigabytes.
ASSEMBLE_SECONDS = 120.0
_ROUNDS = 3
_MOST_BREAKS = 5


def upload(
    client: Client,
    files: Sequence[LocalFile],
    tell: Tell = tell_nobody,
    keep_going: Callable[[], bool] = lambda: True,
) -> Assembled:
    """Make the files on the server, and return the folder where they are and the one for results.

    ``files`` is not empty. ``keep_going`` is asked before every piece. Raises BadTransfer naming every file
    whose ending cannot be sent, TransferWasStopped, FileCannotBeSent, FileWasChanged, and as the client does
    when the server stays away. The server's TRANSFERS_FULL and DISK_FULL come before anything is sent, unless
    others take the room meanwhile or the server is older than that question.
    """
    problems = (file_name_problem(file.name) for file in files)
    raise_problems([problem for problem in problems if problem is not None])
    pieces = read_all(files, tell, keep_going)
    for round_number in range(_ROUNDS):
        errand = _Errand(client, pieces, tell, keep_going)
        sending, making = _Sending(errand), _Making(errand)
        _check_room(client, making.set, pieces_bytes=sending.left_bytes, files_bytes=making.left_bytes)
        sending.run()
        try:
            return making.run()
        except SvfrError as problem:
            # The server forgot a piece in between, to make room or because its disk was cleared.
            if problem.code != "PIECES_MISSING" or round_number == _ROUNDS - 1:
                raise
    raise AssertionError("the last round returns or raises")


class _Errand(NamedTuple):
    """Whose files go to which server, and who hears of it."""

    client: Client
    pieces: Dict[LocalFile, List[Piece]]
    tell: Tell
    keep_going: Callable[[], bool]


class _Sending:
    """What the server lacks, each content once, on its way; ``tell`` hears of every piece that arrived."""

    def __init__(self, errand: _Errand) -> None:
        self._client, pieces, self._tell, self._keep_going = errand
        self._files = len(pieces)
        self._every = {piece.digest: piece for own in pieces.values() for piece in own}
        self._in_all = sum(piece.size_bytes for piece in self._every.values())
        self._ask()
        self._total = self._left
        self._say()

    @property
    def left_bytes(self) -> int:
        """Return how many bytes the server lacks."""
        return self._left

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
    def _wanted(self) -> List[Piece]:
        return [piece for piece in self._every.values() if piece.digest in self._missing]

    def _by_file(self, file: HandoverFile) -> None:
        """Send what goes this way; what is still missing afterwards goes in messages."""
        wanted = self._wanted
        groups = [[wanted[i] for i in group] for group in batches([one.size_bytes for one in wanted])]
        slots: List[int] = []

        def requests() -> Iterator[Message]:
            for group in groups:
                check_going(self._keep_going)
                message, slot = file.put([(piece.digest, read_piece(piece)) for piece in group])
                slots.append(slot)
                yield message

        try:
            for index in self._client.ask_ahead(requests(), SendWindow(SLOTS), LINE_SECONDS):
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
            for index in self._client.ask_ahead(self._puts(wanted), window, LINE_SECONDS):
                breaks = 0
                self._arrived([wanted[index]])
            if breaks >= _MOST_BREAKS:
                text = "The connection breaks before a piece of the files has passed."
                raise ServerDoesNotAnswer(text, remedy="Try again on a better line; what passed is kept.")
            if self._missing:
                window.broke()
                self._ask()
                self._say()

    def _puts(self, wanted: Sequence[Piece]) -> Iterator[Message]:
        for piece in wanted:
            check_going(self._keep_going)
            data = read_piece(piece)
            buffers = {"data": Buffer(data, kind="raw", dtype="|u1", shape=(len(data),))}
            yield Message("put", to_plain(PutPiece(piece.digest)), buffers=buffers)

    def _arrived(self, pieces: Sequence[Piece]) -> None:
        self._missing -= {piece.digest for piece in pieces}
        self._left -= sum(piece.size_bytes for piece in pieces)
        self._say()

    def _say(self) -> None:
        done = max(0, self._total - self._left)
        self._tell(TransferProgress("send", done, self._total, files=self._files, files_bytes=self._in_all))


def _check_room(client: Client, name_of_set: str, *, pieces_bytes: int, files_bytes: int) -> None:
    """Raise what the server would say once it had been sent as much as it takes."""
    if client.met().minor >= ROOM_MINOR:
        body = to_plain(AskRoom(name_of_set, pieces_bytes, files_bytes))
        client.ask("room", body, reply_seconds=LINE_SECONDS)


def _missing(client: Client, digests: Sequence[str]) -> Set[str]:
    missing: Set[str] = set()
    for start in range(0, len(digests), ASKED_AT_ONCE):
        some = AskPieces(tuple(digests[start : start + ASKED_AT_ONCE]))
        body = client.ask("missing", to_plain(some), reply_seconds=LINE_SECONDS).body
        missing.update(from_plain(MissingPieces, known_part(MissingPieces, body), "reply").missing)
    return missing


class _Making:
    """The files of one set, made on the server of the pieces that it has, several on their way at once."""

    def __init__(self, errand: _Errand) -> None:
        self._client, pieces, self._tell, self._keep_going = errand
        self._content = {file.name: [piece.digest for piece in own] for file, own in pieces.items()}
        self.set: str = sha256_of(self._content)[:32]
        self._left = {file.name: sum(piece.size_bytes for piece in own) for file, own in pieces.items()}
        self._total, self._done = sum(self._left.values()), 0
        self._made: Optional[Assembled] = None
        self._lacking: Optional[SvfrError] = None

    @property
    def left_bytes(self) -> int:
        """Return how long the files are together that are not made yet."""
        return self._total - self._done

    def run(self) -> Assembled:
        """Make every file; raises PIECES_MISSING once all were tried, so that all is known to be missing."""
        window = SendWindow()
        self._say()
        while self._left:
            names = list(self._left)
            replies = self._client.replies_ahead(self._requests(names), window, ASSEMBLE_SECONDS)
            with contextlib.closing(replies):
                for index, reply in replies:
                    self._take(names[index], reply)
            if self._left:  # the line broke; a single request waits until it is there again
                window.broke()
                check_going(self._keep_going)
                self._again(next(iter(self._left)))
        if self._lacking is not None:
            raise self._lacking
        assert self._made is not None, "there is a file"
        return self._made

    def _requests(self, names: Sequence[str]) -> Iterator[Message]:
        for name in names:
            check_going(self._keep_going)
            yield Message("assemble", self._body(name))

    def _body(self, name: str) -> Dict[str, Any]:
        return to_plain(Assemble(self.set, name, tuple(self._content[name])))

    def _again(self, name: str) -> None:
        try:
            reply = self._client.ask("assemble", self._body(name), reply_seconds=ASSEMBLE_SECONDS)
        except ReportedError as problem:
            self._refused(name, problem)
        else:
            self._take(name, reply)

    def _take(self, name: str, reply: Message) -> None:
        if reply.op == "error":
            self._refused(name, error_from_dict(dict(reply.body)))
            return
        self._made = from_plain(Assembled, known_part(Assembled, reply.body), "reply")
        self._tried(name)

    def _refused(self, name: str, problem: SvfrError) -> None:
        if problem.code != "PIECES_MISSING":
            raise problem
        self._lacking = problem
        self._tried(name)

    def _tried(self, name: str) -> None:
        self._done += self._left.pop(name)
        self._say()

    def _say(self) -> None:
        self._tell(TransferProgress("make", self._done, self._total, files=len(self._content)))
