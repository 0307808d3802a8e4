"""When a service that nobody uses should end."""

import time


class IdleWatch:
    """Notes when the service was last used; ``limit_s`` None: it never ends by itself."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._busy_at = time.monotonic()

    def note(self) -> None:
        """Note that the service is used now."""
        self._busy_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the service has been idle for longer than its limit."""
        return self._limit_s is not None and time.monotonic() - self._busy_at > self._limit_s
