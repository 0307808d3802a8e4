"""What came out of the drift experiment: figures by minute, slopes, figure and paragraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Row
from svfr_lab.experiments.kit.long_clips import FRAMES_PER_SECOND
from svfr_lab.experiments.kit.results import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAMES_PER_MINUTE = 60 * FRAMES_PER_SECOND
_DRAWS, _BOOTSTRAP_SEED = 4000, 6
_FEWEST_FOR_A_SLOPE = 3
_FEWEST_FOR_A_VERDICT = 10
_SEQUENCE_MINUTES = 10.0


@dataclass(frozen=True)
class Slope:
    """The change of a measure in a minute, and the ends of its 95 % interval; ``n`` stretches."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Figures:
    """Means of each stretch of ``length`` frames, by "way|measure"."""

    stretches: Sequence[Mapping[str, float]]
    ways: Sequence[str]
    length: int
    scenes: int

    @property
    def frames(self) -> int:
        """The frames of each scene that were restored."""
        return self.length * (1 + int(max(row["stretch"] for row in self.stretches)))

    @property
    def minutes(self) -> float:
        """The length of what was restored."""
        return self.frames / _FRAMES_PER_MINUTE

    @property
    def measures(self) -> list[str]:
        """The names of the measures."""
        return [name.split("|")[1] for name in self.stretches[0] if name.startswith(f"{self.ways[0]}|")]

    @property
    def memory_growth_mb(self) -> float | str:
        """How much the process grew from its second stretch to its last."""
        sizes = [row["memory_mb"] for row in self.stretches if row["scene"] == 0]
        return round(sizes[-1] - sizes[1], 1) if len(sizes) > 2 and sizes[1] else NOT_MEASURED

    @cached_property
    def places_min(self) -> NDArray[np.float64]:
        """The middle of each stretch in minutes from the reference, (n,)."""
        return np.array([(row["stretch"] + 0.5) * self.length / _FRAMES_PER_MINUTE for row in self.stretches])

    def of(self, way: str, measure: str) -> NDArray[np.float64]:
        """Return one measure of every stretch, (n,)."""
        return np.array([row[f"{way}|{measure}"] for row in self.stretches])

    def slope(self, way: str, measure: str) -> Slope | None:
        """Return the least-squares slope per minute with a bootstrap over stretches; None for too few."""
        return slope_per_minute(self.places_min, self.of(way, measure))


def slope_per_minute(minutes: NDArray[np.float64], values: NDArray[np.float64]) -> Slope | None:
    """Fit a line; stretches are drawn again with replacement (Efron and Tibshirani 1993, section 9.5)."""
    count = len(minutes)
    if count < _FEWEST_FOR_A_SLOPE:
        return None
    drawn = np.random.default_rng(_BOOTSTRAP_SEED).integers(0, count, (_DRAWS, count))
    x, y = minutes[drawn], values[drawn]
    x = x - x.mean(1, keepdims=True)
    spread = (x**2).sum(1)
    usable = spread > 0.0
    slopes = (x * (y - y.mean(1, keepdims=True))).sum(1)[usable] / spread[usable]
    low, high = np.quantile(slopes, [0.025, 0.975])
    centred = minutes - minutes.mean()
    mean = float((centred * (values - values.mean())).sum() / (centred**2).sum())
    return Slope(mean, float(low), float(high), count)


def rows(figures: Figures) -> list[Row]:
    """Return a row for each minute, way and measure, then the slopes."""
    found: list[Row] = []
    minute_of = np.floor(figures.places_min).astype(int)
    for way in figures.ways:
        for measure in figures.measures:
            values = figures.of(way, measure)
            for minute in np.unique(minute_of):
                here = values[minute_of == minute]
                sd = float(here.std(ddof=1)) if len(here) > 1 else NOT_MEASURED
                found.append(_row(way, measure, f"minute {minute + 1}", float(here.mean()), sd, len(here)))
            slope = figures.slope(way, measure)
            ends = {"low": NOT_MEASURED, "high": NOT_MEASURED}
            mean, count = (NOT_MEASURED, len(values)) if slope is None else (slope.mean, slope.n)
            interval = ends if slope is None else {"low": slope.low, "high": slope.high}
            found.append(_row(way, measure, "change per minute", mean, "", count) | interval)
    return found


