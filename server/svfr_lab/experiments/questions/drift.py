"""``drift``: does a restored face wander off over ten minutes, far from the frame that became its reference?

One reference serves the whole sequence, as it does a shot. The sequence is a rendered motion that goes forth
and back again and again, so that every stretch shows the same pictures and the truth is known; only the noise
of the damage is always fresh. It is made, restored and measured stretch by stretch: nothing grows.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svfr.models.model import Model
from svfr_lab.degradation.basic import EVALUATION, BasicRecipe
from svfr_lab.degradation.degrade import degrade
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings
from svfr_lab.experiments.kit.held_out import Clip
from svfr_lab.experiments.kit.identity_steps import NO_RECOGNISER, IdentitySteps, identity_steps
from svfr_lab.experiments.kit.long_clips import FRAMES_PER_SECOND, clip_frames
from svfr_lab.experiments.kit.reference_runs import BFR, Given, ReferenceRun, given_by, second_pass
from svfr_lab.experiments.kit.shipped import Shipped, shipped_model
from svfr_lab.experiments.questions.drift_report import Figures, draw, paragraph, rows
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.landmarks import drift as landmark_distance
from svfr_lab.metrics.landmarks import offsets
from svfr_lab.metrics.statistics import psnr_db
from svfr_lab.preview_eval.face_measures import MISSED_ERROR
from svfr_restore.faces.landmarks import FivePointFinder

SEQUENCE_FRAMES = 10 * 60 * FRAMES_PER_SECOND
_MEASURE_UNTIL = 0.95
_FEWEST_STRETCHES = 3
_STRETCHES_KEPT = 3
_FRAMES_BETWEEN_LANDMARKS = 5
_LONG_BUDGET_S = 1500.0

# One damage for the whole sequence: the middle of what evaluation draws from.
_DAMAGE = replace(
    EVALUATION, noise_sd_code=(6 / 255, 6 / 255), jpeg_quality=(65, 66), blur_sigma_px=(0.65, 0.65)
)

_WAYS = (ReferenceRun("own reference", "self"), ReferenceRun("no reference", "none"))


@dataclass(frozen=True)
class _Scene:
    """A motion of ``loop`` frames with its exact five points (F, 5, 2) in pixels, played forth and back."""

    number: int
    loop: Clip
    points_px: NDArray[np.float64]

    def truth(self, frames: range) -> tuple[Clip, NDArray[np.float64]]:
        """Return frames of the endless sequence and their points."""
        length = len(self.loop)
        places = [f % length if (f // length) % 2 == 0 else length - 1 - f % length for f in frames]
        return self.loop[places], self.points_px[places]

    def damaged(self, truth: Clip, stretch: int, parameters: BasicRecipe = _DAMAGE) -> Clip:
        """Return frames blurred alike, under noise that is each stretch's own."""
        return degrade(truth, BFR, np.random.default_rng([self.number, stretch]), parameters).lq


