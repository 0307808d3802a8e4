"""Degrading a clip by a recipe: the one call that training, evaluation and experiments make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from svfr_client.vocabulary import TASKS
from svfr_lab.errors import ArgumentOutOfRange

HOLE_CODE = 0.5
"""Code value inside a hole of ``Degraded.lq``: it carries nothing of the truth."""


@dataclass(frozen=True)
class Degraded:
    """A degraded clip.

    ``lq`` (F, H, W, 3) float32 code values in 0..1 at the clean size, ``HOLE_CODE`` inside the hole: the
    caller prepares it as its model wants · ``hole`` bool, (H, W) when all frames share it, (F, H, W) when it
    moves, None without inpainting · ``low_resolution`` (F, h, w, 3) float32, the small frames that ``lq`` was
    enlarged from, None without BFR.
    """

    lq: NDArray[np.float32]
    hole: NDArray[np.bool_] | None
    low_resolution: NDArray[np.float32] | None

    def hole_of(self, frame: int) -> NDArray[np.bool_] | None:
        """Return the hole (H, W) of one frame, counted from 0; None without inpainting."""
        return self.hole[frame] if self.hole is not None and self.hole.ndim == 3 else self.hole


class DegradationRecipe(Protocol):
    """A way to degrade clips that draws what it needs from a generator."""

    def degrade(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Return ``clip`` degraded; the arguments are those of :func:`degrade`, already checked."""


def degrade(
    clip: NDArray[np.float32],
    tasks: frozenset[str],
    rng: np.random.Generator,
    recipe: DegradationRecipe,
) -> Degraded:
    """Return ``clip`` degraded in every way that ``tasks``, a subset of :data:`TASKS`, restore.

    ``clip`` (F, H, W, 3) holds float32 code values in 0..1. Raises ArgumentOutOfRange for another shape,
    dtype, range or task.
    """
    _check(clip, tasks)
    return recipe.degrade(clip, tasks, rng)


def _check(clip: NDArray[np.float32], tasks: frozenset[str]) -> None:
    if clip.ndim != 4 or clip.shape[-1] != 3 or 0 in clip.shape or clip.dtype != np.float32:
        raise ArgumentOutOfRange(
            f"A clip is (frames, height, width, 3) float32, not {clip.shape} {clip.dtype}.",
            remedy="Divide 8-bit frames by 255 and convert them to float32.",
        )
    if not float(clip.min()) >= 0 or not float(clip.max()) <= 1:
        raise ArgumentOutOfRange(
            f"Code values lie in 0..1, not in {clip.min()}..{clip.max()}.",
            remedy="Divide 8-bit frames by 255 before you degrade them.",
        )
    if unknown := tasks.difference(TASKS):
        raise ArgumentOutOfRange(
            f"Unknown tasks {sorted(unknown)}.", remedy=f"Choose from {', '.join(TASKS)}."
        )
