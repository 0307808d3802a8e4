"""How many requests may be under way at once: more while answers come soon, fewer when they come late.

A line of unknown speed is filled without being flooded. What waits on this side of it delays the heartbeat,
which ends a connection after 6 s; a window of fixed size would do that on a slow line again and again.
"""

MOST_UNDER_WAY = 16
SOON_SECONDS = 0.5
LATE_SECONDS = 1.5


class SendWindow:
    """``count`` requests may be under way: one at first, at most ``most``."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self.count = 1

    def answered(self, seconds: float) -> None:
        """Take note that a request was answered so long after it was handed to the socket."""
        if seconds < SOON_SECONDS:
            self.count = min(self._most, self.count + 1)
        elif seconds > LATE_SECONDS:
            self.count = max(1, self.count // 2)

    def broke(self) -> None:
        """Begin anew with one: the connection broke, and what was under way may be lost."""
        self.count = 1
