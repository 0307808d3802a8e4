"""Drawing single numbers from ranges, and checking numbers that somebody wrote by hand."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np

from svfr_lab.errors import ArgumentOutOfRange

Range: TypeAlias = tuple[float, float]
T = TypeVar("T")


def uniform(rng: np.random.Generator, limits: Range) -> float:
    """Return a number between the limits, all equally likely."""
    return float(rng.uniform(*limits))


def log_uniform(rng: np.random.Generator, limits: Range) -> float:
    """Return a positive number between the limits, all ratios equally likely: as often mild as severe."""
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def bernoulli(rng: np.random.Generator, probability: float) -> bool:
    """Return True with a probability of 0 to 1."""
    return bool(rng.random() < probability)


def weighted_choice(rng: np.random.Generator, weighted: tuple[tuple[T, float], ...]) -> T:
    """Return one of the choices, each as often as its weight says; the weights need no sum."""
    weights = np.array([weight for _, weight in weighted])
    return weighted[int(rng.choice(len(weighted), p=weights / weights.sum()))][0]


@dataclass(frozen=True)
class SomeClips(Generic[T]):
    """Ranges of what ``share`` of the clips have; the others have ``none``."""

    share: float
    none: ClassVar[Any]

    def draw(self, rng: np.random.Generator) -> T:
        """Draw what one clip has."""
        return self._drawn(rng) if bernoulli(rng, self.share) else self.none

    @abstractmethod
    def _drawn(self, rng: np.random.Generator) -> T:
        """Draw what a clip of the share has."""


def require_fields_within(parameters: object, **limits: Range) -> None:
    """Raise ArgumentOutOfRange unless each of the named fields lies within its limits, both included."""
    for name, (lowest, highest) in limits.items():
        require_within(name, getattr(parameters, name), lowest, highest)


def require_within(name: str, value: float, lowest: float, highest: float = math.inf) -> None:
    """Raise ArgumentOutOfRange unless ``value`` is a number from ``lowest`` to ``highest``."""
    if not lowest <= value <= highest:
        limits = f"{lowest} or more" if highest == math.inf else f"{lowest} to {highest}"
        raise ArgumentOutOfRange(
            f"The degradation's {name} is {value}.", remedy=f"{name} is a number of {limits}."
        )
