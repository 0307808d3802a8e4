"""``cost``: what a restored frame costs, and what it is worth, beside methods that are no diffusion.

Everything runs in one process, in turns, so that other load on the machine falls on all alike. Time is
processor time of all threads, which other load disturbs less than the clock's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import nn

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr.training.batches import ClipBatch, ClipSource
from svfr.training.recipe.config import Phase
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.degradation.degrade import Degraded
from svfr_lab.degradation.resample import enlarge
from svfr_lab.experiments.kit.arms import next_goal
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Experiment, Findings, Row
from svfr_lab.experiments.kit.feed_forward_run import FeedForwardRun, restored
from svfr_lab.experiments.kit.gpen_style_net import GpenStyleNet
from svfr_lab.experiments.kit.held_out import (
    HeldOutClip,
    Passes,
    held_back_of,
    held_out_clips,
    with_tasks_done,
)
from svfr_lab.experiments.kit.measurements import Measurements, Score, estimate_cells, markdown, point
from svfr_lab.experiments.kit.measuring import measure_clips
from svfr_lab.experiments.kit.notebook import Notebook
from svfr_lab.experiments.kit.peak_memory import extra_peak_mb
from svfr_lab.experiments.kit.reference_runs import BFR, SAMPLED, ReferenceRun, run_with_reference
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.baseline_scores import tuned_methods
from svfr_lab.preview_eval.baselines import fill_from_edge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
_GPEN_STYLE = "small GPEN-style network"
_BASE = {"bfr": "denoised, mean over time", "inpaint": "Telea"}
_PSNR, _SECONDS = "psnr_db", "seconds per frame"
_SHOT_FRAMES = 250


@dataclass(frozen=True)
class Method:
    """A way to restore a degraded clip: its task, how many weights it has, and what it gives back."""

    name: str
    task: str
    weights: int
    run: Callable[[Degraded], Float32]


@dataclass(frozen=True, kw_only=True)
class _Costs:
    """PSNR by clip, seconds per frame by repeat, and extra peak memory in MB by method, in their order."""

    psnr: Measurements
    times: Measurements
    memory_mb: Mapping[Method, float | None]
    timed_frames: int
    window: int

    def median_s(self, task: str, name: str) -> float:
        """Return the median seconds per frame."""
        return float(np.median(self.times.values(name, _SECONDS, task)))

    def ratio(self, task: str, name: str) -> float:
        """Return the ratio of the medians to the task's usual simple method."""
        return self.median_s(task, name) / self.median_s(task, _BASE[task])

    def gain(self, task: str, name: str) -> Estimate:
        """Return the paired gain in PSNR over the task's usual simple method."""
        return self.psnr.paired_difference(name, _BASE[task], _PSNR, task)


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
    times = _timed(bench, methods, held_out[0], shipped.weights)
    memory = {method: _memory_mb(method, held_out[0]) for method in methods}
    psnr = measure_clips(
        bench,
        f"cost-psnr-{shipped.weights}-{trained.step}",
        held_out,
        lambda clip: _scores(clip, methods),
        until=bench.share(_MEASURE_UNTIL),
        fewest=_FEWEST_CLIPS,
    )
    figures = _Costs(
        psnr=psnr, times=times, memory_mb=memory, timed_frames=_timed_frames(bench), window=model.spec.window
    )
    network = f"{count - held_back} rendered heads for {trained.step} steps"
    return Findings(
        rows=_rows(figures),
        draw=lambda figure: _draw(figure, figures),
        paragraph=_paragraph(figures, network, shipped.describe()),
        summary={
            "repeats": times.clips,
            "clips_measured": psnr.clips,
            "network_steps": trained.step,
            "weights_sha256_start": shipped.weights,
            "median_seconds_per_frame": {
                f"{method.task}|{method.name}": figures.median_s(method.task, method.name)
                for method in methods
            },
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
        Method(_GPEN_STYLE, "bfr", size, lambda damaged: restored(network, damaged.lq)),
        *(Method(way.label, "bfr", weights, _diffusion(model, way)) for way in (_ONE, _BOTH, _FOUR)),
    ]
    return [
        *bfr,
        Method("Telea", "inpaint", 0, lambda damaged: fill_from_edge(damaged, cv2.INPAINT_TELEA, 5)),
        Method("Navier-Stokes", "inpaint", 0, lambda damaged: fill_from_edge(damaged, cv2.INPAINT_NS, 3)),
        Method(_ONE.label, "inpaint", weights, _filling(model, "one")),
        Method(_BOTH.label, "inpaint", weights, _filling(model, "both")),
    ]


def _bicubic(damaged: Degraded) -> Float32:
    assert damaged.low_resolution is not None
    return enlarge(damaged.low_resolution, *damaged.lq.shape[1:3])


def _diffusion(model: Model, way: ReferenceRun) -> Callable[[Degraded], Float32]:
    return lambda damaged: run_with_reference(model, damaged.lq, damaged.lq, way)


def _filling(model: Model, passes: Passes) -> Callable[[Degraded], Float32]:
    def fill(damaged: Degraded) -> Float32:
        seen = as_model_sees(model, damaged.lq, damaged.hole, _INPAINT)
        return with_tasks_done(model, damaged, seen, _INPAINT, passes)

    return fill


def _damaged(clip: HeldOutClip, method: Method) -> Degraded:
    return clip.damaged(BFR if method.task == "bfr" else _INPAINT)


def _memory_mb(method: Method, clip: HeldOutClip) -> float | None:
    damaged = _damaged(clip, method)
    return extra_peak_mb(lambda: method.run(damaged))


def _scores(clip: HeldOutClip, methods: Sequence[Method]) -> Iterator[Score]:
    """Yield each method's PSNR, that of the hole where there is one."""
    for method in methods:
        damaged = _damaged(clip, method)
        yield Score(method.name, _PSNR, psnr_db(method.run(damaged), clip.truth, damaged.hole), method.task)


def _timed_frames(bench: Bench) -> int:
    return _TIMED_FRAMES if bench.budget_s >= _LONG_BUDGET_S else _SHORT_TIMED_FRAMES


def _timed(bench: Bench, methods: Sequence[Method], clip: HeldOutClip, weights: str) -> Measurements:
    """Return the processor seconds per frame of every repeat; methods take turns, the first turn is lost.

    The clip is played forth and back until it is long enough that windows overlap as in a shot.
    """
    notes = Notebook(bench.folder / f"seconds-{weights}.jsonl")
    if len(notes.rows) >= _FEWEST_REPEATS:
        return Measurements.of(notes.rows)
    frames = _timed_frames(bench)
    there_and_back = [*range(len(clip.truth)), *range(len(clip.truth) - 2, 0, -1)]
    places = [there_and_back[frame % len(there_and_back)] for frame in range(frames)]
    long = replace(clip, truth=clip.truth[places], points_px=clip.points_px[places])
    inputs = {method.task: _damaged(long, method) for method in methods}
    until = bench.share(_TIME_UNTIL)
    for turn in range(_MOST_REPEATS + 1):
        if turn > _FEWEST_REPEATS and until.over():
            break
        repeat = []
        for method in methods:
            started = time.process_time()
            method.run(inputs[method.task])
            seconds = (time.process_time() - started) / frames
            repeat.append(list(Score(method.name, _SECONDS, seconds, method.task)))
        if turn:
            notes.add(repeat)
        bench.say("Timing in turns", turn, 0)
    return Measurements.of(notes.rows)


def _rows(figures: _Costs) -> list[Row]:
    """Return a row for each method and measure; seconds with the range of their repeats."""
    found: list[Row] = []
    for method, memory in figures.memory_mb.items():
        task, name = method.task, method.name
        start: dict[str, Cell] = {"task": task, "method": name}
        ms = 1e3 * figures.times.values(name, _SECONDS, task)[0]
        median, ratio = 1e3 * figures.median_s(task, name), figures.ratio(task, name)
        spread: dict[str, Cell] = {"spread": "range of repeats, median", "low": ms.min(), "high": ms.max()}
        single: dict[str, Cell] = {"spread": "", "low": "", "high": "", "n": 1}
        peak: Cell = NOT_MEASURED if memory is None else memory
        found += [
            {**start, "measure": "processor ms per frame", "mean": median, **spread, "n": len(ms)},
            {**start, "measure": f"ratio to {_BASE[task]}", "mean": ratio, **single, "n": len(ms)},
            {**start, "measure": "extra peak memory, MB", "mean": peak, **single},
            {**start, "measure": "weights", "mean": method.weights, **single},
        ]
        worth = {
            "PSNR, dB": figures.psnr.mean_interval(name, _PSNR, task),
            "gain, dB": figures.gain(task, name),
        }
        for measure, estimate in worth.items():
            found.append({**start, "measure": measure, "spread": "95 % interval", **estimate_cells(estimate)})
    return found


def _draw(figure: Figure, figures: _Costs) -> None:
    """Draw PSNR against processor time, on a logarithmic axis, a panel for each task."""
    figure.set_size_inches(9.0, 4.8)
    panels = figure.subplots(1, len(_BASE), squeeze=False)[0]
    for panel, task in zip(panels, _BASE, strict=True):
        for place, method in enumerate(figures.memory_mb):
            if method.task == task:
                x = 1e3 * figures.median_s(task, method.name)
                psnr = figures.psnr.mean_interval(method.name, _PSNR, task)
                point(panel, x, psnr, colour=f"C{place}", label=method.name)
        panel.set_xscale("log")
        panel.set_xlabel("processor ms per frame")
        panel.set_ylabel("PSNR, dB" if task == "bfr" else "PSNR in the hole, dB")
        panel.set_title(task)
        panel.grid(alpha=0.3)
        # below its panel: above it would hide the intervals
        panel.legend(fontsize="x-small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.suptitle(
        f"n = {figures.psnr.clips} clips (lines: 95 % interval), {figures.times.clips} repeats in turns",
        fontsize="small",
    )


def _paragraph(figures: _Costs, network: str, model: str) -> str:
    """Return what was asked, done and found."""
    table = [_line(figures, method) for method in figures.memory_mb]
    columns = ("task", "method", "weights", "ms per frame (range)", "times the base", "extra MB", "PSNR, dB")
    first_pass = figures.median_s("bfr", _BOTH.label) - figures.median_s("bfr", _ONE.label)
    shot = figures.median_s("bfr", _ONE.label) + first_pass * figures.timed_frames / _SHOT_FRAMES
    base = figures.median_s("bfr", _BASE["bfr"])
    return "\n\n".join(
        [
            f"Simple methods, a small feed-forward network and {model} restored the same degraded clips in "
            f"one process, in turns. Processor time of all threads on {figures.timed_frames} frames, median "
            f"of {figures.times.clips} repeats; memory is what the resident set grew by while a clip of "
            f"{figures.window} frames was restored; the bases are “{_BASE['bfr']}” and {_BASE['inpaint']}. "
            f"PSNR with 95 % bootstrap intervals, n = {figures.psnr.clips} clips of held-out heads, for "
            "inpaint in the hole alone:",
            markdown(columns, table),
            f"The network of GPEN's kind learned on {network} "
            "within this run, the diffusion model for hours beforehand: their "
            "times compare, their PSNR says only what a network of that size reaches in minutes. On "
            f"{figures.timed_frames} frames the first pass is a larger share than in a shot: with "
            f"{_SHOT_FRAMES} frames both passes would take {1e3 * shot:.1f} ms a frame, {shot / base:.1f} "
            f"times the base (calculated). {_worth(figures)}",
        ]
    )


def _line(figures: _Costs, method: Method) -> tuple[Cell, ...]:
    task, name = method.task, method.name
    ms = 1e3 * figures.times.values(name, _SECONDS, task)
    memory = figures.memory_mb[method]
    return (
        task,
        name,
        f"{method.weights:,}" if method.weights else "none",
        f"{1e3 * figures.median_s(task, name):.2f} ({ms.min():.2f} to {ms.max():.2f})",
        f"{figures.ratio(task, name):.2f}",
        NOT_MEASURED if memory is None else f"{memory:.1f}",
        figures.psnr.mean_interval(name, _PSNR, task).text(),
    )


def _worth(figures: _Costs) -> str:
    parts = [
        f"for {task} {figures.gain(task, _BOTH.label).text(2, signed=True)} dB over “{_BASE[task]}” at "
        f"{figures.ratio(task, _BOTH.label):.1f} times its processor time"
        for task in _BASE
    ]
    return f"Both passes are worth {' and '.join(parts)}."


EXPERIMENT = Experiment(
    name="cost",
    title="What a frame costs, beside methods that are no diffusion",
    question="What do processor time and memory come to beside simple methods, and what are they worth?",
    run=_run,
)
