"""Measures a model on real faces against every simple method: ``python -m svfr_lab.preview_eval.film --film
F``.

Every window goes through the whole path of a job, both passes, under two strengths of degradation: the frozen
recipe of the evaluation split, and a mild one (size 2.5 times less, little noise, small holes). The verdict
of a task compares the model with the simple method that is best on this very footage, chosen after the fact,
which favours that method. Beyond PSNR the centred cut of each window is judged as
:mod:`svfr_lab.preview_eval.verdicts` says, by points that the finder finds in the truth. Windows of one film
are of one person: the interval says what other windows of this film would give, not what other people would.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.models.folder import find_model, read_diffusion_spec
from svfr_client.files import write_whole
from svfr_lab.degradation.basic import EVALUATION, BasicRecipe
from svfr_lab.degradation.degrade import degrade
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.baseline_scores import OLD_FILM, tuned_methods
from svfr_lab.preview_eval.embedder import add_embedder, chosen_embedder, embedder_facts
from svfr_lab.preview_eval.face_measures import FaceMeasures, Figures, TruthFaces, by_measure
from svfr_lab.preview_eval.footage import (
    Footage,
    film_footage,
    photo_footage,
    truth_points,
    window_means,
)
from svfr_lab.preview_eval.rendered import check_path
from svfr_lab.preview_eval.runs import Run, run_as_job, task_set
from svfr_lab.preview_eval.sheet import Row, write_real_sheet
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSample
from svfr_lab.preview_eval.tables import gain_json
from svfr_lab.preview_eval.verdicts import BASELINE, INPUT, TRUTH, quality_table, show_quality
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.plan.models import ModelCache

Verdict: TypeAlias = Literal["better", "not worse", "worse"]

MILD = BasicRecipe(
    blur_sigma_px=(0.5, 0.5),
    usual_scale=2.5,
    noise_sd_code=(2 / 255, 2 / 255),
    jpeg_quality=(85, 86),
    box_side_px_at_96=(10, 20),
)
STRENGTHS: Mapping[str, BasicRecipe] = {"frozen": EVALUATION, "mild": MILD}
_DEGRADATION_SEED = 29
_FRAMES = 8
_SHOWN_WINDOWS = 2


@dataclass(frozen=True)
class Case:
    """One task under one strength of degradation; grey is grey, so colorize has one strength only."""

    task: str
    strength: str


CASES = tuple(
    Case(task, strength)
    for task in (*FROZEN_TASKS, OLD_FILM)
    for strength in STRENGTHS
    if task != "colorize" or strength == "frozen"
)


def verdict(over: Estimate) -> Verdict:
    """Return what an interval shows: "worse" when all of it lies below zero, "better" when all lies above."""
    if over.high < 0.0:
        return "worse"
    return "better" if over.low > 0.0 else "not worse"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every source is measured with."""

    model: str
    preset: str
    models: ModelCache
    faces: FaceMeasures
    report: Callable[[str], None]


def evaluate_footage(footage: Footage, bench: Bench) -> tuple[dict[str, Any], list[Row]]:
    """Return the figures of every case on one source, and the rows of its sheet.

    Raises EvaluationPlateFailed when the path of a job changes pixels by itself, and what a job raises.
    """
    bench.report(f"{footage.about}; {footage.window_count} windows, {len(footage.windows)} cuts")
    identity = run_as_job(bench.models, "identity", "standard")
    run = run_as_job(bench.models, bench.model, bench.preset)
    known = _known_faces(footage, bench.faces)
    tables: dict[str, Any] = {}
    rows: list[Row] = []
    for case in CASES:
        check_path(identity, _sample(footage, case, 0), case.task)
        name = f"{case.task} {case.strength}"
        clips = _restored(footage, case, run, bench.model)
        tables[name] = _psnr_table(footage, case, clips, bench.model)
        bench.report(_show(case, tables[name], bench.model))
        best = tables[name]["best_baseline"]
        quality = _quality(footage, case, clips, known=known, bench=bench, best=best)
        if quality is not None:
            tables[name]["quality"] = quality
            bench.report(show_quality(name, quality))
        samples = [(_sample(footage, case, index), clips[index]) for index in _shown(footage)]
        rows += [_row(case, sample, shown, bench.model, best) for sample, shown in samples]
    summary = {"about": footage.about, "people": footage.people, "windows": footage.window_count}
    return {**summary, "cuts": len(footage.windows), "cases": tables}, rows


def _known_faces(footage: Footage, faces: FaceMeasures) -> dict[int, TruthFaces]:
    """Return what is known of the centred cuts' truths; those whose points cannot be placed are left out."""
    finder = FivePointFinder()
    known = {}
    for index, window in enumerate(footage.windows):
        points = truth_points(window.truth, finder) if window.cut == 0 else None
        if points is not None:
            known[index] = faces.know(window.truth, points)
    return known


def _restored(footage: Footage, case: Case, run: Run, model: str) -> list[dict[str, Float32]]:
    """Return every cut as the model and each simple method restore it, by name."""
    methods = tuned_methods()[case.task]
    samples = [_sample(footage, case, index) for index in range(len(footage.windows))]
    return [
        {model: run(sample, case.task), **{name: method(sample.degraded) for name, method in methods.items()}}
        for sample in samples
    ]


