"""What one job may take of the machine's memory: stated once, asked before anything large is allocated.

The service states it (``svfr serve --worker-memory-mib``) and hands it to its workers in the environment;
without a statement it is most of the machine's memory, or of the container's. A picture is judged by its
header, a job by its plate, its model and its frames.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from svfr_client.sizes import size_text
from svfr_restore.errors import JobNeedsMoreMemory

BUDGET_VARIABLE = "SVFR_JOB_MEMORY_MIB"
DEFAULT_SHARE_PERCENT = 85
# The libraries, and what frames on their way through the job take for each plate pixel: read, cropped,
# pasted, and waiting to be written. server/benchmarks/media/stream.py measures both.
BASE_BYTES, PLATE_BYTES_PER_PIXEL = 560_000_000, 220
# Decoded frames that a job keeps from one reading to the next: 21 of 1080p, or this part of what it may take.
_KEPT_BYTES, _KEPT_PART = 512 * 1024 * 1024, 8
# Faces' squares that a job keeps from cropping to pasting take this part of what frames may take beside them.
_SQUARES_PART = 8
_MIB = 1024 * 1024
_REMEDY = (
    "Restore a smaller plate or fewer frames, or give jobs more with svfr serve --worker-memory-mib "
    f"(or {BUDGET_VARIABLE})."
)


@cache
def machine_bytes() -> int:
    """Return the memory of this machine, or of its control group where that is less; 0 if it is not known.

    It is looked up once: every frame of a plate is judged by it.
    """
    found: list[int] = []
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found.append(int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return min(found, default=0)
    return min(found)


def default_budget_bytes() -> int:
    """Return most of the machine's memory; without bound where the system does not tell it."""
    return machine_bytes() * DEFAULT_SHARE_PERCENT // 100 or 1 << 62


def budget_bytes(environment: Mapping[str, str] | None = None) -> int:
    """Return what a job may take here: as the environment states it, else the default."""
    stated = (os.environ if environment is None else environment).get(BUDGET_VARIABLE, "")
    return int(stated) * _MIB if stated.isascii() and stated.isdigit() else default_budget_bytes()


def kept_pixels_bytes() -> int:
    """Return what of decoded frames a job may keep, so as to decode them once."""
    return min(_KEPT_BYTES, budget_bytes() // _KEPT_PART)


def kept_squares_bytes() -> int:
    """Return what of faces' squares a job may keep beside frames, so as to crop them once."""
    return kept_pixels_bytes() // _SQUARES_PART


def require_memory(
    what: str, needed_bytes: float, *, path: Path | None = None, frame: int | None = None
) -> None:
    """Raise JobNeedsMoreMemory when ``what`` needs more than the budget; it begins the sentence."""
    budget = budget_bytes()
    if needed_bytes > budget:
        raise JobNeedsMoreMemory(
            f"{what} needs about {size_text(needed_bytes)} of memory, and a job may take "
            f"{size_text(budget)} here.",
            frame=frame,
            path=path,
            remedy=_REMEDY,
        )
