"""The mark that a shot was cancelled: a file beside its plan, which every task looks for while it runs.

It reaches tasks of engines that nothing here can talk to: whoever runs them shares the plan's folder.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import is_there, write_whole
from svfr_client.reasons import reason_of
from svfr_farm.plan import PlanFile

MARK_FILE = "cancel.json"
CHECK_EVERY_S = 1.0


class CancelWatch:
    """Return, when called, whether a shot was cancelled; the disk is asked at most once a second."""

    def __init__(self, file: PlanFile) -> None:
        self._path = mark_path(file)
        self._next = 0.0
        self._is_cancelled = False

    def __call__(self) -> bool:
        """Return whether it was."""
        now = time.monotonic()
        if not self._is_cancelled and now >= self._next:
            self._next = now + CHECK_EVERY_S
            self._is_cancelled = is_there(self._path)
        return self._is_cancelled


def mark_path(file: PlanFile) -> Path:
    """Return the mark of a shot."""
    return file.folder / MARK_FILE


def is_cancelled(file: PlanFile) -> bool:
    """Return whether the shot was cancelled after it was last handed over."""
    return is_there(mark_path(file))


def forget_cancelling(file: PlanFile) -> None:
    """Take the mark away: the shot is handed over again. Raises FileCannotBeWritten."""
    path = mark_path(file)
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        text = f"The mark that the shot was cancelled cannot be taken away: {reason_of(problem)}."
        raise FileCannotBeWritten(text, path=path, remedy="Remove what lies there.") from problem


def mark_cancelled(file: PlanFile) -> None:
    """Mark the shot as cancelled."""
    write_whole(mark_path(file), json.dumps({"asked": time.time()}) + "\n")
