"""Means with their 95 % intervals, as cells of a table and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell
from svfr_lab.metrics.statistics import paired_bootstrap

_BOOTSTRAP_SEED = 5


@dataclass(frozen=True)
class Interval:
    """The mean of ``n`` values, one for each clip, and the ends of its 95 % bootstrap interval.

    The ends are None for fewer than two values; the mean too without any.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.floating]) -> Interval:
        """Summarise one value for each clip; differences between two methods on the same clips are paired."""
        row = np.asarray(values, np.float64)
        if len(row) < 2:
            return cls(float(row[0]) if len(row) else None, None, None, len(row))
        return cls(*paired_bootstrap(row, _BOOTSTRAP_SEED), len(row))

    def cells(self) -> dict[str, Cell]:
        """Return the columns ``mean``, ``low``, ``high`` and ``n`` of a row."""
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: NOT_MEASURED if value is None else value for name, value in ends.items()} | {
            "n": self.n
        }

    def text(self, digits: int = 2, signed: bool = False) -> str:
        """Return "mean [low, high]"."""
        if self.mean is None:
            return NOT_MEASURED
        form = f"{'+' if signed else ''}.{digits}f"
        if self.low is None or self.high is None:
            return f"{self.mean:{form}} (no interval: n = {self.n})"
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 0.0 or self.high < 0.0)


def cells_over_seeds(values: NDArray[np.float64]) -> dict[str, Cell]:
    """Return the columns of values (seeds, clips): the interval over clips, and the deviation among seeds."""
    sd = float(values.mean(1).std(ddof=1)) if len(values) > 1 else NOT_MEASURED
    return {**Interval.of(values.mean(0)).cells(), "sd_over_seeds": sd}


def told_apart(differences: NDArray[np.float64]) -> bool:
    """Say whether differences (seeds, clips) are no chance: interval and all seeds have one sign."""
    signs = np.sign(differences.mean(1))
    return Interval.of(differences.mean(0)).excludes_zero and bool((signs == signs[0]).all())
