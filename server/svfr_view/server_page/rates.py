"""How fast jobs go: frames a minute and seconds left, from how much of their work was done when."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

WINDOW_SECONDS = 120.0
_LEAST_SECONDS = 4.0


@dataclass(frozen=True)
class Rate:
    """A job's speed; None where it cannot be told yet."""

    frames_a_minute: float | None
    seconds_left: float | None


class Rates:
    """Remembers how far the jobs were during the last two minutes.

    A whole job's work counts, so that a rate means the same in every stage: a job that has done half of its
    work in a minute restores half its frames a minute.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def note(self, job: str, at: float, overall: float) -> None:
        """Take in that ``overall``, 0 to 1, of a job's work was done at a time in seconds."""
        points = self._seen.setdefault(job, deque())
        if points and overall < points[-1][1]:
            points.clear()  # another attempt
        points.append((at, overall))
        while at - points[0][0] > WINDOW_SECONDS:
            points.popleft()

    def forget_others(self, jobs: Collection[str]) -> None:
        """Keep only these jobs."""
        for job in set(self._seen) - set(jobs):
            del self._seen[job]

    def of(self, job: str, frames: int) -> Rate:
        """Return a job's rate over the time that is remembered; ``frames`` is its length."""
        points = self._seen.get(job, ())
        if not points or points[-1][0] - points[0][0] < _LEAST_SECONDS or points[-1][1] <= points[0][1]:
            return Rate(None, None)
        share_a_second = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])
        return Rate(60.0 * share_a_second * frames, (1.0 - points[-1][1]) / share_a_second)
