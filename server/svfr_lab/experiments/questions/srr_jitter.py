"""``srr-jitter``: does a reference make a restored face move more steadily, and at what price in detail?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr.models.model import Model
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings
from svfr_lab.experiments.kit.held_out import HeldOutClip, held_out_clips
from svfr_lab.experiments.kit.long_sequence import FRAMES_PER_SECOND, LONG_CLIP_FRAMES, clip_frames
from svfr_lab.experiments.kit.measurements import Measure, Measurements, Score, markdown, point
from svfr_lab.experiments.kit.measuring import measure_clips
from svfr_lab.experiments.kit.reference_runs import BFR, SAMPLED, ReferenceRun, run_with_reference
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.detail import detail
from svfr_lab.metrics.identity_steps import NO_RECOGNISER, IdentitySteps, identity_steps
from svfr_lab.metrics.jitter import jitter_codes
from svfr_lab.metrics.motion import flow_error_px, motion_of, warping_error_codes
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.baseline_scores import tuned_methods
from svfr_lab.preview_eval.baselines import Method

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
_COMPARED = tuple(
    (one.label, base.label) for one, base in ((_SELF, _PLAIN), (_CLEAN, _PLAIN), (_NOISE_SELF, _NOISE))
)


_WARP = Measure("warping error, codes of 255", 2)
_FLOW = Measure("flow error, px", 3)
_BEND = Measure("second difference, codes of 255", 2)
_TRUE_DETAIL = Measure("true detail, share", 3)
_ENERGY = Measure("detail energy, of the truth's", 3)
_PSNR = Measure("PSNR, dB", 2)
_ALWAYS = (_WARP, _FLOW, _BEND, _TRUE_DETAIL, _ENERGY, _PSNR)


@dataclass(frozen=True)
class _Instruments:
    """What a clip is measured with; ``points_px`` are those of all clips, (N, F, 5, 2)."""

    model: Model
    denoised: Method
    identity: IdentitySteps | None
    points_px: NDArray[np.float32]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that can be taken."""
        return _ALWAYS if self.identity is None else (*_ALWAYS, _identity_step(self.identity))


def _identity_step(identity: IdentitySteps) -> Measure:
    return Measure(f"identity step by {identity.name}", 4)


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
    figures = measure_clips(
        bench,
        f"jitter-{weights}-{len(instruments.measures)}",
        held_out_clips(folder, len(rendered.clips)),
        lambda clip: _scores(clip, instruments),
        until=bench.share(_MEASURE_UNTIL),
        fewest=_FEWEST_CLIPS,
    )
    measures = instruments.measures
    recogniser = None if instruments.identity is None else instruments.identity.recogniser
    return Findings(
        rows=figures.rows(_METHODS, measures, _COMPARED),
        draw=lambda figure: _draw(figure, figures, measures, frames),
        paragraph=_paragraph(figures, instruments, frames, shipped.describe()),
        summary={
            "clips_measured": figures.clips,
            "frames_per_clip": frames,
            "weights_sha256_start": weights,
            "recogniser_sha256": "not computed" if recogniser is None else recogniser.sha256,
        },
    )


def _scores(clip: HeldOutClip, instruments: _Instruments) -> Iterator[Score]:
    """Yield every measure of every method."""
    damaged = clip.damaged(BFR)
    motion = motion_of(clip.truth)
    made = {_TRUTH: clip.truth, _INPUT: damaged.lq, _DENOISED: instruments.denoised(damaged)}
    for run in _RUNS:
        made[run.label] = run_with_reference(instruments.model, damaged.lq, clip.truth, run)
    for method, result in made.items():
        fine = detail(result, clip.truth)
        yield Score(method, _WARP.name, warping_error_codes(result, motion))
        yield Score(method, _FLOW.name, flow_error_px(result, motion))
        yield Score(method, _BEND.name, jitter_codes(result))
        yield Score(method, _TRUE_DETAIL.name, fine.true_share)
        yield Score(method, _ENERGY.name, fine.energy)
        yield Score(method, _PSNR.name, psnr_db(result, clip.truth))
        if instruments.identity is not None:
            step = instruments.identity.step(result, instruments.points_px[clip.number])
            yield Score(method, _identity_step(instruments.identity).name, step)


