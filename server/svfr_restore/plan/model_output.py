"""What a model's answer to one crop consists of: one picture, or both ends of its detail, or several seeds'.

Between sampling and pasting it lies on disk as the planes of one array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svfr.arrays import Float32
from svfr_restore.plan.job_plan import JobPlan

_BOTH_ENDS = frozenset({"base", "detail"})


@dataclass(frozen=True, kw_only=True)
class ModelOutput:
    """A model's answer to one crop, in code values that are not clipped; pictures are (S, S, 3).

    ``ends`` is the answer alone, with as much detail as the job asks for; or two pictures, without detail and
    with all of it, and the job's answer lies at ``detail``, 0 to 1, between them. ``others`` are the same of
    each further seed.
    """

    ends: tuple[Float32, ...]
    detail: float = 0.0
    others: tuple[tuple[Float32, ...], ...] = ()

    @property
    def picture(self) -> Float32:
        """The job's answer, clipped to 0..1 and mixed in code values: good to look at."""
        clipped = [np.clip(end, 0.0, 1.0) for end in self.ends]
        return clipped[0] + np.float32(self.detail) * (clipped[-1] - clipped[0])


@dataclass(frozen=True, kw_only=True)
class OutputPlanes:
    """How the answers of a job lie on disk.

    With ``has_both_ends`` the picture without detail comes first, then the one with all of it; a detail
    between them is mixed where the picture enters the plate, so that a comp's slider does what a job's does.
    """

    detail: float = 0.0
    has_both_ends: bool = False
    further_seeds: int = 0

    @classmethod
    def of(cls, plan: JobPlan) -> OutputPlanes:
        """Return what a job needs: both ends where its detail lies between them, or its layers want them."""
        wants = bool(_BOTH_ENDS & set(plan.spec.layers)) or 0.0 < plan.detail < 1.0
        return cls(detail=plan.detail, has_both_ends=wants, further_seeds=len(plan.spec.further_seeds))

    @property
    def amounts(self) -> tuple[float, ...]:
        """The amounts of detail that are computed of each frame, in the order of their planes."""
        return (0.0, 1.0) if self.has_both_ends else (self.detail,)

    @property
    def count(self) -> int:
        """The planes of one crop."""
        return 3 * len(self.amounts) * (1 + self.further_seeds)

    def unpacked(self, planes: Float32) -> ModelOutput:
        """Return the answer that lies in the planes (S, S, count) of one crop."""
        pictures = [np.ascontiguousarray(planes[..., at : at + 3]) for at in range(0, self.count, 3)]
        ends = len(self.amounts)
        seeds = [tuple(pictures[at : at + ends]) for at in range(0, len(pictures), ends)]
        return ModelOutput(ends=seeds[0], detail=self.detail, others=tuple(seeds[1:]))
