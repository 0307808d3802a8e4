"""``drift``: does a restored face wander off over ten minutes, far from the frame that became its reference?

One reference serves the whole sequence, as it does a shot. It is made, restored and measured in stretches.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Experiment, Findings, Row
from svfr_lab.experiments.kit.long_sequence import FRAMES_PER_SECOND, Scene, ScenePlayer, clip_frames
from svfr_lab.experiments.kit.measurements import Measurements, Score, estimate_cells, markdown
from svfr_lab.experiments.kit.notebook import Notebook
from svfr_lab.experiments.kit.reference_runs import ReferenceRun
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.identity_steps import NO_RECOGNISER, IdentitySteps, identity_steps
from svfr_lab.metrics.landmarks import mean_landmark_error
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate
from svfr_restore.faces.landmarks import FivePointFinder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEQUENCE_FRAMES = 10 * 60 * FRAMES_PER_SECOND
_MEASURE_UNTIL = 0.95
_FEWEST_STRETCHES = 3
_FRAMES_BETWEEN_LANDMARKS = 5
_LONG_BUDGET_S = 1500.0

_WAYS = (ReferenceRun("own reference", "self"), ReferenceRun("no reference", "none"))
_LABELS = tuple(way.label for way in _WAYS)

_FRAMES_PER_MINUTE = 60 * FRAMES_PER_SECOND
_SLOPE_DRAWS, _SLOPE_SEED = 4000, 6
_FEWEST_FOR_A_SLOPE, _FEWEST_FOR_A_VERDICT = 3, 10
_SEQUENCE_MINUTES = 10.0


def _run(bench: Bench) -> Findings:
    model, length = shipped_model(), clip_frames(bench.budget_s)
    scenes = 2 if bench.budget_s >= _LONG_BUDGET_S else 1
    folder = bench.clips(scenes, model.spec.crop_px, length)
    rendered = open_rendered_folder(folder)
    scenes = min(scenes, len(rendered.clips))
    identity = identity_steps()
    shipped = Shipped(model, model.spec.files["unet.safetensors"].sha256[:12], scenes)
    notes = Notebook(bench.folder / f"stretches-{shipped.weights}-{identity is not None}.jsonl")
    finder = FivePointFinder()
    players = [
        ScenePlayer(
            model,
            Scene(
                number,
                rendered.clips[number].astype(np.float32) / np.float32(255.0),
                rendered.landmarks_px[number].astype(np.float64),
            ),
            _WAYS,
        )
        for number in range(scenes)
    ]
    for stretch in _stretches(bench, length, len(notes.rows) // scenes):
        for player in players:
            if any((row["stretch"], row["scene"]) == (stretch, player.scene.number) for row in notes.rows):
                continue
            memory_mb = _resident_mb()
            scores = [
                list(score)
                for way, result, truth, points in player.restored(stretch)
                for score in _scores(way, result, truth, points=points, finder=finder, identity=identity)
            ]
            notes.add(
                {"stretch": stretch, "scene": player.scene.number, "memory_mb": memory_mb, "scores": scores}
            )
        done = (stretch + 1) * length
        bench.say("Minutes of the sequence restored", done // (60 * FRAMES_PER_SECOND), 10)
    figures = Figures(notes.rows, length, scenes)
    note = NO_RECOGNISER if identity is None else f"Identity by {identity.name}."
    return Findings(
        rows=rows(figures),
        draw=lambda figure: draw(figure, figures),
        paragraph=paragraph(figures, shipped.describe(), note),
        summary={
            "frames_restored": figures.frames,
            "minutes": round(figures.minutes, 3),
            "scenes": scenes,
            "frames_per_stretch": length,
            "memory_growth_mb": figures.memory_growth_mb,
            "weights_sha256_start": shipped.weights,
        },
    )


def _stretches(bench: Bench, length: int, begun: int) -> Iterator[int]:
    """Yield the numbers of the stretches: to the end of the sequence, or of the time."""
    until = bench.share(_MEASURE_UNTIL)
    slowest = 0.0
    for stretch in range(begun, SEQUENCE_FRAMES // length):
        if stretch >= _FEWEST_STRETCHES and until.remaining_s() < slowest:
            return
        started = time.monotonic()
        yield stretch
        slowest = max(slowest, time.monotonic() - started)


def _scores(
    way: ReferenceRun,
    result: Float32,
    truth: Float32,
    *,
    points: NDArray[np.float64],
    finder: FivePointFinder,
    identity: IdentitySteps | None,
) -> Iterator[Score]:
    """Yield each measure's mean over the frames (F, S, S, 3) of a stretch."""
    apart = 255.0 * (result.mean((1, 2), dtype=np.float64) - truth.mean((1, 2), dtype=np.float64))
    some = slice(None, None, _FRAMES_BETWEEN_LANDMARKS)
    found = [finder.five_points(eight_bit(frame)) for frame in result[some]]
    yield Score(way.label, "PSNR, dB", psnr_db(result, truth))
    yield Score(way.label, "colour, codes of 255", float(np.linalg.norm(apart, axis=-1).mean()))
    yield Score(way.label, "landmarks, eye distances", mean_landmark_error(found, points[some]))
    if identity is not None:
        yield Score(way.label, "identity, distance", identity.distance(result, truth, points))


