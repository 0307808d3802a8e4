"""Which job a restored frame says that it is of."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_restore.errors import FrameIsTruncated
from svfr_restore.media.exr.container import read_complete_header, read_header

_JOB_HASH = "svfr/job_hash"


def job_of(path: Path) -> str | None:
    """Return the job that a whole EXR says it is of, "" where it says none; None for what is no whole EXR."""
    try:
        header = read_complete_header(path)
    except (SvfrError, OSError, ValueError):
        return None
    return next((text for part in header.parts if (text := part.text(_JOB_HASH))), "")


def is_nobodys_or_of(path: Path, job_hashes: Collection[str]) -> bool:
    """Return whether no file of others is lost with this one.

    It says it is of one of these jobs, whole or damaged, or ends inside its header, where no picture is yet.
    """
    try:
        header = read_header(path)
    except FrameIsTruncated:
        return True
    except (SvfrError, OSError, ValueError):
        return False
    return any(part.text(_JOB_HASH) in job_hashes for part in header.parts)
