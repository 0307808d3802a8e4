"""Several recipes, one of which is drawn for each clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.degrade import DegradationRecipe, Degraded
from svfr_lab.degradation.draws import weighted_choice


@dataclass(frozen=True)
class Mixture:
    """Recipes and how often each is drawn."""

    recipes: tuple[tuple[DegradationRecipe, float], ...]

    def degrade(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Return ``clip`` degraded by a recipe that is drawn first."""
        return weighted_choice(rng, self.recipes).degrade(clip, tasks, rng)
