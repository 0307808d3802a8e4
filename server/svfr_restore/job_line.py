"""The jobs that run in one process, in the order in which they began: who may have what of it now.

A device waits for a job's first crops, and again while its last frames are pasted and written. So the next
job may begin beside the one before, and three things keep them apart. One job samples at a time: the next
one comes to the device, and loads its networks, when those before it have sampled all they will. One job
writes at a time, and they end in the order in which they began. And one begins only with the memory and the
room on disk that those before it leave; where that is too little it waits until they have ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# How often somebody who waits asks whether the job was cancelled meanwhile, or another of its stages failed.
_ASK_SECONDS = 0.1


@dataclass(eq=False)
class _Place:
    """What a job that has begun takes, in bytes, and whether it has sampled all it will."""

    memory_bytes: float = 0.0
    disk_bytes: int = 0
    is_sampled: bool = False


class JobLine:
    """The jobs of a process. Safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._places: list[_Place] = []

    @contextmanager
    def join(self, go_on: Callable[[], None]) -> Iterator[JobPlace]:
        """Give a job its place behind those that run, until the block ends.

        ``go_on`` is called while the job waits for others, and raises when it should not wait any longer.
        """
        place = _Place()
        with self._changed:
            self._places.append(place)
        try:
            yield JobPlace(self, place, go_on)
        finally:
            self.change(lambda: self._places.remove(place))

    def before(self, place: _Place) -> list[_Place]:
        """Return the places of the jobs that began before, and have not ended."""
        return self._places[: self._places.index(place)]

    def change(self, change: Callable[[], object]) -> None:
        """Make a change that others may be waiting for."""
        with self._changed:
            change()
            self._changed.notify_all()

    def wait_until(self, is_so: Callable[[], bool], go_on: Callable[[], None]) -> None:
        """Return once ``is_so``; raises what ``go_on`` raises."""
        while True:
            with self._changed:
                if is_so() or self._changed.wait_for(is_so, _ASK_SECONDS):
                    return
            go_on()


class JobPlace:
    """One job's place in the line."""

    def __init__(self, line: JobLine, place: _Place, go_on: Callable[[], None]) -> None:
        self._line, self._place, self._go_on = line, place, go_on

    def take_memory(self, needed_bytes: float, budget_bytes: float) -> None:
        """Wait until so much fits into the budget beside the jobs before; alone, a job judges itself."""

        def fits() -> bool:
            before = self._line.before(self._place)
            return not before or needed_bytes + sum(job.memory_bytes for job in before) <= budget_bytes

        self._line.wait_until(fits, self._go_on)
        self._place.memory_bytes = needed_bytes

    def take_room(self, needed_bytes: int, free_bytes: Callable[[], int]) -> None:
        """Wait until so much of a disk is free beside what the jobs before may come to take of it."""

        def fits() -> bool:
            before = self._line.before(self._place)
            return not before or needed_bytes + sum(job.disk_bytes for job in before) <= free_bytes()

        self._line.wait_until(fits, self._go_on)
        self._place.disk_bytes = needed_bytes

    @contextmanager
    def sampling(self, go_on: Callable[[], None]) -> Iterator[None]:
        """Wait for the device, and leave it to the next job when the block ends.

        ``go_on`` is called while the job waits, and raises when it should not wait any longer.
        """
        is_free = self._each_before(lambda job: job.is_sampled)
        self._line.wait_until(is_free, go_on)
        try:
            yield
        finally:
            self._line.change(lambda: setattr(self._place, "is_sampled", True))

    def wait_to_write(self, go_on: Callable[[], None]) -> None:
        """Wait until the jobs before have ended."""
        self._line.wait_until(self._each_before(lambda job: False), go_on)

    def _each_before(self, is_done: Callable[[_Place], bool]) -> Callable[[], bool]:
        return lambda: all(map(is_done, self._line.before(self._place)))
