"""Checkpoints written beside the sampling: the next denoise step does not wait for the disk.

One thread writes in the order of the saves, and one more value waits at most: sampling that is faster than
the disk waits for it. A process that is killed loses the values not yet written, two at most, beside the
step it was computing; what was written before is whole, and a run that resumes ends with the same bits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch

from svfr_client.errors import FileCannotBeWritten
from svfr_client.reasons import reason_of
from svfr_restore.reports import CheckpointStore, JobContext
from svfr_restore.work_pool import WorkPool


class BackgroundStore:
    """Saves to ``store`` on a thread of its own; loading sees what is still being written.

    A save that fails is raised by the next one, and by :meth:`close`: as FileCannotBeWritten where the system
    gave the reason, else as it came.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._pool = WorkPool(threads=1, waiting=1)
        self._lock = threading.Lock()
        self._unwritten: dict[str, torch.Tensor] = {}

    def load(self, name: str) -> torch.Tensor | None:
        """Return what was saved under ``name``, written or not."""
        with self._lock:
            waiting = self._unwritten.get(name)
        return self._store.load(name) if waiting is None else waiting

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a CPU tensor, which nobody may change afterwards. Waits while another one waits."""
        with self._lock:
            self._unwritten[name] = value
        self._pool.submit(partial(self._write, name, value))

    def close(self) -> None:
        """Wait until everything is written. Raises the error of a save that failed."""
        self._pool.close()

    def _write(self, name: str, value: torch.Tensor) -> None:
        try:
            self._store.save(name, value)
        except OSError as problem:
            raise FileCannotBeWritten(
                f"The checkpoint {name} cannot be kept: {reason_of(problem)}.",
                remedy="Make room on the disk of the cache, then submit the job again.",
            ) from problem
        with self._lock:
            if self._unwritten.get(name) is value:
                del self._unwritten[name]


@contextmanager
def saving_in_background(context: JobContext) -> Iterator[JobContext]:
    """Give the same context with a store that writes in the background; leaving waits for the last write.

    Also a block that fails keeps what it had saved: a cancelled job goes on from its last step.
    """
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
