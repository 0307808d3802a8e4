"""Work beside the main thread: a few threads, a short queue, and no error lost.

Decoding, finding faces, resampling and compressing release Python's lock, so threads are enough. The queue is
bounded because frames are large: a submitter that is faster than the workers waits. Threads here and of
:mod:`svfr_restore.stages_together` run in the context (``contextvars``) of who made them: a process may run
two jobs, and tells by it whose thread it is.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType

from svfr_client.reasons import reason_of

_STOP = None
# More threads for one stage than this would take memory for frames that another stage cannot use yet.
_MOST_THREADS = 4


def thread_count() -> int:
    """Return how many threads a stage has that does the same to every frame: two to four, by the cores."""
    return min(_MOST_THREADS, max(2, os.cpu_count() or 1))


class WorkPool:
    """Runs jobs on ``threads`` threads with at most ``waiting`` more in the queue.

    The first error stops the pool: queued jobs are dropped, and the error is raised by every later
    :meth:`submit` and by :meth:`close`. Use it in a ``with`` block; leaving it waits for all jobs. When the
    block itself fails, jobs not yet begun are dropped and the block's error is the one that goes on.
    """

    def __init__(self, threads: int = 2, waiting: int = 4) -> None:
        if threads < 1 or waiting < 1:
            raise ValueError("a pool needs at least one thread and one place in its queue")
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(waiting)
        self._error: BaseException | None = None
        self._dropping = threading.Event()
        self._closed = False
        self._threads = [
            threading.Thread(
                target=copy_context().run, args=(self._work,), name=f"svfr-pool-{number}", daemon=True
            )
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], object]) -> None:
        """Queue a job; waits while the queue is full. Raises the first error of any earlier job."""
        if self._closed:
            raise RuntimeError("the pool is closed")
        self._raise_first_error()
        self._jobs.put(job)

    def close(self) -> None:
        """Wait until every job is done and end the threads. Raises the first error of any job."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(_STOP)
            for thread in self._threads:
                thread.join()
        self._raise_first_error()

    def __enter__(self) -> WorkPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        self._dropping.set()
        try:
            self.close()
        except BaseException as other:
            if other is not error:
                error.add_note(f"work beside it failed too: {reason_of(other)}")

    def _work(self) -> None:
        while (job := self._jobs.get()) is not _STOP:
            if self._dropping.is_set():
                continue
            try:
                job()
            except BaseException as error:
                self._error = self._error or error
                self._dropping.set()

    def _raise_first_error(self) -> None:
        if self._error is not None:
            raise self._error