def _psnr_table(
    footage: Footage, case: Case, clips: Sequence[Mapping[str, Float32]], model: str
) -> dict[str, Any]:
    samples = [_sample(footage, case, index) for index in range(len(clips))]
    means = {
        name: window_means(
            [
                psnr_db(cut[name], sample.truth, sample.degraded.hole)
                for cut, sample in zip(clips, samples, strict=True)
            ],
            footage.windows,
        )
        for name in clips[0]
    }
    ours = means.pop(model)
    best = max(means, key=lambda name: float(np.mean(means[name])))
    over = {name: Estimate.of_difference(ours, theirs) for name, theirs in means.items()}
    return {
        "mean_db": round(float(np.mean(ours)), 3),
        "baselines_db": {name: round(float(np.mean(values)), 3) for name, values in means.items()},
        "best_baseline": best,
        "over": {name: gain_json(compared) for name, compared in over.items()},
        "verdict": verdict(over[best]),
    }


def _quality(
    footage: Footage,
    case: Case,
    clips: Sequence[Mapping[str, Float32]],
    *,
    known: Mapping[int, TruthFaces],
    bench: Bench,
    best: str,
) -> dict[str, Any] | None:
    """Return what is beyond PSNR, None where fewer than two windows show the face's points."""
    if len(known) < 2:
        return None
    figures: list[Mapping[str, Figures]] = []
    for index, face in known.items():
        sample, cut = _sample(footage, case, index), clips[index]
        shown = {
            TRUTH: face.clip,
            INPUT: sample.degraded.lq,
            BASELINE: cut[best],
            bench.model: cut[bench.model],
        }
        hole = sample.degraded.hole
        figures.append({name: bench.faces.measure(clip, face, hole) for name, clip in shown.items()})
    frames = sum(len(face.clip) for face in known.values())
    return quality_table(by_measure(figures), [bench.model], best, frames)


def _shown(footage: Footage) -> list[int]:
    """Return the cuts that the sheet shows: centred ones, spread over the source."""
    centred = [index for index, window in enumerate(footage.windows) if window.cut == 0]
    places = np.linspace(0, len(centred) - 1, min(_SHOWN_WINDOWS + 2, len(centred))).round().astype(int)
    return [centred[place] for place in places[1:-1] if len(centred) > 2] or centred[:_SHOWN_WINDOWS]


def _sample(footage: Footage, case: Case, index: int) -> EvaluationSample:
    """Return one cut as it is degraded, the same for everyone who asks."""
    seed = [_DEGRADATION_SEED, sum(case.task.encode()), index]
    truth = footage.windows[index].truth
    rng = np.random.default_rng(seed)
    return EvaluationSample(index, truth, degrade(truth, task_set(case.task), rng, STRENGTHS[case.strength]))


def _row(case: Case, sample: EvaluationSample, clips: Mapping[str, Float32], model: str, best: str) -> Row:
    hole = sample.degraded.hole
    shown = {"damaged": sample.degraded.lq, best: clips[best], model: clips[model], "truth": sample.truth}
    decibels = {
        name: None if name == "truth" else psnr_db(clip, sample.truth, hole) for name, clip in shown.items()
    }
    return Row(f"{case.task} {case.strength}", shown, decibels)


def _show(case: Case, table: Mapping[str, Any], model: str) -> str:
    best = table["best_baseline"]
    lines = [
        f"{case.task}, {case.strength} degradation: {model} {table['mean_db']:.2f} dB:"
        f" {table['verdict']} than the best simple method, {best}"
    ]
    for name, value in table["baselines_db"].items():
        over = table["over"][name]
        lines.append(
            f"    over {name} {value:.2f} dB: {over['mean_db']:+.2f}"
            f" [{over['low_db']:+.2f}, {over['high_db']:+.2f}] dB, better on {over['share_better']:.0%}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure a model on real faces, print the verdicts, write the figures and the sheet."""
    parser = argparse.ArgumentParser(description="Measure a model on real faces.")
    parser.add_argument("--film", action="append", default=[], help="a plate that shows one undamaged face")
    parser.add_argument("--colorspace", help="of the films; else what their files state")
    parser.add_argument("--photo", action="store_true", help="add pans over scikit-image's portrait")
    parser.add_argument("--model", default="mini", help="a model folder, or a model's name")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--cuts", type=int, default=2, help="how often each window is cut")
    parser.add_argument("--windows", type=int, default=sys.maxsize, help="only the first windows of a film")
    add_embedder(parser)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--sheet", type=Path, required=True, help="the PNG to write")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    models = ModelCache()
    spec = read_diffusion_spec(find_model(asked.model))
    crop_px = spec.crop_px
    sources = [
        film_footage(
            film,
            asked.colorspace,
            crop_px=crop_px,
            frames=_FRAMES,
            cuts=asked.cuts,
            most_windows=asked.windows,
        )
        for film in asked.film
    ]
    sources += [photo_footage(crop_px, _FRAMES, asked.cuts)] if asked.photo else []
    if not sources:
        raise ArgumentOutOfRange("There is nothing to measure on.", remedy="Give --film, --photo or both.")
    embedder = chosen_embedder(asked)
    bench = Bench(
        model=asked.model,
        preset=asked.preset,
        models=models,
        faces=FaceMeasures(embedder),
        report=partial(print, flush=True),
    )
    figures: dict[str, Any] = {}
    rows: list[Row] = []
    for footage in sources:
        figures[footage.name], shown = evaluate_footage(footage, bench)
        rows += shown
    weights = {name: record.sha256 for name, record in spec.files.items()}
    measured = {
        "model": asked.model,
        "preset": asked.preset,
        "weights_sha256": weights,
        "identity": embedder_facts(embedder),
        "sources": figures,
    }
    write_whole(asked.out, json.dumps(measured, indent=1) + "\n")
    write_real_sheet(asked.sheet, rows)
    print(f"Written to {asked.out} and {asked.sheet}.")


if __name__ == "__main__":
    main()