def _draw(figure: Figure, figures: Measurements, measures: Sequence[Measure], frames: int) -> None:
    """Draw each measure of jitter against true detail: blur is on the left, better is down to the right."""
    jitters = [measure for measure in measures if measure not in (_TRUE_DETAIL, _ENERGY, _PSNR)]
    figure.set_size_inches(3.4 * len(jitters), 4.2)
    panels = figure.subplots(1, len(jitters), squeeze=False)[0]
    for panel, measure in zip(panels, jitters, strict=True):
        for place, method in enumerate(_METHODS):
            x = figures.mean_interval(method, _TRUE_DETAIL.name).mean
            marker = "s" if method in (_TRUTH, _INPUT, _DENOISED) else "o"
            point(
                panel,
                x,
                figures.mean_interval(method, measure.name),
                colour=f"C{place}",
                label=method,
                marker=marker,
            )
        panel.set_title(measure.name, fontsize="small")
        panel.set_xlabel("true detail, share of the truth's")
        panel.grid(alpha=0.3)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="x-small"
    )
    figure.suptitle(
        f"n = {figures.clips} clips of {frames} frames; lines: 95 % interval over clips",
        fontsize="small",
    )


def _paragraph(figures: Measurements, instruments: _Instruments, frames: int, model: str) -> str:
    seconds = frames / FRAMES_PER_SECOND
    shorter = "" if frames == LONG_CLIP_FRAMES else ", cut from ten seconds for the short budget"
    measures = instruments.measures
    methods = [
        (method, *(figures.mean_interval(method, each.name).text(each.digits) for each in measures))
        for method in _METHODS
    ]
    differences = [
        (
            f"{better}, against {base.removeprefix('one step, ')}",
            *(
                figures.paired_difference(better, base, each.name).text(each.digits, True)
                for each in measures
            ),
        )
        for better, base in _COMPARED
    ]
    names = [measure.name for measure in measures]
    return "\n\n".join(
        [
            f"Blurred clips of {seconds:g} s ({frames} frames{shorter}) were restored by {model}: "
            "without a reference, with the one its first pass makes, and with a clean frame, the best there "
            "could be; in one step as its presets do, and in four from noise as the full model samples. "
            "Warping error: what differs between neighbouring frames along the truth's optical flow. Flow "
            "error: how far the result's own flow is from the truth's. The truth's row is the floor of each "
            "instrument. Blur is steady, so detail stands beside: the share of the truth's fine detail that "
            f"the result has. n = {figures.clips} clips, 95 % bootstrap intervals over clips in brackets:",
            markdown(("method", *names), methods),
            "Paired differences on the same clips:",
            markdown(("difference", *names), differences),
            _reading(figures),
            NO_RECOGNISER if instruments.identity is None else _identity_note(instruments.identity),
        ]
    )


def _identity_note(identity: IdentitySteps) -> str:
    return (
        f"The identity step is the mean distance of neighbouring frames' embeddings by {identity.name}, over "
        "eight pairs a clip, with the face cut at the truth's exact points. VIDD is that by ArcFace, whose "
        "weights are not shipped: not computed."
    )


def _reading(figures: Measurements) -> str:
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


def _steadiness(figures: Measurements, better: ReferenceRun, base: ReferenceRun) -> str:
    """Return a sentence on what a reference does to the warping error and to true detail."""
    warp, fine = (
        figures.paired_difference(better.label, base.label, measure.name) for measure in (_WARP, _TRUE_DETAIL)
    )
    steady = _word(warp, "steadier", "less steady", "measurably neither steadier nor less steady")
    return f"{steady} ({_word(fine, 'with less detail', 'with more detail', 'with equal detail')})"


def _word(difference: Estimate, below: str, above: str, neither: str) -> str:
    if not difference.excludes_zero:
        return neither
    return below if difference.mean < 0.0 else above


EXPERIMENT = Experiment(
    name="srr-jitter",
    title="Jitter of a ten-second clip, with and without a reference",
    question="Does Self-Referred Refinement make a restored face move more steadily, and not just blurrier?",
    run=_run,
)
