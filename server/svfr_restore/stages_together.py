"""Stages of a job that run at once, each on a thread of its own, and end together.

Stages hand pictures to each other through files on disk (:mod:`svfr_restore.crops.spool`); who is early
waits. The first error of any stage stops all of them and is the one that the job ends with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType


class _OtherStageFailed(Exception):
    """Wakes a stage that waits for one that has failed; it never leaves the block."""


class StagesTogether:
    """A ``with`` block whose own thread is one of the stages; leaving it waits for the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._waited: dict[int, float] = {}

    @property
    def waited_seconds(self) -> float:
        """How long this thread has waited for other stages."""
        return self._waited.get(threading.get_ident(), 0.0)

    def begin(self, name: str, stage: Callable[[], object]) -> None:
        """Run a stage on a thread of its own."""
        run = copy_context().run
        thread = threading.Thread(target=run, args=(self._run, stage), name=f"svfr-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Return when ``is_ready``, which is asked after every :meth:`tell`; raises when a stage fails."""
        began = time.perf_counter()
        with self._changed:
            while not is_ready():
                if self._error is not None:
                    raise _OtherStageFailed
                self._changed.wait()
            own = threading.get_ident()
            self._waited[own] = self._waited.get(own, 0.0) + time.perf_counter() - began

    def stop_if_failed(self) -> None:
        """Raise when a stage has failed; for who waits for something else than a stage."""
        with self._changed:
            if self._error is not None:
                raise _OtherStageFailed

    def tell(self, change: Callable[[], object]) -> None:
        """Make a change that others may be waiting for."""
        with self._changed:
            change()
            self._changed.notify_all()

    def __enter__(self) -> StagesTogether:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._fail(error)
        for thread in self._threads:
            thread.join()
        first, self._error = self._error, None  # an error that is kept here would keep what it holds
        if first is not None and first is not error:
            raise first

    def _run(self, stage: Callable[[], object]) -> None:
        try:
            stage()
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None and not isinstance(error, _OtherStageFailed):
                self._error = error
            self._changed.notify_all()
