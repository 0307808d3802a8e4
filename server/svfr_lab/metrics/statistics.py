"""How sure a mean is: the one form in which figures over clips are given, with their interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_lab.errors import ArgumentOutOfRange

_BOOTSTRAP_SEED = 2
_BOOTSTRAP_DRAWS = 10_000

Values = Sequence[float] | NDArray[np.floating]


@dataclass(frozen=True)
class Estimate:
    """The mean of ``n`` values, one for each clip, and the ends of its 95 % bootstrap interval.

    Of a comparison the values are paired differences, and ``share_better`` is the share of clips on which the
    first method is the better one. What is not known is NaN: the ends for fewer than two values, the mean
    without any, the share where nothing is compared.
    """

    mean: float
    low: float
    high: float
    n: int
    share_better: float = math.nan

    @classmethod
    def of(cls, values: Values) -> Estimate:
        """Summarise one value for each clip."""
        row = np.asarray(values, np.float64)
        if len(row) < 2:
            return cls(float(row[0]) if len(row) else math.nan, math.nan, math.nan, len(row))
        return cls(*bootstrap_interval(row), len(row))

    @classmethod
    def of_difference(
        cls, method: Values, base: Values, is_better: NDArray[np.bool_] | None = None
    ) -> Estimate:
        """Compare two methods clip by clip; ``is_better`` by clip, None where higher is better.

        Raises ArgumentOutOfRange unless both have the same two or more clips.
        """
        if len(method) != len(base):
            raise ArgumentOutOfRange(
                f"{len(method)} clips cannot be compared with {len(base)}.",
                remedy="Score both methods on the same clips.",
            )
        differences = np.asarray(method, np.float64) - np.asarray(base, np.float64)
        better = differences > 0.0 if is_better is None else is_better
        return cls(*bootstrap_interval(differences), len(differences), float(better.mean()))

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False without an interval."""
        return self.low > 0.0 or self.high < 0.0

    def text(self, digits: int = 2, signed: bool = False) -> str:
        """Return "mean [low, high]", or that there is no interval or nothing at all."""
        if math.isnan(self.mean):
            return "not measured"
        form = f"{'+' if signed else ''}.{digits}f"
        if math.isnan(self.low):
            return f"{self.mean:{form}} (no interval: n = {self.n})"
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def bootstrap_interval(values: Values) -> tuple[float, float, float]:
    """Return the mean of ``values`` (N,) and the ends of its 95 % percentile bootstrap interval.

    Clips, not pixels or frames, are what was sampled at random, so clips are what is drawn again (Efron and
    Tibshirani 1993, chapter 13). Equal values give equal intervals. Raises ArgumentOutOfRange for fewer than
    two values, or one that is not finite.
    """
    row = np.asarray(values, np.float64)
    if row.ndim != 1 or len(row) < 2 or not np.isfinite(row).all():
        raise ArgumentOutOfRange(
            f"A bootstrap needs two or more finite values in one row, not shape {row.shape}.",
            remedy="Pass one number per clip.",
        )
    drawn = np.random.default_rng(_BOOTSTRAP_SEED).integers(0, len(row), (_BOOTSTRAP_DRAWS, len(row)))
    low, high = np.quantile(row[drawn].mean(axis=1), [0.025, 0.975])
    return float(row.mean()), float(low), float(high)
