"""How much of its budget a run has spent, also in processes that were killed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from svfr_client.files import write_whole
from svfr_lab.experiments.kit.noted import damaged, read_noted

_SECONDS_BETWEEN_NOTES = 1.0


class BudgetClock:
    """Counts monotonic seconds on top of those that ``path`` remembers.

    It is noted down about every second in which it is read, so that a kill loses no more than the time
    since it was read last.
    """

    def __init__(self, path: Path, budget_s: float) -> None:
        self._path = path
        self.budget_s = budget_s
        self._before_s, starts = _read(path)
        self.starts = starts + 1
        self._started = time.monotonic()
        self._noted_s = -_SECONDS_BETWEEN_NOTES
        self.spent_s()

    def spent_s(self) -> float:
        """Return the seconds spent by this process and by those before it."""
        spent = self._before_s + time.monotonic() - self._started
        if spent - self._noted_s >= _SECONDS_BETWEEN_NOTES:
            self._note(spent)
        return spent

    def remaining_s(self) -> float:
        """Return what is left of the budget, negative when it is overdrawn."""
        return self.budget_s - self.spent_s()

    def spend_rest(self) -> None:
        """Note that nothing is left: whoever asks again for what was answered is answered the same."""
        self._note(max(self.budget_s, self.spent_s()))

    def _note(self, spent_s: float) -> None:
        self._noted_s = spent_s
        write_whole(self._path, json.dumps({"spent_s": spent_s, "starts": self.starts}))


@dataclass(frozen=True)
class Deadline:
    """The moment when so many seconds of a budget are spent."""

    clock: BudgetClock
    at_s: float

    def remaining_s(self) -> float:
        """Return the seconds until then, negative afterwards."""
        return self.at_s - self.clock.spent_s()

    def over(self) -> bool:
        """Return whether the moment has passed."""
        return self.remaining_s() <= 0.0


def _read(path: Path) -> tuple[float, int]:
    if not path.exists():
        return 0.0, 0
    noted = read_noted(path)
    try:
        return float(noted["spent_s"]), int(noted["starts"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, "it does not say what was spent") from error
