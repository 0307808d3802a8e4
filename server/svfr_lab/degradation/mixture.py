"""Several recipes of damage, one of which is drawn for each clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.basic import DamageRecipe, Degraded


@dataclass(frozen=True)
class Mixture:
    """Recipes and how often each is drawn."""

    recipes: tuple[tuple[DamageRecipe, float], ...]

    def damage(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Draw a recipe, and damage the clip with it."""
        shares = np.array([share for _, share in self.recipes])
        recipe, _ = self.recipes[int(rng.choice(len(shares), p=shares / shares.sum()))]
        return recipe.damage(clip, tasks, rng)
