"""Processes that draw what a run is trained with, forked, so that pictures in memory are shared."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch

from svfr.training.errors import TrainingDataUnusable

Drawn = TypeVar("Drawn")


class DrawingPool:
    """``workers`` processes, each begun with ``begin(given)``; they end with this one, however it ends."""

    def __init__(self, workers: int, begin: Callable[[Any], None], given: object) -> None:
        context = multiprocessing.get_context("fork")
        self._pool = ProcessPoolExecutor(workers, context, _begin, (begin, given))

    def map(self, draw: Callable[..., Drawn], *arguments: Iterable[Any]) -> list[Drawn]:
        """Return what ``draw`` makes of each argument; raises TrainingDataUnusable for a lost process."""
        try:
            return list(self._pool.map(draw, *arguments))
        except BrokenProcessPool as error:
            raise TrainingDataUnusable(
                "A process that draws pictures to train with was ended from outside.",
                remedy="Often the machine is short of memory: give fewer --workers. "
                "The same command goes on from the last state.",
            ) from error

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _begin(begin: Callable[[Any], None], given: object) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    begin(given)


def _end_with_parent() -> None:
    """A pool's process waits for work for ever where nobody is left who could send any."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
