"""The four requests of a client that shares no folder with the service: pieces in, frames out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svfr_client.protocol.messages import JobState, Nothing
from svfr_client.protocol.transfers import (
    RESULT_PART_BYTES,
    AskPieces,
    AskResult,
    Assemble,
    Assembled,
    MissingPieces,
    ResultPart,
)
from svfr_client.protocol.wire import Buffer
from svfr_client.records import Record
from svfr_server.job_store.disk_errors import storage_error
from svfr_server.job_store.store import JobStore
from svfr_server.job_store.transfers import Transfers
from svfr_server.supervisor.requests import ReceivedPiece

DATA = "data"


@dataclass(frozen=True)
class WithData:
    """An answer with buffers beside its record."""

    record: Record
    buffers: Mapping[str, Buffer] = field(default_factory=dict)


class TransferRequests:
    """Answers ``missing``, ``put``, ``assemble`` and ``result``."""

    def __init__(self, transfers: Transfers, store: JobStore) -> None:
        self._transfers = transfers
        self._store = store

    def answer(self, client: str, request: AskPieces | ReceivedPiece | Assemble) -> Record:
        """Do what the client with this public key asks; raises what the disk and the transfers refuse."""
        try:
            if isinstance(request, AskPieces):
                return MissingPieces(self._transfers.missing(request.pieces))
            if isinstance(request, ReceivedPiece):
                self._transfers.put(request.piece, request.data)
                return Nothing()
            folder = self._transfers.assemble(client, request.set, request.name, request.pieces)
        except OSError as problem:
            raise storage_error(problem) from problem
        results = self._transfers.results(client)
        return Assembled(f"{folder}{os.sep}", f"{results}{os.sep}")

    def result(self, asked: AskResult) -> WithData:
        """Return a part of a job's frame, or how the job stands while the frame is not complete."""
        status = self._store.status(asked.job)
        path = self._store.written_frame(asked.job, asked.frame)
        part = None if path is None else _read_part(path, asked.offset)
        if part is None:
            return WithData(ResultPart(JobState(status.state), 0, "", status.error))
        data, size, stamp = part
        buffers = {DATA: Buffer(data, "raw", "|u1", (len(data),))} if data else {}
        return WithData(ResultPart(JobState(status.state), size, stamp), buffers)


def _read_part(path: Path, offset: int) -> tuple[bytes, int, str] | None:
    """Return bytes from ``offset`` on, the file's length, and a stamp; None if there is no such file."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(min(offset, status.st_size))
            data = file.read(RESULT_PART_BYTES)
    except OSError:
        return None
    return data, status.st_size, f"{status.st_ino:x}.{status.st_mtime_ns:x}"
