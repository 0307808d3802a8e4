"""``cost``: what a restored frame costs, and what it is worth, beside methods that are no diffusion.

Everything runs in one process, in turns, so that other load on the machine falls on all alike. Time is
processor time of all threads, which other load disturbs less than the clock's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr.training.batches import ClipBatch, ClipSource
from svfr.training.recipe.config import Phase
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.degradation.degrade import Degraded
from svfr_lab.degradation.resample import enlarge
from svfr_lab.experiments.kit.arms import next_goal
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings
from svfr_lab.experiments.kit.feed_forward_run import FeedForwardRun, restored
from svfr_lab.experiments.kit.gpen_style_net import GpenStyleNet
from svfr_lab.experiments.kit.held_out import (
    Clip,
    HeldOutClip,
    Passes,
    held_back_of,
    held_out_clips,
    put_back,
    sampled,
)
from svfr_lab.experiments.kit.measuring import Scores, measure_clips
from svfr_lab.experiments.kit.peak_memory import extra_peak_mb
from svfr_lab.experiments.kit.reference_runs import BFR, SAMPLED, ReferenceRun, run_with_reference
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.experiments.questions.cost_report import CostFigures, draw, paragraph, rows
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.statistics import psnr_db
from svfr_lab.preview_eval.baseline_scores import tuned_methods
from svfr_lab.preview_eval.baselines import fill_from_edge

_MOST_CLIPS = 1200
_SECONDS_PER_CLIP = 2.0
_TRAIN_UNTIL, _TIME_UNTIL, _MEASURE_UNTIL = 0.45, 0.75, 0.95
_CROP_PX = 48
_FEWEST_REPEATS, _MOST_REPEATS = 3, 15
_FEWEST_CLIPS = 3
_LONG_BUDGET_S, _TIMED_FRAMES, _SHORT_TIMED_FRAMES = 300.0, 40, 16
_INPAINT = frozenset({"inpaint"})

_ONE, _BOTH = ReferenceRun("mini, one step", "none"), ReferenceRun("mini, both passes", "self")
_FOUR = ReferenceRun("mini, four steps from noise, both passes", "self", SAMPLED)
GPEN_STYLE = "small GPEN-style network"


@dataclass(frozen=True)
class Method:
    """A way to mend a damaged clip: its task, how many weights it has, and what it gives back."""

    name: str
    task: str
    weights: int
    run: Callable[[Degraded], Clip]

    @property
    def key(self) -> str:
        """The name in notes."""
        return f"{self.task}|{self.name}"


class _CutClips:
    """A :class:`svfr.training.batches.ClipSource` of random squares: convolutions need no whole faces."""

    def __init__(self, source: ClipSource, side_px: int) -> None:
        self._source, self._side_px = source, side_px

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw a batch, and one square for all its pictures."""
        whole = self._source.batch(rng, phase)
        top, left = rng.integers(0, whole.clean.shape[-1] - self._side_px + 1, 2)
        square = (..., slice(top, top + self._side_px), slice(left, left + self._side_px))
        return replace(whole, clean=whole.clean[square], low_quality=whole.low_quality[square])


def _run(bench: Bench) -> Findings:
    model = shipped_model()
    asked = min(_MOST_CLIPS, int(bench.budget_s / _SECONDS_PER_CLIP))
    folder = bench.clips(asked, model.spec.crop_px, model.spec.window)
    count = len(open_rendered_folder(folder).clips)
    held_back = held_back_of(count)
    trained = _trained(bench, folder, held_back)
    methods = _methods(model, trained.averaged_net)
    held_out = list(held_out_clips(folder, held_back))
    shipped = Shipped(model, model.spec.files["unet.safetensors"].sha256[:12], held_back)
    seconds = _timed(bench, methods, held_out[0], shipped.weights)
    memory = {method.key: _memory_mb(method, held_out[0]) for method in methods}
    scores = measure_clips(
        bench,
        f"cost-psnr-{shipped.weights}-{trained.step}",
        held_out,
        lambda clip: _score(clip, methods),
        bench.share(_MEASURE_UNTIL),
        _FEWEST_CLIPS,
    )
    figures = CostFigures(
        methods=[(method.task, method.name, method.weights) for method in methods],
        seconds=seconds,
        memory_mb=memory,
        scores=scores,
        timed_frames=_timed_frames(bench),
        window=model.spec.window,
        network_steps=trained.step,
        network_identities=count - held_back,
    )
    return Findings(
        rows=rows(figures),
        draw=lambda figure: draw(figure, figures),
        paragraph=paragraph(figures, shipped.describe()),
        summary={
            "repeats": figures.repeats,
            "clips_measured": len(scores),
            "network_steps": trained.step,
            "weights_sha256_start": shipped.weights,
            "median_seconds_per_frame": {key: figures.median_s(key) for key in seconds},
        },
    )


