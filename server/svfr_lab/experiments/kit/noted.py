"""What a run noted in its folder for the next start of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svfr.validation import read_record
from svfr_lab.experiments.kit.errors import ExperimentFolderIsDamaged

_REMEDY = "Choose another --out, or delete the folder."


def read_noted(path: Path) -> dict[str, Any]:
    """Return a noted JSON object; raises ExperimentFolderIsDamaged."""
    return read_record(path, ExperimentFolderIsDamaged, "What the run noted", _REMEDY)


def damaged(path: Path, reason: str) -> ExperimentFolderIsDamaged:
    """Return the error for a note that is not what a run writes."""
    return ExperimentFolderIsDamaged(f"What the run noted is damaged: {reason}.", path=path, remedy=_REMEDY)
