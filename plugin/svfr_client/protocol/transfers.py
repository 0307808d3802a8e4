"""Plates to a service that shares no folder with the client, and its frames back (protocol 1.1 to 1.5).

A file travels in pieces of at most ``PIECE_BYTES``, each named by its SHA-256, so that what the service has
is not sent again, also after a crash of either side. ``assemble`` puts pieces into a file of a *set*, which
is a folder of the client's own; its paths then stand in a job as any others do. ``result`` reads a frame of
a job. ``compare`` (1.2) tells whether the service sees the very files that the client sees. ``put_local``
(1.4) hands over pieces that a client on the same machine wrote into a file of the service's own folder.
``room`` (1.5) tells before anything is sent whether all of it may come.
"""

import re
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from ..errors import BadTransfer, SvfrError
from ..records import Record
from .messages import JobRequest, JobState

PIECE_BYTES = 1024 * 1024
# An answer must stay below 1 MiB (PROTOCOL.md 3.2), header included.
RESULT_PART_BYTES = 512 * 1024
MOST_PIECES = 65536
MOST_ASKED = 8192  # their answer is one message
HEAD_BYTES = 64 * 1024
MOST_COMPARED = 64
# The first minor version in which a client on the same machine hands pieces over by a file.
LOCAL_MINOR = 4
# The first minor version in which a service is asked for room.
ROOM_MINOR = 5
MOST_LOCAL_PIECES = 64
MOST_LOCAL_FILE_BYTES = 64 * 1024 * 1024
_PIECE = re.compile(r"[0-9a-f]{64}\Z")
_SET = re.compile(r"[0-9a-f]{32}\Z")
_LOCAL_FILE = re.compile(r"[0-9a-f]{32}\.local\Z")
_ENDINGS = (
    *("exr", "png", "jpg", "jpeg", "tif", "tiff", "dpx", "webp", "json", "ocio"),
    *("mov", "mp4", "m4v", "mkv", "avi", "mxf", "webm", "mpg", "mpeg", "ts"),  # since 1.2
    "ocioz",  # since 1.3
)
_NAME = re.compile(r"[a-z][a-z0-9_]{{0,31}}(\.-?\d{{1,9}})?\.({})\Z".format("|".join(_ENDINGS)))


@dataclass(frozen=True)
class AskPieces(Record):
    """Ask which of these pieces the service lacks."""

    pieces: Tuple[str, ...]


@dataclass(frozen=True)
class MissingPieces(Record):
    """Answer to :class:`AskPieces`: those to be sent, in the order asked."""

    missing: Tuple[str, ...]


@dataclass(frozen=True)
class AskRoom(Record):
    """Ask whether so many bytes may still come; the answer is what they would get, and keeps nothing free.

    ``pieces_bytes``: of the pieces that the service lacks; ``files_bytes``: of all files of the client's set
    ``set``, of which the service takes off what it has.
    """

    set: str
    pieces_bytes: int
    files_bytes: int


@dataclass(frozen=True)
class PutPiece(Record):
    """Hand over one piece; its bytes are the raw buffer ``data``."""

    piece: str


@dataclass(frozen=True)
class LocalPiece(Record):
    """Where one piece lies in a local file: ``bytes`` from ``offset`` on."""

    piece: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class PutLocal(Record):
    """Hand over pieces by the file ``file`` in the service's local folder, which the client wrote."""

    file: str
    pieces: Tuple[LocalPiece, ...]


@dataclass(frozen=True)
class Assemble(Record):
    """Make the file ``name`` of the client's set ``set`` out of pieces, in this order."""

    set: str
    name: str
    pieces: Tuple[str, ...]


@dataclass(frozen=True)
class Assembled(Record):
    """Answer to :class:`Assemble`: the set's ``folder``, and ``results``, below which jobs may write.

    Both are the service's own absolute paths and end in its separator.
    """

    folder: str
    results: str


