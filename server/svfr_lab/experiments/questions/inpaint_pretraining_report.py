"""What came out of the pre-training experiment: rows, figure and paragraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Row
from svfr_lab.experiments.kit.recipe import CROP_PX, from_seeds
from svfr_lab.experiments.kit.spread import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRETRAINED, SCRATCH = "pre-trained", "from scratch"
_ARMS = (PRETRAINED, SCRATCH)
_COLOURS = {PRETRAINED: "C1", SCRATCH: "C0"}


@dataclass(frozen=True)
class Curves:
    """PSNR in dB of each clip by (arm, seed, steps of restoration); ``pretraining`` steps came before."""

    scores: Mapping[tuple[str, int, int], Sequence[float]]
    input_db: Sequence[float]
    seeds: Sequence[int]
    pretraining: int
    identities: int

    def steps(self, arm: str) -> list[int]:
        """Return the steps of restoration at which all seeds of an arm were examined."""
        seen = [{step for a, s, step in self.scores if (a, s) == (arm, seed)} for seed in self.seeds]
        return sorted(set.intersection(*seen))

    def psnr_db(self, arm: str, step: int) -> NDArray[np.float64]:
        """Return (seeds, clips)."""
        return np.array([self.scores[arm, seed, step] for seed in self.seeds])

    @property
    def common_steps(self) -> int:
        """The most steps of restoration that both arms have had."""
        return max(set(self.steps(PRETRAINED)) & set(self.steps(SCRATCH)))

    @property
    def common_total(self) -> int | None:
        """The most steps in all at which both arms were examined; None when there are none."""
        totals = {step + self.pretraining for step in self.steps(PRETRAINED)} & set(self.steps(SCRATCH))
        return max((total for total in totals if total > self.pretraining), default=None)

    def at_equal_restoration(self) -> NDArray[np.float64]:
        """Return pre-trained minus scratch, (seeds, clips), after the same steps of restoration."""
        step = self.common_steps
        return self.psnr_db(PRETRAINED, step) - self.psnr_db(SCRATCH, step)

    def at_equal_total(self) -> NDArray[np.float64] | None:
        """Return pre-trained minus scratch, (seeds, clips), after the same steps in all."""
        total = self.common_total
        if total is None:
            return None
        return self.psnr_db(PRETRAINED, total - self.pretraining) - self.psnr_db(SCRATCH, total)


def rows(curves: Curves) -> list[Row]:
    """Return a row for the input, one for each examination, and one for each comparison."""
    found = [_row(curves, "input", "psnr_db", 0, 0, np.array([curves.input_db]))]
    for arm in _ARMS:
        before = curves.pretraining if arm == PRETRAINED else 0
        for step in curves.steps(arm):
            found.append(_row(curves, arm, "psnr_db", step, step + before, curves.psnr_db(arm, step)))
    name, measure = f"{PRETRAINED} minus {SCRATCH}", "psnr_difference_db"
    step, total = curves.common_steps, curves.common_total
    equal_steps = _row(curves, name, measure, step, None, curves.at_equal_restoration())
    return [*found, equal_steps, _row(curves, name, measure, None, total, curves.at_equal_total())]


def _row(
    curves: Curves,
    arm: str,
    measure: str,
    restoration_steps: int | None,
    total_steps: int | None,
    values: NDArray[np.float64] | None,
) -> Row:
    """Return a row of values (seeds, clips); its interval is over clips, its sd over seeds."""
    cells = Interval.of([] if values is None else values.mean(0)).cells()
    several = values is not None and len(values) > 1
    sd = float(values.mean(1).std(ddof=1)) if several and values is not None else NOT_MEASURED
    return {
        "arm": arm,
        "measure": measure,
        "restoration_steps": "differs" if restoration_steps is None else restoration_steps,
        "total_steps": "differs" if total_steps is None else total_steps,
        **cells,
        "sd_over_seeds": sd,
    }


def draw(figure: Figure, curves: Curves) -> None:
    """Draw the gain over the input against steps of restoration, and against steps in all."""
    panels = figure.subplots(1, 2, sharey=True)
    _draw_panel(panels[0], curves, 0)
    panels[0].set_xlabel("steps of restoration")
    panels[0].set_ylabel("gain over the input, dB")
    _draw_panel(panels[1], curves, curves.pretraining)
    panels[1].set_xlabel("steps in all")
    panels[1].axvline(curves.pretraining, color="0.6", linewidth=0.8, linestyle="--")
    panels[0].legend(fontsize="small")
    figure.suptitle(
        f"{len(curves.input_db)} held-out clips; thin: each seed; band: 95 % interval over clips",
        fontsize="small",
    )


def _draw_panel(panel: Axes, curves: Curves, before: int) -> None:
    for arm in _ARMS:
        steps = curves.steps(arm)
        gains = [curves.psnr_db(arm, step) - np.asarray(curves.input_db) for step in steps]
        places = [step + (before if arm == PRETRAINED else 0) for step in steps]
        intervals = [Interval.of(gain.mean(0)) for gain in gains]
        means = [np.nan if each.mean is None else each.mean for each in intervals]
        low = [np.nan if each.low is None else each.low for each in intervals]
        high = [np.nan if each.high is None else each.high for each in intervals]
        panel.plot(places, means, color=_COLOURS[arm], linewidth=2, label=arm)
        panel.fill_between(places, low, high, color=_COLOURS[arm], alpha=0.15, linewidth=0)
        for seed in range(len(curves.seeds)):
            single = [gain[seed].mean() for gain in gains]
            panel.plot(places, single, color=_COLOURS[arm], linewidth=0.6)
    panel.axhline(0.0, color="0.6", linewidth=0.8)
    panel.grid(alpha=0.3)


def paragraph(curves: Curves) -> str:
    """Return what was asked, done and found."""
    clips, total = len(curves.input_db), curves.common_total
    restoration, in_all = curves.at_equal_restoration(), curves.at_equal_total()
    last = curves.psnr_db(SCRATCH, max(curves.steps(SCRATCH)))
    gain = Interval.of((last - np.asarray(curves.input_db)).mean(0)).text()
    equal_total = (
        f"- **Equal steps in all**: {NOT_MEASURED}: the budget ended before the run from scratch caught up."
        if in_all is None or total is None
        else f"- **Equal steps in all** ({total}; the pre-trained run spent {curves.pretraining} of them on "
        f"holes): {_told(in_all)}"
    )
    return "\n\n".join(
        [
            "A network of GPEN's kind with a quarter of a million weights (an encoder, one code that steers "
            "every level of a decoder, the encoder's maps joining each level; L1 loss, no adversary, no "
            f"generative prior) was trained on single {CROP_PX} px frames of {curves.identities} rendered "
            f"heads, {from_seeds(len(curves.seeds))}. One run of each seed learned to fill holes for "
            f"**{curves.pretraining} steps** of 16 faces and then to restore blurred ones; the other learned "
            "to restore from the start, on the same faces in the same order. Measured on "
            f"n = {clips} clips of other heads. The difference in PSNR, pre-trained minus from scratch, mean "
            "and 95 % interval of a paired bootstrap over clips:",
            f"- **Equal steps of restoration** ({curves.common_steps}): {_told(restoration)}\n{equal_total}",
            f"{_reading(restoration, in_all)} From scratch the network ends {gain} dB above "
            "its input (bicubic enlargement). A few hundred steps are early in training, where a head "
            "start counts most; nothing here says what a converged network, an adversary or a generative "
            "prior would make of it.",
        ]
    )


def _told(difference: NDArray[np.float64]) -> str:
    by_seed = ", ".join(f"{value:+.2f}" for value in difference.mean(1))
    return f"{Interval.of(difference.mean(0)).text(2, signed=True)} dB (by seed: {by_seed})."


def _reading(restoration: NDArray[np.float64], in_all: NDArray[np.float64] | None) -> str:
    """Say what the two comparisons mean together."""
    head_start = _sign(restoration)
    if head_start <= 0:
        verdict = "hinders" if head_start < 0 else "does not measurably help"
        return f"So having filled holes {verdict}, even with the additional steps it has cost."
    if in_all is None:
        return "So having filled holes helps; whether more than as many steps of restoration is not known."
    worth = _sign(in_all)
    if worth > 0:
        return "So having filled holes helps, and more than the same time spent on restoration itself."
    rest = "less than" if worth < 0 else "no measurably more than"
    return f"So having filled holes helps at first, but {rest} the same time spent on restoration itself."


def _sign(difference: NDArray[np.float64]) -> int:
    """Return -1 or 1 where the interval and all seeds agree, else 0."""
    interval, means = Interval.of(difference.mean(0)), difference.mean(1)
    if not interval.excludes_zero or not bool((np.sign(means) == np.sign(means[0])).all()):
        return 0
    return int(np.sign(means[0]))
