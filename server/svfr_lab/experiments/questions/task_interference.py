"""``task-interference``: blurred grey faces, mended at once or one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from svfr.luma import luma_601
from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings, Row
from svfr_lab.experiments.kit.held_out import Clip, HeldOutClip, put_back, sampled
from svfr_lab.experiments.kit.measuring import Scores, measure_clips
from svfr_lab.experiments.kit.results import markdown_table
from svfr_lab.experiments.kit.shipped import shipped_on_clips
from svfr_lab.experiments.kit.spread import Interval
from svfr_lab.metrics.psnr_ssim import ssim
from svfr_lab.metrics.statistics import psnr_db

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEASURE_UNTIL = 0.95
_FEWEST_CLIPS = 3

_BFR, _COLORIZE = frozenset({"bfr"}), frozenset({"colorize"})
_BOTH = _BFR | _COLORIZE

_INPUT, _AT_ONCE = "input", "both at once"
_ORDERS: Mapping[str, tuple[frozenset[str], ...]] = {
    _AT_ONCE: (_BOTH,),
    "bfr, then colorize": (_BFR, _COLORIZE),
    "colorize, then bfr": (_COLORIZE, _BFR),
    "bfr alone": (_BFR,),
    "colorize alone": (_COLORIZE,),
}
"""The task vectors of each way, in the order in which the model runs."""

_METHODS = (_INPUT, *_ORDERS)


@dataclass(frozen=True)
class _Measure:
    """A figure of a clip (F, S, S, 3) against its truth; ``unit`` may be empty."""

    name: str
    unit: str
    digits: int
    of: Callable[[Clip, Clip], float]

    @property
    def title(self) -> str:
        """The name with its unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


def colour_error(clip: Clip, truth: Clip) -> float:
    """Return the mean distance in CIE a*b* (D65) of clips (F, S, S, 3): lightness is left out."""
    return float(np.linalg.norm((rgb2lab(clip) - rgb2lab(truth))[..., 1:], axis=-1).mean())


def _luma_psnr_db(clip: Clip, truth: Clip) -> float:
    return psnr_db(luma_601(clip), luma_601(truth))


def _mean_ssim(clip: Clip, truth: Clip) -> float:
    values = [ssim(frame, other) for frame, other in zip(clip, truth, strict=True)]
    return float(np.mean([value for value in values if value is not None]))


_MEASURES = (
    _Measure("PSNR", "dB", 2, psnr_db),
    _Measure("PSNR of luma", "dB", 2, _luma_psnr_db),
    _Measure("SSIM", "", 4, _mean_ssim),
    _Measure("colour error", "a*b*", 2, colour_error),
)


def _run(bench: Bench) -> Findings:
    shipped, clips = shipped_on_clips(bench)
    scores = measure_clips(
        bench,
        f"orders-{shipped.weights}",
        clips,
        lambda clip: _score(clip, shipped.model),
        bench.share(_MEASURE_UNTIL),
        _FEWEST_CLIPS,
    )
    figures = _Figures(scores)
    return Findings(
        rows=_rows(figures),
        draw=lambda figure: _draw(figure, figures),
        paragraph=_paragraph(figures, shipped.describe()),
        summary={"clips_measured": figures.clips, "weights_sha256_start": shipped.weights},
    )


def _score(clip: HeldOutClip, model: Model) -> Scores:
    """Return every measure of every method, by "method|measure"."""
    grey = clip.damaged(_BOTH).lq
    made = {_INPUT: grey} | {name: _in_order(model, grey, order) for name, order in _ORDERS.items()}
    return {
        f"{name}|{measure.name}": measure.of(result, clip.truth)
        for name, result in made.items()
        for measure in _MEASURES
    }


def _in_order(model: Model, codes: Clip, order: Sequence[frozenset[str]]) -> Clip:
    """Run one job after another, each on what the one before gave back."""
    for tasks in order:
        seen = as_model_sees(model, codes, None, tasks)
        codes = put_back(codes, sampled(model, seen, tasks, "both"), tasks, None)
    return codes