def _resident_mb() -> float:
    """Return the memory of this process in MB; 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0.0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Figures:
    """The notes of all stretches of ``length`` frames: stretch, scene, memory_mb and scores."""

    notes: Sequence[Mapping[str, Any]]
    length: int
    scenes: int

    @cached_property
    def measured(self) -> Measurements:
        """The scores; a stretch stands where others have a clip."""
        return Measurements.of(note["scores"] for note in self.notes)

    @property
    def measures(self) -> list[str]:
        """The names of the measures."""
        return list(dict.fromkeys(self.measured.table["measure"]))

    @property
    def frames(self) -> int:
        """The frames of each scene that were restored."""
        return self.length * (1 + int(max(note["stretch"] for note in self.notes)))

    @property
    def minutes(self) -> float:
        """The length of what was restored."""
        return self.frames / _FRAMES_PER_MINUTE

    @property
    def memory_growth_mb(self) -> float | str:
        """How much the process grew from its second stretch to its last."""
        sizes = [note["memory_mb"] for note in self.notes if note["scene"] == 0]
        return round(sizes[-1] - sizes[1], 1) if len(sizes) > 2 and sizes[1] else NOT_MEASURED

    @cached_property
    def places_min(self) -> NDArray[np.float64]:
        """The middle of each stretch in minutes from the reference, (n,)."""
        return np.array([(note["stretch"] + 0.5) * self.length / _FRAMES_PER_MINUTE for note in self.notes])

    def of(self, way: str, measure: str) -> NDArray[np.float64]:
        """Return one measure of every stretch, (n,)."""
        return np.asarray(self.measured.values(way, measure)[0])

    def slope(self, way: str, measure: str) -> Estimate:
        """Return the least-squares slope per minute with a bootstrap over stretches."""
        return slope_per_minute(self.places_min, self.of(way, measure))


def slope_per_minute(minutes: NDArray[np.float64], values: NDArray[np.float64]) -> Estimate:
    """Return the slope of a fitted line, with the interval over stretches; not known for fewer than three.

    Stretches are drawn again with replacement (Efron and Tibshirani 1993, section 9.5).
    """
    count = len(minutes)
    if count < _FEWEST_FOR_A_SLOPE:
        return Estimate(math.nan, math.nan, math.nan, count)
    drawn = np.random.default_rng(_SLOPE_SEED).integers(0, count, (_SLOPE_DRAWS, count))
    x, y = minutes[drawn], values[drawn]
    x = x - x.mean(1, keepdims=True)
    spread = (x**2).sum(1)
    usable = spread > 0.0
    slopes = (x * (y - y.mean(1, keepdims=True))).sum(1)[usable] / spread[usable]
    low, high = np.quantile(slopes, [0.025, 0.975])
    centred = minutes - minutes.mean()
    mean = float((centred * (values - values.mean())).sum() / (centred**2).sum())
    return Estimate(mean, float(low), float(high), count)


def rows(figures: Figures) -> list[Row]:
    """Return a row for each minute, way and measure, then the slopes."""
    found: list[Row] = []
    minute_of = np.floor(figures.places_min).astype(int)
    for way in _LABELS:
        for measure in figures.measures:
            values = figures.of(way, measure)
            for minute in np.unique(minute_of):
                here = values[minute_of == minute]
                sd = float(here.std(ddof=1)) if len(here) > 1 else NOT_MEASURED
                found.append(
                    _row(
                        way, measure, f"minute {minute + 1}", mean=float(here.mean()), sd=sd, count=len(here)
                    )
                )
            slope = figures.slope(way, measure)
            found.append(
                _row(way, measure, "change per minute", mean=NOT_MEASURED, sd="", count=0)
                | estimate_cells(slope)
            )
    return found


def _row(way: str, measure: str, of: str, *, mean: Cell, sd: Cell, count: int) -> dict[str, Cell]:
    found: dict[str, Cell] = {"way": way, "measure": measure, "of": of, "mean": mean, "sd": sd}
    return found | {"low": "", "high": "", "n": count}


def draw(figure: Figure, figures: Figures) -> None:
    """Draw every measure over the minutes, a panel each."""
    figure.set_size_inches(3.2 * len(figures.measures), 3.6)
    panels = figure.subplots(1, len(figures.measures), squeeze=False)[0]
    order = np.argsort(figures.places_min, kind="stable")
    for panel, measure in zip(panels, figures.measures, strict=True):
        for way in _LABELS:
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
            f"{figures.of(way, measure).std(ddof=1) if len(figures.notes) > 1 else 0.0:.4f}",
            figures.slope(way, measure).text(4, True),
        )
        for way in _LABELS
        for measure in figures.measures
    ]
    return "\n\n".join(
        [
            f"A blurred sequence of {figures.frames} frames at {FRAMES_PER_SECOND} a second was restored by "
            f"{model} in studio mode, with the one reference that its first window gave, and once more "
            f"without one. It shows a rendered motion of {length_s:g} s going forth and back, so that every "
            "stretch has the same pictures under fresh noise, and what changes is the distance to the "
            f"reference. n = {len(figures.notes)} stretches of {figures.length} frames, "
            f"{figures.scenes} scene(s); colour is the distance of mean RGB to the truth's, landmarks the "
            "mean error of five points; sd over stretches; the change per minute has a 95 % bootstrap "
            "interval over stretches."
            f"{short}",
            markdown(("way", "measure", "mean", "sd", "change per minute"), table),
            _reading(figures),
            f"{identity} Restored in stretches with context, in the same windows as in one piece: the "
            f"process grew by {figures.memory_growth_mb} MB from its second stretch to its last.",
        ]
    )


def _reading(figures: Figures) -> str:
    limits = (
        "In one step nothing passes from window to window but the reference, so a drift could come from the "
        "pictures alone, and here they come round again; a shot whose light changes may differ, and so may a "
        "model of many steps, whose windows blend."
    )
    if len(figures.notes) < _FEWEST_FOR_A_VERDICT:
        return f"So few stretches carry no conclusion: a longer budget restores more of them. {limits}"
    slopes = {measure: figures.slope(_LABELS[0], measure) for measure in figures.measures}
    moving = [measure for measure, slope in slopes.items() if slope.excludes_zero]
    verdict = (
        "So with a reference nothing measurably drifts"
        if not moving
        else f"So with a reference these change over the minutes: {', '.join(moving)}"
    )
    return f"{verdict} ({len(slopes)} measures were tested, each at 95 %). {limits}"


EXPERIMENT = Experiment(
    name="drift",
    title="Drift over ten minutes from one reference",
    question="Does a restored face wander off in colour, shape or identity, far from its reference?",
    run=_run,
)
