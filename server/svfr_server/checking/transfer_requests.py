"""Requests of a client that may share no folder with the service: what is seen here, pieces, their files."""

import hashlib
import os
import stat

from svfr_client.errors import FileCannotBeWritten
from svfr_client.protocol.messages import Nothing
from svfr_client.protocol.transfers import (
    HEAD_BYTES,
    AskPieces,
    AskRoom,
    Assemble,
    Assembled,
    Compared,
    CompareFiles,
    FileHead,
    MissingPieces,
    PutLocal,
)
from svfr_client.records import Record
from svfr_server.checking.requests import ReceivedPiece
from svfr_server.job_store.disk_errors import storage_error
from svfr_server.job_store.local_files import read_local
from svfr_server.job_store.steps import Steps
from svfr_server.job_store.transfers import Transfers
from svfr_server.roots import PathRoots


def answer_transfer(
    transfers: Transfers,
    roots: PathRoots,
    client: str,
    request: AskPieces | AskRoom | ReceivedPiece | PutLocal | Assemble | CompareFiles,
) -> Steps[Record]:
    """Do what the client with this public key asks; raises what the disk and the transfers refuse."""
    try:
        if isinstance(request, CompareFiles):
            may_see = [_may_see(transfers, roots, client, file.path) for file in request.files]
            seen = [may and _is_here(file) for may, file in zip(may_see, request.files, strict=True)]
            return Compared(tuple(seen))
        if isinstance(request, AskPieces):
            return MissingPieces((yield from transfers.missing(client, request.pieces)))
        if isinstance(request, AskRoom):
            yield from transfers.check_room(
                client, request.set, pieces_bytes=request.pieces_bytes, files_bytes=request.files_bytes
            )
            return Nothing()
        if isinstance(request, ReceivedPiece):
            yield from transfers.put(client, request.piece, request.data)
            return Nothing()
        if isinstance(request, PutLocal):
            for piece, data in read_local(transfers.home, request):
                yield from transfers.put(client, piece, data)
            return Nothing()
        folder = yield from transfers.assemble(client, request.set, request.name, request.pieces)
    except (OSError, FileCannotBeWritten) as problem:
        raise storage_error(problem) from problem
    return Assembled(f"{folder}{os.sep}", f"{transfers.results(client)}{os.sep}")


def _may_see(transfers: Transfers, roots: PathRoots, client: str, path: str) -> bool:
    refusal = roots.form_problem(path) or roots.read_problem(path)
    return refusal is None and transfers.foreign_path(client, [path]) is None


def _is_here(file: FileHead) -> bool:
    """Return whether there is a regular file of this length that begins so."""
    try:
        # A pipe must not be waited for.
        descriptor = os.open(file.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return False
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.bytes:
            return False
        return hashlib.sha256(opened.read(HEAD_BYTES)).hexdigest() == file.sha256
