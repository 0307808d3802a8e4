"""Which job a restored frame says that it is of."""

from __future__ import annotations

from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_restore.media.exr.container import read_complete_header

_JOB_HASH = "svfr/job_hash"


def job_of(path: Path) -> str | None:
    """Return the job that a whole EXR says it is of, "" where it says none; None for what is no whole EXR."""
    try:
        header = read_complete_header(path)
    except (SvfrError, OSError, ValueError):
        return None
    return next((text for part in header.parts if (text := part.text(_JOB_HASH))), "")
