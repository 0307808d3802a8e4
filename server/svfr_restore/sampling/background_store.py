"""Checkpoints written beside the sampling: the next denoise step does not wait for the disk.

One value is written at a time, and a save waits for the one before it: sampling that is faster than the disk
goes at the disk's pace. A process that is killed loses the step it was computing and the one that was being
written; what was written before is whole, and a run that resumes ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import NamedTuple

import torch

from svfr_client.errors import FileCannotBeWritten
from svfr_client.reasons import reason_of
from svfr_restore.reports import CheckpointStore, JobContext, NoStore


class BackgroundStore:
    """Saves to ``store`` on a thread of its own; loading sees what is still being written. For one thread.

    A save that fails is raised by the next one, and by :meth:`close`: as FileCannotBeWritten where the system
    gave the reason, else as it came.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="svfr-save")
        self._last: _Save | None = None

    def load(self, name: str) -> torch.Tensor | None:
        """Return what was saved under ``name``, written or not."""
        last = self._last
        if last is not None and last.name == name and not last.written.done():
            return last.value
        return self._store.load(name)

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a CPU tensor, which nobody may change afterwards. Waits while another one is written."""
        self._wait()
        self._last = _Save(name, value, self._thread.submit(copy_context().run, self._write, name, value))

    def close(self) -> None:
        """Wait until everything is written. Raises the error of a save that failed."""
        self._thread.shutdown()
        self._wait()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.written.result()

    def _write(self, name: str, value: torch.Tensor) -> None:
        try:
            self._store.save(name, value)
        except OSError as problem:
            raise FileCannotBeWritten(
                f"The checkpoint {name} cannot be kept: {reason_of(problem)}.",
                remedy="Make room on the disk of the cache, then submit the job again.",
            ) from problem


class _Save(NamedTuple):
    name: str
    value: torch.Tensor
    written: Future[None]


@contextmanager
def saving_in_background(context: JobContext) -> Iterator[JobContext]:
    """Give the same context with a store that writes in the background; leaving waits for the last write.

    Also a block that fails keeps what it had saved: a cancelled job goes on from its last step. A store that
    keeps nothing stays as it is, so that nobody makes anything for it.
    """
    if isinstance(context.store, NoStore):
        yield context
        return
    store = BackgroundStore(context.store)
    try:
        yield replace(context, store=store)
    except BaseException as error:
        try:
            store.close()
        except BaseException as other:
            if other is not error:
                error.add_note(f"a checkpoint was not kept: {reason_of(other)}")
        raise
    store.close()
