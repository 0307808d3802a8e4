"""What an experiment measured, as one long table, and everything that is read off it.

A row of the table is one figure: of a clip, under a training seed, for a task, by a method, of a measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Row
from svfr_lab.metrics.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
"""One measure of one method, (seeds, clips)."""


@dataclass(frozen=True)
class Measure:
    """What is measured: its name in results, with its unit, and the digits that are shown."""

    name: str
    digits: int = 2


class Score(NamedTuple):
    """One figure of one clip; no task where there is only one, seed 0 where nothing is trained."""

    method: str
    measure: str
    value: float
    task: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Measurements:
    """The figures of all clips: columns clip, method, measure, value, task, seed."""

    table: pd.DataFrame

    @classmethod
    def of(cls, clips: Iterable[Iterable[Sequence[object]]]) -> Measurements:
        """Return the table of each clip's scores, the clips numbered from 0."""
        rows = [(clip, *score) for clip, scores in enumerate(clips) for score in scores]
        return cls(pd.DataFrame(rows, columns=["clip", *Score._fields]))

    @property
    def clips(self) -> int:
        """The number of clips."""
        return int(self.table["clip"].nunique())

    @property
    def seeds(self) -> int:
        """How many times everything was trained."""
        return int(self.table["seed"].nunique())

    def values(self, method: str, measure: str, task: str = "") -> Values:
        """Return the figures (seeds, clips), seeds in ascending order."""
        table = self.table
        chosen = table[(table.method == method) & (table.measure == measure) & (table.task == task)]
        return chosen.pivot(index="seed", columns="clip", values="value").to_numpy(np.float64)

    def difference(self, method: str, base: str, measure: str, task: str = "") -> Values:
        """Return one method's figures minus another's on the same clips and seeds, (seeds, clips)."""
        return self.values(method, measure, task) - self.values(base, measure, task)

    def mean_interval(self, method: str, measure: str, task: str = "") -> Estimate:
        """Return the mean over clips, seeds averaged first, with its interval over clips."""
        return over_clips(self.values(method, measure, task))

    def paired_difference(self, method: str, base: str, measure: str, task: str = "") -> Estimate:
        """Return the mean of :meth:`difference` with its interval over clips."""
        return over_clips(self.difference(method, base, measure, task))

    def rows(
        self, methods: Sequence[str], measures: Sequence[Measure], compared: Sequence[tuple[str, str]]
    ) -> list[Row]:
        """Return for each measure a row for every method, then one for every comparison."""
        found: list[Row] = []
        for name in (measure.name for measure in measures):
            found += [
                labelled_row(self.values(method, name), method=method, measure=name) for method in methods
            ]
            found += [
                labelled_row(
                    self.difference(method, base, name),
                    method=f"{method} minus {base}",
                    measure=f"{name}, difference",
                )
                for method, base in compared
            ]
        return found


def over_clips(values: Values) -> Estimate:
    """Return the mean of values (seeds, clips) over clips, seeds averaged first, with its interval."""
    return Estimate.of(values.mean(0) if values.size else [])


def is_significant(differences: Values) -> bool:
    """Return whether differences (seeds, clips) are no chance: interval and all seeds have one sign."""
    signs = np.sign(differences.mean(1))
    return over_clips(differences).excludes_zero and bool((signs == signs[0]).all())


def estimate_cells(estimate: Estimate) -> dict[str, Cell]:
    """Return the columns ``mean``, ``low``, ``high`` and ``n`` of a row."""
    ends = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
    known = {name: NOT_MEASURED if math.isnan(value) else value for name, value in ends.items()}
    return {**known, "n": estimate.n}


def labelled_row(values: Values, **labels: Cell) -> Row:
    """Return a row of values (seeds, clips): its labels, and its mean with the interval over clips."""
    return {**labels, **estimate_cells(over_clips(values))}


def row_over_seeds(values: Values, **labels: Cell) -> Row:
    """Return a labelled row of values (seeds, clips) with the deviation of the seeds' means."""
    sd = float(values.mean(1).std(ddof=1)) if len(values) > 1 else NOT_MEASURED
    return {**labelled_row(values, **labels), "sd_over_seeds": sd}


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a Markdown table; numbers are shown as they are given."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def dotplot(panel: Axes, labels: Sequence[str], values: Sequence[Values], base: float = 0.0) -> None:
    """Draw rows of values (seeds, clips) from the top: the interval over clips, and a dot for each seed.

    ``base`` is added to all; a line marks where it lies.
    """
    for place, each in enumerate(values):
        estimate = over_clips(each)
        panel.plot((base + estimate.low, base + estimate.high), (place, place), color="C0", linewidth=2)
        panel.plot(base + each.mean(1), [place] * len(each), "o", color="C1", markersize=4)
    panel.axvline(base, color="0.6", linewidth=0.8)
    panel.set_yticks(range(len(labels)), labels)
    panel.grid(alpha=0.3)


def point(panel: Axes, x: float, estimate: Estimate, *, colour: str, label: str, marker: str = "o") -> None:
    """Draw an estimate above ``x`` with its interval as a line."""
    panel.plot(x, estimate.mean, marker, color=colour, label=label)
    panel.plot((x, x), (estimate.low, estimate.high), color=colour, linewidth=1)
