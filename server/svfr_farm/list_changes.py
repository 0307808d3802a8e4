"""Which rows of a shot list are others than those that were planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.files import is_there
from svfr_farm.ledger import Submission
from svfr_farm.shot_list import list_sha256, read_shot_list

_MOST_NAMED = 20


@dataclass(frozen=True)
class ListChanges:
    """The shots by name, in the list's order; ``unreadable`` says why the list cannot be read, "" if it can.

    All are empty where only blanks, the order of rows, or a note at a cell that decides nothing were changed.
    """

    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unreadable: str = ""

    @property
    def text(self) -> str:
        """Return one sentence that names the shots."""
        parts = [
            f"{_names(names)} {'is' if len(names) == 1 else 'are'} {what}"
            for names, what in ((self.changed, "changed"), (self.new, "new"), (self.gone, "gone"))
            if names
        ]
        parts += [f"it cannot be read: {self.unreadable}"] if self.unreadable else []
        what = ": " + ", ".join(parts) if parts else "; every shot in it is the same"
        return f"The shot list was changed after it was planned{what.rstrip('.')}."


def list_changes(submission: Submission, shot_list: Path) -> ListChanges | None:
    """Return what was changed in a list since it was planned; None for nothing, and for a list that is gone.

    Raises LedgerIsBad.
    """
    planned = submission.list_sha256()
    if not planned or not is_there(shot_list):
        return None
    try:
        if list_sha256(shot_list) == planned:
            return None
        listed = read_shot_list(shot_list)
    except SvfrError as problem:
        return ListChanges(unreadable=problem.message)
    from svfr_farm.planning import asked_now  # which loads torch
    from svfr_restore.plan.models import ModelCache

    known, settings, models = submission.shots(), submission.settings(), ModelCache()
    names = [shot.name for shot in listed.shots]
    changed = [
        shot.name
        for shot in listed.shots
        if shot.name in known
        and not (shot.is_sound and asked_now(shot, settings, models) == known[shot.name].asked_sha256)
    ]
    return ListChanges(
        changed=tuple(dict.fromkeys(changed)),
        new=tuple(dict.fromkeys(name or "a shot without a name" for name in names if name not in known)),
        gone=tuple(name for name in known if name not in names),
    )


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