def _run(bench: Bench) -> Findings:
    model, length = shipped_model(), clip_frames(bench.budget_s)
    scenes = 2 if bench.budget_s >= _LONG_BUDGET_S else 1
    folder = bench.clips(scenes, model.spec.crop_px, length)
    rendered = open_rendered_folder(folder)
    scenes = min(scenes, len(rendered.clips))
    identity = identity_steps()
    shipped = Shipped(model, model.spec.files["unet.safetensors"].sha256[:12], scenes)
    notebook = bench.folder / f"stretches-{shipped.weights}-{identity is not None}.jsonl"
    measured = _kept(notebook)
    meter = _Meter(identity)
    players = [
        _Player(
            model,
            _Scene(number, _codes(rendered.clips[number]), rendered.landmarks_px[number].astype(np.float64)),
        )
        for number in range(scenes)
    ]
    for stretch in _stretches(bench, length, len(measured) // scenes):
        for player in players:
            if any((row["stretch"], row["scene"]) == (stretch, player.scene.number) for row in measured):
                continue
            row = {"stretch": stretch, "scene": player.scene.number, "memory_mb": _resident_mb()}
            row |= player.measure(stretch, meter)
            measured.append(row)
            with notebook.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        done = (stretch + 1) * length
        bench.say("Minutes of the sequence restored", done // (60 * FRAMES_PER_SECOND), 10)
    return _findings(measured, length, scenes, shipped, identity)


def _findings(
    measured: Sequence[dict[str, float]],
    length: int,
    scenes: int,
    shipped: Shipped,
    identity: IdentitySteps | None,
) -> Findings:
    figures = Figures(measured, [way.label for way in _WAYS], length, scenes)
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


class _Player:
    """Restores a scene stretch by stretch with the reference of its first window."""

    def __init__(self, model: Model, scene: _Scene) -> None:
        self.scene, self._model = scene, model
        self._recent: dict[int, Clip] = {}
        truth, _ = scene.truth(range(len(scene.loop)))
        damaged = scene.damaged(truth, 0)
        self._given = {way.label: given_by(model, damaged, truth, way) for way in _WAYS}
        # windows start every so many frames from the sequence's first: with a context of whole strides
        # a stretch is cut into the same windows as the sequence
        stride = model.spec.window - model.spec.overlap
        self._context = stride * -(-2 * model.spec.window // stride)
        self._stride = stride

    def measure(self, stretch: int, meter: _Meter) -> dict[str, float]:
        """Return the figures of every way on one stretch, by "way|measure"."""
        length = len(self.scene.loop)
        frames = range(stretch * length, (stretch + 1) * length)
        start = max(0, (frames.start - self._context) // self._stride * self._stride)
        wide = range(start, frames.stop + self._context)
        truth, points = self.scene.truth(wide)
        damaged = self._damaged(wide, length)
        inner = slice(frames.start - wide.start, frames.stop - wide.start)
        figures: dict[str, float] = {}
        for way in _WAYS:
            given: Given = self._given[way.label]
            result = second_pass(self._model, damaged, wide.start, given, way)[inner]
            for name, value in meter.measure(result, truth[inner], points[inner]).items():
                figures[f"{way.label}|{name}"] = value
        return figures

    def _damaged(self, frames: range, length: int) -> Clip:
        """Return damaged frames; a frame is damaged alike in whatever range it is asked for."""
        parts = []
        for stretch in range(frames.start // length, (frames.stop - 1) // length + 1):
            whole = range(stretch * length, (stretch + 1) * length)
            damaged = self._stretch(stretch, whole)
            first, last = max(whole.start, frames.start), min(whole.stop, frames.stop)
            parts.append(damaged[first - whole.start : last - whole.start])
        return np.concatenate(parts)

    def _stretch(self, number: int, frames: range) -> Clip:
        """Return a damaged stretch; the last ones are kept, since neighbours need their ends."""
        if number not in self._recent:
            truth, _ = self.scene.truth(frames)
            self._recent[number] = self.scene.damaged(truth, number)
            self._recent.pop(number - _STRETCHES_KEPT, None)
        return self._recent[number]


class _Meter:
    """Takes the figures of one restored stretch."""

    def __init__(self, identity: IdentitySteps | None) -> None:
        self._identity, self._finder = identity, FivePointFinder()

    def measure(self, result: Clip, truth: Clip, points: NDArray[np.float64]) -> dict[str, float]:
        """Return each measure's mean over the frames (F, S, S, 3)."""
        apart = 255.0 * (result.mean((1, 2), dtype=np.float64) - truth.mean((1, 2), dtype=np.float64))
        some = range(0, len(result), _FRAMES_BETWEEN_LANDMARKS)
        figures = {
            "PSNR, dB": psnr_db(result, truth),
            "colour, codes of 255": float(np.linalg.norm(apart, axis=-1).mean()),
            "landmarks, eye distances": float(np.mean([self._off(result[f], points[f]) for f in some])),
        }
        if self._identity is not None:
            figures["identity, distance"] = self._identity.distance(result, truth, points)
        return figures

    def _off(self, frame: Clip, points: NDArray[np.float64]) -> float:
        found = self._finder.five_points(np.rint(frame * 255.0).astype(np.uint8))
        return MISSED_ERROR if found is None else min(landmark_distance(offsets(found, points)), MISSED_ERROR)


def _codes(frames: NDArray[np.uint8]) -> Clip:
    return frames.astype(np.float32) / np.float32(255.0)


def _kept(path: Path) -> list[dict[str, float]]:
    """Return the stretches of a killed run; a line that it did not finish is taken out of the file."""
    if not path.exists():
        return []
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(True) if line.endswith("\n")]
    path.write_text("".join(whole), encoding="utf-8")
    return [json.loads(line) for line in whole]


def _resident_mb() -> float:
    """Return the memory of this process in MB; 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0.0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


EXPERIMENT = Experiment(
    name="drift",
    title="Drift over ten minutes from one reference",
    question="Does a restored face wander off in colour, shape or identity, far from its reference?",
    run=_run,
)
