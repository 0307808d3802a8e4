"""A result that a command is to show: which words name a job, and what lies beside its frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svfr_restore.media.plate import Plate


def is_job(target: str) -> bool:
    """Return whether JOB|OUTPUT names a job: paths have a point or a slash."""
    return not any(sign in target for sign in "./\\")


def beside_frames(result: Plate, ending: str) -> Path:
    """Return the file beside a result that has its name and another ending."""
    return result.path(result.frames[0]).with_name(name_beside(result.pattern, ending).name)


def name_beside(pattern: str, ending: str) -> Path:
    """Return the file beside the frames of a pattern that has their name and another ending."""
    stem = Path(pattern).name.split("%")[0].split("#")[0].rstrip("._-") or Path(pattern).stem
    return Path(pattern).with_name(f"{stem}{ending}")
