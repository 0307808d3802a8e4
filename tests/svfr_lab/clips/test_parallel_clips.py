"""Clips that several processes draw: the same for any number of them."""

from __future__ import annotations

import numpy as np
import torch

from svfr.training.batches import ClipBatch
from svfr.training.recipe.config import Phase
from svfr_lab.clips.parallel_clips import ParallelClips


class Numbers:
    """Pictures of one random number each; no landmarks."""

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        shade = torch.full((phase.batch, phase.frames, 3, 4, 4), float(rng.random()))
        tasks = torch.ones(phase.batch, 3)
        return ClipBatch(
            clean=shade,
            low_quality=shade - 1,
            tasks=tasks,
            reference=shade[:, 0],
            reference_low_quality=shade[:, 0],
            clips=torch.zeros(phase.batch),
        )


def test_batches_depend_on_the_generator_and_not_on_the_processes() -> None:
    phase = Phase(steps=1, frames=2, batch=6, noised_share=0.0, tasks_per_clip=2)
    batches = [ParallelClips(Numbers(), workers).batch(np.random.default_rng(4), phase) for workers in (1, 2)]
    assert batches[0].clean.equal(batches[1].clean) and batches[0].clean.shape == (6, 2, 3, 4, 4)
    shades = batches[0].clean[:, 0, 0, 0, 0]
    assert shades[0] == shades[1] and len(set(shades.tolist())) == 3, "two tasks of each of three clips"
    assert batches[0].landmarks is None and batches[0].flow is None
    other = ParallelClips(Numbers(), 2).batch(np.random.default_rng(5), phase)
    assert not other.clean.equal(batches[0].clean)
