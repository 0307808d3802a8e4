"""``srr-jitter``: does a reference make a restored face move more steadily, and at what price in detail?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr.models.model import Model
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings, Row
from svfr_lab.experiments.kit.held_out import Clip, HeldOutClip, held_out_clips
from svfr_lab.experiments.kit.identity_steps import NO_RECOGNISER, IdentitySteps, identity_steps
from svfr_lab.experiments.kit.long_clips import FRAMES_PER_SECOND, LONG_CLIP_FRAMES, clip_frames
from svfr_lab.experiments.kit.measuring import Scores, measure_clips
from svfr_lab.experiments.kit.motion import TruthMotion, flow_error_px, motion_of, warping_error_codes
from svfr_lab.experiments.kit.reference_runs import BFR, SAMPLED, ReferenceRun, run_with_reference
from svfr_lab.experiments.kit.results import markdown_table
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.experiments.kit.spread import Interval
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.detail import detail
from svfr_lab.metrics.statistics import psnr_db
from svfr_lab.preview_eval.baseline_scores import tuned_methods
from svfr_lab.preview_eval.baselines import Method
from svfr_lab.preview_eval.tables import jitter_codes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CLIPS, _SECONDS_PER_FRAME = 24, 0.25
_MEASURE_UNTIL, _FEWEST_CLIPS = 0.95, 2
_FEWEST_FOR_A_VERDICT = 5

_PLAIN = ReferenceRun("one step, no reference", "none")
_SELF = ReferenceRun("one step, own reference", "self")
_CLEAN = ReferenceRun("one step, clean reference", "clean")
_NOISE = ReferenceRun("four steps from noise, no reference", "none", SAMPLED)
_NOISE_SELF = ReferenceRun("four steps from noise, own reference", "self", SAMPLED)
_RUNS = (_PLAIN, _SELF, _CLEAN, _NOISE, _NOISE_SELF)

_TRUTH, _INPUT, _DENOISED = "truth", "input (bicubic)", "denoised, mean over time"
_METHODS = (_TRUTH, _INPUT, _DENOISED, *(run.label for run in _RUNS))
_COMPARED = ((_SELF, _PLAIN), (_CLEAN, _PLAIN), (_NOISE_SELF, _NOISE))


@dataclass(frozen=True)
class _Measure:
    """A column of the scores: its name in results and the digits that are shown."""

    name: str
    digits: int


_WARP = _Measure("warping error, codes of 255", 2)
_FLOW = _Measure("flow error, px", 3)
_BEND = _Measure("second difference, codes of 255", 2)
_TRUE_DETAIL = _Measure("true detail, share", 3)
_ENERGY = _Measure("detail energy, of the truth's", 3)
_PSNR = _Measure("PSNR, dB", 2)
_ALWAYS = (_WARP, _FLOW, _BEND, _TRUE_DETAIL, _ENERGY, _PSNR)


@dataclass(frozen=True)
class _Instruments:
    """What a clip is measured with; ``points_px`` are those of all clips, (N, F, 5, 2)."""

    model: Model
    denoised: Method
    identity: IdentitySteps | None
    points_px: NDArray[np.float32]

    @property
    def measures(self) -> tuple[_Measure, ...]:
        """The measures that can be taken."""
        return _ALWAYS if self.identity is None else (*_ALWAYS, _identity_step(self.identity))


def _identity_step(identity: IdentitySteps) -> _Measure:
    return _Measure(f"identity step by {identity.name}", 4)


def _run(bench: Bench) -> Findings:
    model = shipped_model()
    frames = clip_frames(bench.budget_s)
    affordable = int(bench.budget_s / (frames * _SECONDS_PER_FRAME))
    folder = bench.clips(max(_FEWEST_CLIPS, min(_MOST_CLIPS, affordable)), model.spec.crop_px, frames)
    rendered = open_rendered_folder(folder)
    instruments = _Instruments(
        model, tuned_methods()["bfr"]["denoised"], identity_steps(), rendered.landmarks_px
    )
    weights = model.spec.files["unet.safetensors"].sha256[:12]
    shipped = Shipped(model, weights, len(rendered.clips))
    scores = measure_clips(
        bench,
        f"jitter-{weights}-{len(instruments.measures)}",
        held_out_clips(folder, len(rendered.clips)),
        lambda clip: _score(clip, instruments),
        bench.share(_MEASURE_UNTIL),
        _FEWEST_CLIPS,
    )
    figures = _Figures(scores, instruments.measures, frames)
    recogniser = None if instruments.identity is None else instruments.identity.recogniser
    return Findings(
        rows=_rows(figures),
        draw=lambda figure: _draw(figure, figures),
        paragraph=_paragraph(figures, shipped.describe(), instruments.identity),
        summary={
            "clips_measured": figures.clips,
            "frames_per_clip": frames,
            "weights_sha256_start": weights,
            "recogniser_sha256": "not computed" if recogniser is None else recogniser.sha256,
        },
    )


def _score(clip: HeldOutClip, instruments: _Instruments) -> Scores:
    """Return every measure of every method, by "method|measure"."""
    damaged = clip.damaged(BFR)
    motion = motion_of(clip.truth)
    made = {_TRUTH: clip.truth, _INPUT: damaged.lq, _DENOISED: instruments.denoised(damaged)}
    for run in _RUNS:
        made[run.label] = run_with_reference(instruments.model, damaged.lq, clip.truth, run)
    return {
        f"{method}|{measure}": value
        for method, result in made.items()
        for measure, value in _measured(result, clip, motion, instruments).items()
    }


def _measured(
    result: Clip, clip: HeldOutClip, motion: TruthMotion, instruments: _Instruments
) -> dict[str, float]:
    fine = detail(result, clip.truth)
    figures = {
        _WARP.name: warping_error_codes(result, motion),
        _FLOW.name: flow_error_px(result, motion),
        _BEND.name: jitter_codes(result),
        _TRUE_DETAIL.name: fine.true_share,
        _ENERGY.name: fine.energy,
        _PSNR.name: psnr_db(result, clip.truth),
    }
    identity = instruments.identity
    if identity is not None:
        figures[_identity_step(identity).name] = identity.step(result, instruments.points_px[clip.number])
    return figures


@dataclass(frozen=True)
class _Figures:
    """All scores; the same clips for every method."""

    scores: Sequence[Mapping[str, float]]
    measures: Sequence[_Measure]
    frames: int

    @property
    def clips(self) -> int:
        """The number of clips."""
        return len(self.scores)

    def of(self, method: str, measure: _Measure) -> NDArray[np.float64]:
        """Return one measure of one method, (clips,)."""
        return np.array([row[f"{method}|{measure.name}"] for row in self.scores])

    def difference(self, better: ReferenceRun, base: ReferenceRun, measure: _Measure) -> Interval:
        """Return the paired difference of two runs."""
        return Interval.of(self.of(better.label, measure) - self.of(base.label, measure))


def _rows(figures: _Figures) -> list[Row]:
    rows: list[Row] = []
    for measure in figures.measures:
        for method in _METHODS:
            cells = Interval.of(figures.of(method, measure)).cells()
            rows.append({"method": method, "measure": measure.name, **cells})
        for better, base in _COMPARED:
            cells = figures.difference(better, base, measure).cells()
            name = f"{better.label} minus {base.label}"
            rows.append({"method": name, "measure": f"{measure.name}, difference", **cells})
    return rows


def _draw(figure: Figure, figures: _Figures) -> None:
    """Draw each measure of jitter against true detail: blur is on the left, better is down to the right."""
    jitters = [measure for measure in figures.measures if measure not in (_TRUE_DETAIL, _ENERGY, _PSNR)]
    figure.set_size_inches(3.4 * len(jitters), 4.2)
    panels = figure.subplots(1, len(jitters), squeeze=False)[0]
    for panel, measure in zip(panels, jitters, strict=True):
        for place, method in enumerate(_METHODS):
            interval = Interval.of(figures.of(method, measure))
            x, y = figures.of(method, _TRUE_DETAIL).mean(), interval.mean
            panel.plot(
                x, y, "s" if method in (_TRUTH, _INPUT, _DENOISED) else "o", color=f"C{place}", label=method
            )
            if interval.low is not None and interval.high is not None:
                panel.plot((x, x), (interval.low, interval.high), color=f"C{place}", linewidth=1)
        panel.set_title(measure.name, fontsize="small")
        panel.set_xlabel("true detail, share of the truth's")
        panel.grid(alpha=0.3)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="x-small"
    )
    figure.suptitle(
        f"n = {figures.clips} clips of {figures.frames} frames; lines: 95 % interval over clips",
        fontsize="small",
    )


def _paragraph(figures: _Figures, model: str, identity: IdentitySteps | None) -> str:
    seconds = figures.frames / FRAMES_PER_SECOND
    shorter = "" if figures.frames == LONG_CLIP_FRAMES else ", cut from ten seconds for the short budget"
    methods = [
        (method, *(Interval.of(figures.of(method, each)).text(each.digits) for each in figures.measures))
        for method in _METHODS
    ]
    differences = [
        (
            f"{better.label}, against {base.label.removeprefix('one step, ')}",
            *(figures.difference(better, base, each).text(each.digits, True) for each in figures.measures),
        )
        for better, base in _COMPARED
    ]
    names = [measure.name for measure in figures.measures]
    return "\n\n".join(
        [
            f"Blurred clips of {seconds:g} s ({figures.frames} frames{shorter}) were restored by {model}: "
            "without a reference, with the one its first pass makes, and with a clean frame, the best there "
            "could be; in one step as its presets do, and in four from noise as the full model samples. "
            "Warping error: what differs between neighbouring frames along the truth's optical flow. Flow "
            "error: how far the result's own flow is from the truth's. The truth's row is the floor of each "
            "instrument. Blur is steady, so detail stands beside: the share of the truth's fine detail that "
            f"the result has. n = {figures.clips} clips, 95 % bootstrap intervals over clips in brackets:",
            markdown_table(("method", *names), methods),
            "Paired differences on the same clips:",
            markdown_table(("difference", *names), differences),
            _reading(figures),
            NO_RECOGNISER if identity is None else _identity_note(identity),
        ]
    )


def _identity_note(identity: IdentitySteps) -> str:
    return (
        f"The identity step is the mean distance of neighbouring frames' embeddings by {identity.name}, over "
        "eight pairs a clip, with the face cut at the truth's exact points. VIDD is that by ArcFace, whose "
        "weights are not shipped: not computed."
    )


def _reading(figures: _Figures) -> str:
    limits = (
        "This is one small model on rendered faces that starts from the blurred frame itself; the published "
        "method starts from noise, where a reference has more to do."
    )
    if figures.clips < _FEWEST_FOR_A_VERDICT:
        return f"So few clips carry no conclusion: a longer budget measures more of them. {limits}"
    return (
        f"So the model's own reference makes its one-step result {_steadiness(figures, _SELF, _PLAIN)}, a "
        f"clean one {_steadiness(figures, _CLEAN, _PLAIN)}; sampled from noise, the own reference makes it "
        f"{_steadiness(figures, _NOISE_SELF, _NOISE)}. {limits}"
    )


def _steadiness(figures: _Figures, better: ReferenceRun, base: ReferenceRun) -> str:
    """Say what a reference does to the warping error and to true detail."""
    warp, fine = figures.difference(better, base, _WARP), figures.difference(better, base, _TRUE_DETAIL)
    steady = _word(warp, "steadier", "less steady", "measurably neither steadier nor less steady")
    return f"{steady} ({_word(fine, 'with less detail', 'with more detail', 'with equal detail')})"


def _word(difference: Interval, below: str, above: str, neither: str) -> str:
    if not difference.excludes_zero or difference.mean is None:
        return neither
    return below if difference.mean < 0.0 else above


EXPERIMENT = Experiment(
    name="srr-jitter",
    title="Jitter of a ten-second clip, with and without a reference",
    question="Does Self-Referred Refinement make a restored face move more steadily, and not just blurrier?",
    run=_run,
)
