"""The time by which finished jobs grow old: the wall clock, but never faster than time really passes.

A clock that is set forty days ahead for a minute must not make the service forget every job. While the
service runs, its time goes on no faster than the monotonic clock; from one start to the next by a day at
most, which only keeps jobs longer.
"""

import time

from svfr_server.job_store.store import JobStore

_NAME = "retention_clock"
MOST_WHILE_STOPPED_SECONDS = 86400.0


class RetentionClock:
    """Unix seconds that may lag behind the wall clock and never run ahead of it."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        try:
            kept = float(store.load_value(_NAME) or 0.0)
        except ValueError:
            kept = 0.0
        self._base = min(time.time(), kept + MOST_WHILE_STOPPED_SECONDS) if kept else time.time()
        self._began = time.monotonic()

    def now(self) -> float:
        """Return the time and keep it for the next start."""
        now = min(time.time(), self._base + time.monotonic() - self._began)
        self._store.save_value(_NAME, repr(now))
        return now
