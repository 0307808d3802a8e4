"""A clock that stands still while this process does.

After a suspend, Ctrl-Z or a paused container, everybody has been silent for as long as this process has not
listened. Silence is therefore measured in time during which a loop turned: a turn counts as at most
half a second, which is how long an idle turn lasts, so that what waits in the sockets is read before
anybody is judged for it. Both sides of a conversation use it.
"""

import time
from typing import Callable

MOST_SECONDS_A_TURN = 0.5


class AwakeClock:
    """Seconds during which a loop turned.

    ``source`` is any monotonic clock; ``most_seconds`` what a turn counts at most, for loops whose idle turn
    lasts longer than half a second.
    """

    def __init__(
        self, source: Callable[[], float] = time.monotonic, most_seconds: float = MOST_SECONDS_A_TURN
    ) -> None:
        self._source = source
        self._most_seconds = most_seconds
        self._last = source()
        self._seconds = 0.0

    def tick(self) -> float:
        """Count the turn that ends now and return the seconds it really took."""
        now = self._source()
        took, self._last = now - self._last, now
        self._seconds += min(took, self._most_seconds)
        return took

    def now(self) -> float:
        """Return the time at the last :meth:`tick`."""
        return self._seconds

    def read(self) -> float:
        """Count the turn that ends now and return the time."""
        self.tick()
        return self._seconds
