"""A clock that stands still while this process does.

After a suspend, Ctrl-Z or a paused container, everybody has been silent for as long as this process has not
listened. Silence is therefore measured in time during which the loop turned: a turn counts as at most
half a second, which is how long an idle turn lasts, so that what waits in the sockets is read before
anybody is judged for it.
"""

import time
from collections.abc import Callable

MOST_SECONDS_A_TURN = 0.5


class AwakeClock:
    """Seconds during which the loop turned; ``source`` is any monotonic clock."""

    def __init__(self, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._last = source()
        self._seconds = 0.0

    def tick(self) -> float:
        """Count the turn that ends now and return the seconds it really took."""
        now = self._source()
        took, self._last = now - self._last, now
        self._seconds += min(took, MOST_SECONDS_A_TURN)
        return took

    def now(self) -> float:
        """Return the time at the last :meth:`tick`."""
        return self._seconds