@dataclass(frozen=True)
class AskResult(JobRequest):
    """Ask for a part of the file that a job wrote for ``frame``, from ``offset`` on."""

    frame: int
    offset: int = 0


@dataclass(frozen=True)
class ResultPart(Record):
    """Answer to :class:`AskResult`; the bytes are the raw buffer ``data``.

    ``bytes``: the whole file's length, 0 while it is not complete; then there is no buffer. ``stamp`` is
    another once the file was written anew. ``error``: what a failed job failed with. ``path``: where the file
    is on the service's machine; older services do not say it.
    """

    state: JobState
    bytes: int
    stamp: str = ""
    error: Optional[Mapping[str, Any]] = None
    path: Optional[str] = None


@dataclass(frozen=True)
class FileHead(Record):
    """A file as the client sees it: its path on the server, its length, the SHA-256 of its first 64 KiB."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class CompareFiles(Record):
    """Ask which of these files are the same for the service: there, of this length, with this beginning."""

    files: Tuple[FileHead, ...]


@dataclass(frozen=True)
class Compared(Record):
    """Answer to :class:`CompareFiles`, in the order asked. A file outside the service's roots never is."""

    same: Tuple[bool, ...]


def file_name_problem(name: str) -> Optional[SvfrError]:
    """Return what is wrong with the name that a sent file should get in its set."""
    if _NAME.match(name):
        return None
    remedy = "Files that can be sent end in {}.".format(", ".join(_ENDINGS))
    return BadTransfer(f"{name[:80]!r} is not a file name that may be sent.", remedy=remedy)


def transfer_problems(request: Record) -> List[SvfrError]:
    """Return what is wrong with the names in a request."""
    pieces: Tuple[str, ...] = ()
    problems: List[SvfrError] = []
    if isinstance(request, (AskPieces, Assemble)):
        pieces = request.pieces
    elif isinstance(request, PutPiece):
        pieces = (request.piece,)
    elif isinstance(request, PutLocal):
        pieces = tuple(piece.piece for piece in request.pieces)
        problems += _local_problems(request)
    most = MOST_ASKED if isinstance(request, AskPieces) else MOST_PIECES
    if len(pieces) > most:
        remedy = f"Name at most {most} in one request."
        problems.append(BadTransfer(f"{len(pieces)} pieces are more than {most}.", remedy=remedy))
    if not all(map(_PIECE.match, pieces)):
        problems.append(BadTransfer("A piece is not named by 64 hexadecimal digits."))
    if isinstance(request, (Assemble, AskRoom)) and not _SET.match(request.set):
        problems.append(BadTransfer("A set is not named by 32 hexadecimal digits."))
    wrong_name = file_name_problem(request.name) if isinstance(request, Assemble) else None
    if wrong_name is not None:
        problems.append(wrong_name)
    if isinstance(request, Assemble) and not request.pieces:
        problems.append(BadTransfer("A file needs at least one piece."))
    if isinstance(request, CompareFiles) and len(request.files) > MOST_COMPARED:
        problems.append(BadTransfer(f"{len(request.files)} files are more than {MOST_COMPARED}."))
    return problems


def _local_problems(request: PutLocal) -> List[SvfrError]:
    problems: List[SvfrError] = []
    if not _LOCAL_FILE.match(request.file):
        problems.append(BadTransfer("A local file is not named by 32 hexadecimal digits and .local."))
    if not 1 <= len(request.pieces) <= MOST_LOCAL_PIECES:
        text = f"{len(request.pieces)} pieces are not 1 to {MOST_LOCAL_PIECES}."
        problems.append(BadTransfer(text))
    if any(not 1 <= one.bytes <= PIECE_BYTES for one in request.pieces):
        problems.append(BadTransfer(f"A piece is not 1 to {PIECE_BYTES} bytes long."))
    if any(not 0 <= one.offset <= MOST_LOCAL_FILE_BYTES - one.bytes for one in request.pieces):
        problems.append(BadTransfer(f"A piece lies beyond {MOST_LOCAL_FILE_BYTES} bytes of the file."))
    return problems
