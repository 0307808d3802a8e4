"""Which frames of a shot an earlier assembly of the same latents has written already."""

from __future__ import annotations

import contextlib
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813

from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_farm.plan import PlanFile
from svfr_restore.plan.job_plan import JobPlan

_ORIGIN_FILE = "assembled-from"
_JOB_HASH = "svfr/job_hash"


def note_origin(file: PlanFile, origin: str) -> None:
    """Note what the frames that follow are made of, before the first of them is written."""
    write_whole(file.folder / _ORIGIN_FILE, origin + "\n")


def frames_there(file: PlanFile, plan: JobPlan, origin: str) -> frozenset[int]:
    """Return the frames on disk that are this job's and made of these latents."""
    try:
        if (file.folder / _ORIGIN_FILE).read_text(encoding="utf-8").strip() != origin:
            return frozenset()
    except OSError:
        return frozenset()
    job_hash = plan.spec.pixels_key()
    return frozenset(f for f in plan.frames.written if _hash_of(plan.output.path(f)) == job_hash)


def _hash_of(path: Path) -> str | None:
    """Return the job that a frame says it is of; None for what is no frame of ours."""
    with contextlib.suppress(SvfrError, OSError):
        opened = oiio.ImageInput.open(str(path)) if path.is_file() else None
        if opened is not None:
            found = opened.spec().getattribute(_JOB_HASH)
            opened.close()
            return found if isinstance(found, str) else None
    oiio.geterror()
    return None
