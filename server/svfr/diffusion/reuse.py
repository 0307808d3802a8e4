"""Which steps of a pass take over what an earlier step computed, and which window keeps it for a frame.

Two savings that change the picture, for drafts. The difference between both branches of guidance changes
slowly from step to step (FasterCache, Lv et al. 2024, arXiv 2410.19355), and so do the features of the UNet's
lower levels (DeepCache, Ma et al. 2024, arXiv 2312.00858). Windows move from step to step, so that both are
kept for each frame and not for a window. Plain numbers; it knows no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from svfr.diffusion.windows import FrameWindow


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """Every how many steps the unconditional branch and the deep features are computed anew; 1: always."""

    guidance_every: int = 1
    deep_every: int = 1

    @property
    def is_used(self) -> bool:
        """Whether any step takes over something."""
        return self.guidance_every > 1 or self.deep_every > 1

    def has_unconditional(self, step: int) -> bool:
        """Return whether the unconditional branch is evaluated in a step."""
        return step % self.guidance_every == 0

    def is_deep(self, step: int, *, conditional: bool) -> bool:
        """Return whether a branch that is evaluated in a step goes through all levels of the network.

        It does so the first time that it is evaluated among ``deep_every`` steps.
        """
        return step % self.deep_every < (1 if conditional else self.guidance_every)

    def begins_anew(self, step: int) -> bool:
        """Return whether neither this step nor a later one uses what was computed before it."""
        return step % math.lcm(self.guidance_every, self.deep_every) == 0

    def evaluations(self, step: int, branches: int) -> tuple[int, int]:
        """Return how many of a step's one or two branches go through all levels, and through the topmost."""
        evaluated = [True, False][: branches if self.has_unconditional(step) else 1]
        deep = sum(self.is_deep(step, conditional=conditional) for conditional in evaluated)
        return deep, len(evaluated) - deep


def kept_places(windows: Sequence[FrameWindow]) -> tuple[tuple[int, ...], ...]:
    """Return for each window the places in it whose frames it keeps: those that weigh most in it.

    Every frame of a window of a step is kept by exactly one place of one window; the first among equals.
    """
    best: dict[int, tuple[int, int, int]] = {}
    for number, window in enumerate(windows):
        for place, (frame, weight) in enumerate(zip(window.frames, window.weights, strict=True)):
            if frame not in best or weight > best[frame][0]:
                best[frame] = (weight, number, place)
    kept: list[list[int]] = [[] for _ in windows]
    for _, number, place in best.values():
        kept[number].append(place)
    return tuple(tuple(sorted(places)) for places in kept)
