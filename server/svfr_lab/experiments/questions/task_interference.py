"""``task-interference``: blurred grey faces, restored at once or one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from skimage.color import rgb2lab

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings
from svfr_lab.experiments.kit.held_out import HeldOutClip, put_back, sampled
from svfr_lab.experiments.kit.measurements import Measure, Measurements, Score, dotplot, markdown
from svfr_lab.experiments.kit.shipped import measure_shipped
from svfr_lab.metrics.psnr_ssim import psnr_db, ssim
from svfr_lab.metrics.statistics import Estimate

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
_COMPARED = tuple((method, _AT_ONCE) for method in _METHODS if method != _AT_ONCE)


def colour_error(clip: Float32, truth: Float32) -> float:
    """Return the mean distance in CIE a*b* (D65) of clips (F, S, S, 3): lightness is left out."""
    return float(np.linalg.norm((rgb2lab(clip) - rgb2lab(truth))[..., 1:], axis=-1).mean())


def _mean_ssim(clip: Float32, truth: Float32) -> float:
    values = [ssim(frame, other) for frame, other in zip(clip, truth, strict=True)]
    return float(np.mean([value for value in values if value is not None]))


_PSNR, _LUMA_PSNR = Measure("PSNR, dB", 2), Measure("PSNR of luma, dB", 2)
_SSIM, _COLOUR = Measure("SSIM", 4), Measure("colour error, a*b*", 2)
_MEASURES: Mapping[Measure, Callable[[Float32, Float32], float]] = {
    _PSNR: psnr_db,
    _LUMA_PSNR: lambda clip, truth: psnr_db(luma_601(clip), luma_601(truth)),
    _SSIM: _mean_ssim,
    _COLOUR: colour_error,
}


def _run(bench: Bench) -> Findings:
    shipped, figures = measure_shipped(bench, "orders", _scores, bench.share(_MEASURE_UNTIL), _FEWEST_CLIPS)
    return Findings(
        rows=figures.rows(_METHODS, list(_MEASURES), _COMPARED),
        draw=lambda figure: _draw(figure, figures),
        paragraph=_paragraph(figures, shipped.describe()),
        summary={"clips_measured": figures.clips, "weights_sha256_start": shipped.weights},
    )


def _scores(clip: HeldOutClip, model: Model) -> Iterator[Score]:
    """Yield every measure of every method."""
    grey = clip.damaged(_BOTH).lq
    made = {_INPUT: grey} | {name: _in_order(model, grey, order) for name, order in _ORDERS.items()}
    for name, result in made.items():
        for measure, of in _MEASURES.items():
            yield Score(name, measure.name, of(result, clip.truth))


def _in_order(model: Model, codes: Float32, order: Sequence[frozenset[str]]) -> Float32:
    """Run one job after another, each on what the one before gave back."""
    for tasks in order:
        seen = as_model_sees(model, codes, None, tasks)
        codes = put_back(codes, sampled(model, seen, tasks, "both"), tasks, None)
    return codes


def _draw(figure: Figure, figures: Measurements) -> None:
    """Draw each method's mean with the interval of its difference to both tasks at once."""
    figure.set_size_inches(10.0, 3.2)
    panels = figure.subplots(1, len(_MEASURES), sharey=True)
    for panel, measure in zip(panels, _MEASURES, strict=True):
        base = figures.mean_interval(_AT_ONCE, measure.name).mean
        differences = [figures.difference(method, _AT_ONCE, measure.name) for method in _METHODS]
        dotplot(panel, _METHODS, differences, base)
        panel.set_xlabel(measure.name)
    panels[0].invert_yaxis()
    figure.suptitle(
        f"n = {figures.clips} clips; lines: 95 % interval of the paired difference to both at once",
        fontsize="small",
    )


def _paragraph(figures: Measurements, model: str) -> str:
    table = markdown(
        ("", *(measure.name for measure in _MEASURES)),
        [(method, *(_cell(figures, method, measure) for measure in _MEASURES)) for method in _METHODS],
    )
    return "\n\n".join(
        [
            f"Clips were blurred, made small, noised, compressed and made grey, and restored by {model}, "
            "both passes: with the task vector for restoration and colorization in one run, in two runs in "
            "either order, each on the result of the other, and with one vector alone. Each run puts back "
            "what its tasks do not touch: colorization alone keeps the luma. Colour error is the mean "
            f"distance in a*b*, lower is better. n = {figures.clips} clips; in brackets the paired "
            "difference to both at once with its 95 % bootstrap interval:",
            table,
            _reading(figures),
        ]
    )


def _cell(figures: Measurements, method: str, measure: Measure) -> str:
    mean = f"{figures.mean_interval(method, measure.name).mean:.{measure.digits}f}"
    if method == _AT_ONCE:
        return mean
    return f"{mean} ({figures.paired_difference(method, _AT_ONCE, measure.name).text(measure.digits, True)})"


def _reading(figures: Measurements) -> str:
    verdicts = []
    for method in ("bfr, then colorize", "colorize, then bfr"):
        psnr, colour = (
            figures.paired_difference(method, _AT_ONCE, measure.name) for measure in (_PSNR, _COLOUR)
        )
        verdicts.append(f"{method}: PSNR {_than(psnr, True)}, colour {_than(colour, False)}")
    return (
        f"Against both at once, {'; '.join(verdicts)}. Two runs cost twice as much as one. This is one small "
        "model on rendered faces; the intervals cover other clips of this kind, and no other training."
    )


def _than(difference: Estimate, higher_is_better: bool) -> str:
    if not difference.excludes_zero:
        return "not told apart"
    return "better" if (difference.mean > 0.0) == higher_is_better else "worse"


EXPERIMENT = Experiment(
    name="task-interference",
    title="Blurred grey faces: both tasks at once, or one after the other",
    question="Do restoration and colorization help or hinder each other in one run?",
    run=_run,
)