@dataclass(frozen=True)
class _Figures:
    """All scores; the same clips for every method."""

    scores: Sequence[Scores]

    @property
    def clips(self) -> int:
        """The number of clips."""
        return len(self.scores)

    def of(self, method: str, measure: _Measure) -> NDArray[np.float64]:
        """Return one measure of one method, (clips,)."""
        return np.array([row[f"{method}|{measure.name}"] for row in self.scores])

    def against_at_once(self, method: str, measure: _Measure) -> Interval:
        """Return the paired difference of a method to both tasks at once."""
        return Interval.of(self.of(method, measure) - self.of(_AT_ONCE, measure))


def _rows(figures: _Figures) -> list[Row]:
    rows: list[Row] = []
    for measure in _MEASURES:
        for method in _METHODS:
            cells = Interval.of(figures.of(method, measure)).cells()
            rows.append({"method": method, "measure": measure.title, **cells})
        for method in _METHODS:
            if method != _AT_ONCE:
                cells = figures.against_at_once(method, measure).cells()
                name = f"{method} minus {_AT_ONCE}"
                rows.append({"method": name, "measure": f"{measure.title}, difference", **cells})
    return rows


def _draw(figure: Figure, figures: _Figures) -> None:
    """Draw each method's mean with the interval of its difference to both tasks at once."""
    figure.set_size_inches(10.0, 3.2)
    panels = figure.subplots(1, len(_MEASURES), sharey=True)
    for panel, measure in zip(panels, _MEASURES, strict=True):
        base = float(figures.of(_AT_ONCE, measure).mean())
        for place, method in enumerate(_METHODS):
            mean = float(figures.of(method, measure).mean())
            difference = figures.against_at_once(method, measure)
            if difference.low is not None and difference.high is not None:
                panel.plot((base + difference.low, base + difference.high), (place, place), color="C0")
            panel.plot(mean, place, "o", color="C1", markersize=4)
        panel.axvline(base, color="0.6", linewidth=0.8)
        panel.set_yticks(range(len(_METHODS)), _METHODS)
        panel.set_xlabel(measure.title)
        panel.grid(alpha=0.3)
    panels[0].invert_yaxis()
    figure.suptitle(
        f"n = {figures.clips} clips; lines: 95 % interval of the paired difference to both at once",
        fontsize="small",
    )


def _paragraph(figures: _Figures, model: str) -> str:
    table = markdown_table(
        ("", *(measure.title for measure in _MEASURES)),
        [(method, *(_cell(figures, method, measure) for measure in _MEASURES)) for method in _METHODS],
    )
    return "\n\n".join(
        [
            f"Clips were blurred, made small, noised, compressed and made grey, and mended by {model}, both "
            "passes: with the task vector for restoration and colorization in one run, in two runs in either "
            "order, each on the result of the other, and with one vector alone. Each run puts back what its "
            "tasks do not touch: colorization alone keeps the luma. Colour error is the mean distance in "
            f"a*b*, lower is better. n = {figures.clips} clips; in brackets the paired difference to both at "
            "once with its 95 % bootstrap interval:",
            table,
            _reading(figures),
        ]
    )


def _cell(figures: _Figures, method: str, measure: _Measure) -> str:
    mean = f"{figures.of(method, measure).mean():.{measure.digits}f}"
    if method == _AT_ONCE:
        return mean
    return f"{mean} ({figures.against_at_once(method, measure).text(measure.digits, True)})"


def _reading(figures: _Figures) -> str:
    verdicts = []
    for method in ("bfr, then colorize", "colorize, then bfr"):
        differences = {measure.name: figures.against_at_once(method, measure) for measure in _MEASURES}
        psnr, colour = differences["PSNR"], differences["colour error"]
        verdicts.append(f"{method}: PSNR {_than(psnr, True)}, colour {_than(colour, False)}")
    return (
        f"Against both at once, {'; '.join(verdicts)}. Two runs cost twice as much as one. This is one small "
        "model on rendered faces; the intervals cover other clips of this kind, and no other training."
    )


def _than(difference: Interval, higher_is_better: bool) -> str:
    if not difference.excludes_zero or difference.mean is None:
        return "not told apart"
    return "better" if (difference.mean > 0.0) == higher_is_better else "worse"


EXPERIMENT = Experiment(
    name="task-interference",
    title="Blurred grey faces: both tasks at once, or one after the other",
    question="Do restoration and colorization help or hinder each other in one run?",
    run=_run,
)
