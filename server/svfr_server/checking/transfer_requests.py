"""Three requests of a client that shares no folder with the service: pieces in, files made of them."""

import os

from svfr_client.errors import FileCannotBeWritten
from svfr_client.protocol.messages import Nothing
from svfr_client.protocol.transfers import AskPieces, Assemble, Assembled, MissingPieces
from svfr_client.records import Record
from svfr_server.checking.requests import ReceivedPiece
from svfr_server.job_store.disk_errors import storage_error
from svfr_server.job_store.transfers import Transfers


def answer_transfer(
    transfers: Transfers, client: str, request: AskPieces | ReceivedPiece | Assemble
) -> Record:
    """Do what the client with this public key asks; raises what the disk and the transfers refuse."""
    try:
        if isinstance(request, AskPieces):
            return MissingPieces(transfers.missing(request.pieces))
        if isinstance(request, ReceivedPiece):
            transfers.put(request.piece, request.data)
            return Nothing()
        folder = transfers.assemble(client, request.set, request.name, request.pieces)
    except (OSError, FileCannotBeWritten) as problem:
        raise storage_error(problem) from problem
    return Assembled(f"{folder}{os.sep}", f"{transfers.results(client)}{os.sep}")
