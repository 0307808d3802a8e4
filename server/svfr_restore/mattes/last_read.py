"""The last thing that was made, kept for whoever asks for it next: frames often share a matte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LastRead(Generic[T]):
    """Remembers one value under its key; safe for stages of a job that read different frames at once."""

    def __init__(self) -> None:
        self._last: tuple[object, T] | None = None

    def get(self, key: object, make: Callable[[], T]) -> T:
        """Return what was last made, if that was under an equal key, else what ``make`` returns now."""
        last = self._last  # another thread may put another value there meanwhile
        if last is None or last[0] != key:
            self._last = last = (key, make())
        return last[1]
