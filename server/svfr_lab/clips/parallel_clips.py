"""Clips drawn by several processes at once: a GPU learns faster than one core damages pictures."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from svfr.training.batches import ClipBatch, ClipSource
from svfr.training.recipe.config import Phase
from svfr_lab.clips.drawing_pool import DrawingPool

_source: ClipSource | None = None


class ParallelClips:
    """A :class:`svfr.training.batches.ClipSource` whose samples come from ``workers`` processes.

    Equal generators give equal batches, for any number of workers: every clip has a generator of its own.
    They are others than those of ``source`` itself. Where processes cannot fork there is none of it.
    """

    def __init__(self, source: ClipSource, workers: int) -> None:
        self._pool = DrawingPool(workers, _begin, source)

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw ``phase.batch`` samples; see :class:`svfr.training.batches.ClipSource`."""
        clips = phase.batch // phase.tasks_per_clip
        seeds = rng.integers(2**62, size=clips).tolist()
        one = replace(phase, batch=phase.tasks_per_clip)
        parts = self._pool.map(_drawn, seeds, [one] * clips)
        joined: dict[str, Any] = {}
        for field in fields(ClipBatch):
            arrays = [part[field.name] for part in parts]
            joined[field.name] = None if arrays[0] is None else torch.from_numpy(np.concatenate(arrays))
        return ClipBatch(**joined)


def _begin(source: ClipSource) -> None:
    global _source
    _source = source


def _drawn(seed: int, phase: Phase) -> dict[str, Any]:
    """Return a batch as arrays: tensors would be shared by file descriptors, of which there are few."""
    assert _source is not None
    batch = _source.batch(np.random.default_rng(seed), phase)
    return {
        field.name: None if getattr(batch, field.name) is None else getattr(batch, field.name).numpy()
        for field in fields(ClipBatch)
    }
