"""How fast a worker goes, and so when its silence means that it is stuck.

Every progress report gives the time of one window. A deadlock in a driver looks like a long window; three
times the median plus some seconds tells the two apart without knowing the model or the device.
"""

import statistics
from collections import deque
from collections.abc import Mapping
from typing import Any

from svfr_server.settings import WorkerTimeouts

MEDIANS = 3.0
_REMEMBERED = 101


class StallTimeout:
    """The signs of life of one worker with one job; ``now`` is always on the monotonic clock."""

    def __init__(self, timeouts: WorkerTimeouts, now: float) -> None:
        self._timeouts = timeouts
        self._last_report = self._stepped = now
        self._stage: tuple[Any, Any] | None = None
        self._done = 0
        self._is_stage_done = True
        self._is_compiling = False
        self._windows: deque[float] = deque(maxlen=_REMEMBERED)

    def note(
        self,
        now: float,
        kind: str = "",
        body: Mapping[str, Any] | None = None,
        *,
        is_compiling: bool = False,
    ) -> None:
        """Note a sign of life of the worker; progress also tells how long its windows take.

        ``is_compiling``: a compiler takes a share of cores and device, beside the job, until further notice.
        """
        self._last_report = now
        if kind != "progress" or body is None:
            return
        self._is_compiling = is_compiling
        stage, done = (body.get("stage"), body.get("track")), int(body.get("done", 0))
        if stage != self._stage:
            self._stage, self._windows = stage, deque(maxlen=_REMEMBERED)
        elif done > self._done:
            self._windows.append((now - self._stepped) / (done - self._done))
        self._stepped, self._done = now, done
        self._is_stage_done = done >= int(body.get("total", 0))

    @property
    def median_window_s(self) -> float | None:
        """The median window of the running stage; None before its first, and between two stages."""
        return statistics.median(self._windows) if self._windows and not self._is_stage_done else None

    @property
    def stalled_at(self) -> float:
        """When the worker will have been silent for too long."""
        median = self.median_window_s
        if median is None or self._is_compiling:
            return self._last_report + self._timeouts.first_s
        return self._last_report + MEDIANS * median + self._timeouts.silence_s

    def cancel_deadline(self, now: float) -> float:
        """Return when a worker that is told now to cancel must have done so."""
        return now + MEDIANS * (self.median_window_s or 0.0) + self._timeouts.cancel_s
