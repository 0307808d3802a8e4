"""Frames for a client that shares no folder with the service."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svfr_client.protocol.messages import JobState
from svfr_client.protocol.transfers import RESULT_PART_BYTES, AskResult, ResultPart
from svfr_client.protocol.wire import Buffer
from svfr_client.records import Record
from svfr_server.job_store.store import JobStore

DATA = "data"


@dataclass(frozen=True)
class WithData:
    """An answer with buffers beside its record."""

    record: Record
    buffers: Mapping[str, Buffer] = field(default_factory=dict)


def frame_part(store: JobStore, asked: AskResult) -> WithData:
    """Return a part of a job's frame, or how the job stands while the frame is not complete."""
    status = store.status(asked.job)
    path = store.written_frame(asked.job, asked.frame)
    part = None if path is None else _read_part(path, asked.offset)
    if part is None:
        return WithData(ResultPart(JobState(status.state), 0, "", status.error))
    data, size, stamp = part
    buffers = {DATA: Buffer(data, "raw", "|u1", (len(data),))} if data else {}
    return WithData(ResultPart(JobState(status.state), size, stamp, path=str(path)), buffers)


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