def _row(way: str, measure: str, of: str, mean: Cell, sd: Cell, count: int) -> dict[str, Cell]:
    found: dict[str, Cell] = {"way": way, "measure": measure, "of": of, "mean": mean, "sd": sd}
    return found | {"low": "", "high": "", "n": count}


def draw(figure: Figure, figures: Figures) -> None:
    """Draw every measure over the minutes, a panel each."""
    figure.set_size_inches(3.2 * len(figures.measures), 3.6)
    panels = figure.subplots(1, len(figures.measures), squeeze=False)[0]
    order = np.argsort(figures.places_min, kind="stable")
    for panel, measure in zip(panels, figures.measures, strict=True):
        for way in figures.ways:
            values = figures.of(way, measure)[order]
            panel.plot(figures.places_min[order], values, ".", markersize=4, label=way)
        panel.set_title(measure, fontsize="small")
        panel.set_xlabel("minutes from the reference")
        panel.locator_params(axis="x", nbins=5)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize="x-small")
    figure.suptitle(
        f"{figures.minutes:.2g} minutes, {figures.scenes} scene(s); a point: mean of {figures.length} frames",
        fontsize="small",
    )


def paragraph(figures: Figures, model: str, identity: str) -> str:
    """Return what was asked, done and found."""
    length_s = figures.length / FRAMES_PER_SECOND
    short = (
        ""
        if figures.minutes >= _SEQUENCE_MINUTES
        else f" The budget was enough for {figures.minutes:.2g} of ten minutes: nothing is known beyond."
    )
    table = [
        (
            way,
            measure,
            f"{figures.of(way, measure).mean():.4f}",
            f"{figures.of(way, measure).std(ddof=1) if len(figures.stretches) > 1 else 0.0:.4f}",
            _slope_text(figures.slope(way, measure)),
        )
        for way in figures.ways
        for measure in figures.measures
    ]
    return "\n\n".join(
        [
            f"A blurred sequence of {figures.frames} frames at {FRAMES_PER_SECOND} a second was restored by "
            f"{model} in studio mode, with the one reference that its first window gave, and once more "
            f"without one. It shows a rendered motion of {length_s:g} s going forth and back, so that every "
            "stretch has the same pictures under fresh noise, and what changes is the distance to the "
            f"reference. n = {len(figures.stretches)} stretches of {figures.length} frames, "
            f"{figures.scenes} scene(s); colour is the distance of mean RGB to the truth's, landmarks the "
            "mean error of five points; sd over stretches; the change per minute has a 95 % bootstrap "
            "interval over stretches."
            f"{short}",
            markdown_table(("way", "measure", "mean", "sd", "change per minute"), table),
            _reading(figures),
            f"{identity} Restored in stretches with context, in the same windows as in one piece: the "
            f"process grew by {figures.memory_growth_mb} MB from its second stretch to its last.",
        ]
    )


def _slope_text(slope: Slope | None) -> str:
    return NOT_MEASURED if slope is None else f"{slope.mean:+.4f} [{slope.low:+.4f}, {slope.high:+.4f}]"


def _reading(figures: Figures) -> str:
    limits = (
        "In one step nothing passes from window to window but the reference, so a drift could come from the "
        "pictures alone, and here they come round again; a shot whose light changes may differ, and so may a "
        "model of many steps, whose windows blend."
    )
    if len(figures.stretches) < _FEWEST_FOR_A_VERDICT:
        return f"So few stretches carry no conclusion: a longer budget restores more of them. {limits}"
    slopes = {measure: figures.slope(figures.ways[0], measure) for measure in figures.measures}
    moving = [measure for measure, slope in slopes.items() if slope is not None and slope.excludes_zero]
    verdict = (
        "So with a reference nothing measurably drifts"
        if not moving
        else f"So with a reference these change over the minutes: {', '.join(moving)}"
    )
    return f"{verdict} ({len(slopes)} measures were tested, each at 95 %). {limits}"