def _trained(bench: Bench, clips: Path, held_back: int) -> FeedForwardRun:
    """Train the feed-forward network as long as its share of the budget lasts, at least one stretch."""
    source = _CutClips(RenderedClips(clips, {"bfr": 1.0}, held_back=held_back), _CROP_PX)
    run = FeedForwardRun(bench.folder / "network", bench.seed, 0, source)
    until, longest = bench.share(_TRAIN_UNTIL), 0.0
    while run.step == 0 or until.remaining_s() > longest:
        started = time.monotonic()
        run.go_to(next_goal(run.step))
        longest = (time.monotonic() - started) * 7 / 6
        bench.say("Training the feed-forward network", run.step, 0)
    return run


def _methods(model: Model, network: nn.Module) -> list[Method]:
    """Return everything that is compared; the cheapest baseline of a task first."""
    simple, weights = tuned_methods(), sum(weight.numel() for weight in model.unet.parameters())
    size = sum(weight.numel() for weight in GpenStyleNet().parameters())
    bfr = [
        Method("bicubic", "bfr", 0, _bicubic),
        Method("denoised, mean over time", "bfr", 0, simple["bfr"]["denoised"]),
        Method(GPEN_STYLE, "bfr", size, lambda damaged: restored(network, damaged.lq)),
        *(Method(way.label, "bfr", weights, _diffusion(model, way)) for way in (_ONE, _BOTH, _FOUR)),
    ]
    return [
        *bfr,
        Method("Telea", "inpaint", 0, lambda damaged: fill_from_edge(damaged, cv2.INPAINT_TELEA, 5)),
        Method("Navier-Stokes", "inpaint", 0, lambda damaged: fill_from_edge(damaged, cv2.INPAINT_NS, 3)),
        Method(_ONE.label, "inpaint", weights, _filling(model, "one")),
        Method(_BOTH.label, "inpaint", weights, _filling(model, "both")),
    ]


def _bicubic(damaged: Degraded) -> Clip:
    assert damaged.low_resolution is not None
    return enlarge(damaged.low_resolution, *damaged.lq.shape[1:3])


def _diffusion(model: Model, way: ReferenceRun) -> Callable[[Degraded], Clip]:
    return lambda damaged: run_with_reference(model, damaged.lq, damaged.lq, way)


def _filling(model: Model, passes: Passes) -> Callable[[Degraded], Clip]:
    def fill(damaged: Degraded) -> Clip:
        seen = as_model_sees(model, damaged.lq, damaged.hole, _INPAINT)
        return put_back(damaged.lq, sampled(model, seen, _INPAINT, passes), _INPAINT, damaged.hole)

    return fill


def _damaged(clip: HeldOutClip, method: Method) -> Degraded:
    return clip.damaged(BFR if method.task == "bfr" else _INPAINT)


def _memory_mb(method: Method, clip: HeldOutClip) -> float | None:
    damaged = _damaged(clip, method)
    return extra_peak_mb(lambda: method.run(damaged))


def _score(clip: HeldOutClip, methods: Sequence[Method]) -> Scores:
    """Return each method's PSNR, that of the hole where there is one."""
    scores = {}
    for method in methods:
        damaged = _damaged(clip, method)
        scores[method.key] = psnr_db(method.run(damaged), clip.truth, damaged.hole)
    return scores


def _timed_frames(bench: Bench) -> int:
    return _TIMED_FRAMES if bench.budget_s >= _LONG_BUDGET_S else _SHORT_TIMED_FRAMES


def _timed(
    bench: Bench, methods: Sequence[Method], clip: HeldOutClip, weights: str
) -> Mapping[str, list[float]]:
    """Return the processor seconds per frame of every repeat; methods take turns, the first turn is lost.

    The clip is played forth and back until it is long enough that windows overlap as in a shot.
    """
    path = bench.folder / f"seconds-{weights}.json"
    if path.exists():
        kept: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    frames = _timed_frames(bench)
    there_and_back = [*range(len(clip.truth)), *range(len(clip.truth) - 2, 0, -1)]
    places = [there_and_back[frame % len(there_and_back)] for frame in range(frames)]
    long = replace(clip, truth=clip.truth[places], points_px=clip.points_px[places])
    inputs = {method.task: _damaged(long, method) for method in methods}
    seconds: dict[str, list[float]] = {method.key: [] for method in methods}
    until = bench.share(_TIME_UNTIL)
    for turn in range(_MOST_REPEATS + 1):
        if turn > _FEWEST_REPEATS and until.over():
            break
        for method in methods:
            started = time.process_time()
            method.run(inputs[method.task])
            if turn:
                seconds[method.key].append((time.process_time() - started) / frames)
        bench.say("Timing in turns", turn, 0)
    path.write_text(json.dumps(seconds), encoding="utf-8")
    return seconds


EXPERIMENT = Experiment(
    name="cost",
    title="What a frame costs, beside methods that are no diffusion",
    question="What do processor time and memory come to beside simple methods, and what are they worth?",
    run=_run,
)
