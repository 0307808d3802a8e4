"""Measures a preview model on the frozen split: ``python -m svfr_lab.preview_eval.rendered --model M --eval
DIR``.

Each clip goes through the whole path of a job with the presets asked for, and through the sampler without a
reference. PSNR is that of the whole frame, for inpaint of the hole alone, and is compared clip by clip with
every baseline; :mod:`svfr_lab.preview_eval.verdicts` says what is measured beyond PSNR. First the path itself
is checked: a model that changes nothing must return every bit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from svfr.models.folder import find_model, read_diffusion_spec
from svfr.models.spec import Preset
from svfr_client.files import write_whole
from svfr_lab.errors import ArgumentOutOfRange, EvaluationPlateFailed
from svfr_lab.metrics.jitter import jitter_codes
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.baseline_scores import OLD_FILM, baseline_scores, tuned_methods
from svfr_lab.preview_eval.embedder import add_embedder, chosen_embedder, embedder_facts
from svfr_lab.preview_eval.face_measures import Embedder, FaceMeasures, Figures, TruthFaces, by_measure
from svfr_lab.preview_eval.runs import Run, run_alone, run_as_job, task_set
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSample, EvaluationSplit, open_evaluation_split
from svfr_lab.preview_eval.tables import record_in_model, show_table, task_table
from svfr_lab.preview_eval.verdicts import BASELINE, INPUT, TRUTH, quality_table, show_quality
from svfr_restore.plan.models import ModelCache

_ONE_STEP = Preset(1, 1, initial_noise=0.0, guidance=1.0)
# Four steps that start from noise, as the full model samples; the preview model has no such preset.
_SAMPLED = Preset(4, 4, initial_noise=1.0, guidance=1.0)
_RUNS = ("standard", "alone", "sampled")

EVALUATED_TASKS = (*FROZEN_TASKS, OLD_FILM)

Scores: TypeAlias = dict[str, list[float]]


def evaluate(
    model: str,
    split: EvaluationSplit,
    runs: Sequence[str],
    *,
    clips: int,
    report: Callable[[str], None],
    embedder: Embedder | None = None,
    tasks: Sequence[str] = EVALUATED_TASKS,
) -> dict[str, Any]:
    """Return everything measured for ``tasks`` on the first ``clips`` clips of the split.

    ``runs`` are presets of the model, which run as jobs, and without a reference "alone", one step, and
    "sampled", four steps from noise. Identity is not computed without an ``embedder``. Raises
    EvaluationPlateFailed when the path changes pixels by itself, and what a job raises.
    """
    models = ModelCache()
    methods = {name: _run(models, model, name) for name in runs}
    identity = run_as_job(models, "identity", "standard")
    faces = FaceMeasures(embedder)
    known = _known_faces(split, faces, clips)
    tables = {}
    for task in tasks:
        check_path(identity, next(split.samples(task_set(task))), task)
        tables[task] = _measured(split, task, methods, faces, known)
        report(show_table({task: tables[task]}))
        report(show_quality(task, tables[task]["quality"]))
    spec = read_diffusion_spec(find_model(model))
    weights = {name: record.sha256 for name, record in spec.files.items()}
    return {
        "model": spec.name,
        "weights_sha256": weights,
        "evaluation_clips_sha256": split.folder.clips_sha256,
        "exact_split": split.exact,
        "identity": embedder_facts(embedder),
        "tasks": tables,
    }


def merged_from_processes(count: int, measure: Callable[[Sequence[str]], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``measure`` says of all tasks, one task a call and ``count`` processes at once."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(measure, [(task,) for task in EVALUATED_TASKS]))
    tables = {task: table for part in parts for task, table in part["tasks"].items()}
    return {**parts[0], "tasks": tables}


def _evaluate_as_asked(asked: argparse.Namespace, tasks: Sequence[str]) -> dict[str, Any]:
    torch.set_num_threads(1)
    split, embedder = open_evaluation_split(asked.eval), chosen_embedder(asked)
    return evaluate(
        asked.model,
        split,
        asked.runs,
        clips=asked.clips,
        report=_print_at_once,
        embedder=embedder,
        tasks=tasks,
    )


def _print_at_once(text: str) -> None:
    print(text, flush=True)


def check_path(identity: Run, sample: EvaluationSample, task: str) -> None:
    """Raise EvaluationPlateFailed unless a model that changes nothing returns every bit of the plate."""
    returned = identity(sample, task)
    changed = int((returned != sample.degraded.lq).sum())
    if changed:
        raise EvaluationPlateFailed(
            f"The path of a job changes {changed} values of clip {sample.clip} by itself.",
            remedy="Fix the path before any model is measured through it.",
        )


def _run(models: ModelCache, model: str, name: str) -> Run:
    if name == "alone":
        return run_alone(models.get(model), _ONE_STEP)
    if name == "sampled":
        return run_alone(models.get(model), _SAMPLED)
    known = read_diffusion_spec(find_model(model)).presets
    if name not in known:
        presets = ", ".join(known)
        raise ArgumentOutOfRange(
            f"There is no run {name!r}.", remedy=f"Choose from {presets}, alone, sampled."
        )
    return run_as_job(models, model, name)


def _known_faces(split: EvaluationSplit, faces: FaceMeasures, clips: int) -> list[TruthFaces]:
    """Return what is known of the truths of the first clips, which are the same for every task."""
    folder = split.folder
    return [
        faces.know(frames.astype(np.float32) / np.float32(255), points)
        for frames, points in islice(zip(folder.clips, folder.landmarks_px, strict=True), clips)
    ]


def _measured(
    split: EvaluationSplit,
    task: str,
    methods: Mapping[str, Run],
    faces: FaceMeasures,
    known: Sequence[TruthFaces],
) -> dict[str, Any]:
    """Return the table of one task: PSNRs and jitter by run and baseline, and what is beyond PSNR."""
    bars = _baseline_psnr(split, task, len(known))
    strongest = max(bars, key=lambda name: float(np.mean(bars[name])))
    simple = tuned_methods()[task][strongest]
    psnr: Scores = {name: [] for name in methods}
    jitter: Scores = {name: [] for name in (TRUTH, INPUT, *methods)}
    figures: list[Mapping[str, Figures]] = []
    for sample, face in zip(split.samples(task_set(task)), known, strict=False):
        hole = sample.degraded.hole
        restored = {name: run(sample, task) for name, run in methods.items()}
        shown = {TRUTH: sample.truth, INPUT: sample.degraded.lq, **restored}
        for name, clip in shown.items():
            jitter[name].append(jitter_codes(clip, hole))
        for name, clip in restored.items():
            psnr[name].append(psnr_db(clip, sample.truth, hole))
        shown[BASELINE] = simple(sample.degraded)
        figures.append({name: faces.measure(clip, face, hole) for name, clip in shown.items()})
    frames = sum(len(face.clip) for face in known)
    quality = quality_table(by_measure(figures), list(methods), strongest, frames)
    return {**task_table(psnr, bars, jitter), "quality": quality}


def _baseline_psnr(split: EvaluationSplit, task: str, clips: int) -> Scores:
    scores = baseline_scores(split, task)
    bars: Scores = {name: [] for name in scores}
    for sample in islice(split.samples(task_set(task)), clips):
        for name, score in scores.items():
            bars[name].append(score(sample))
    return bars


def main(arguments: list[str] | None = None) -> None:
    """Measure a model, print the table and write it."""
    parser = argparse.ArgumentParser(description="Measure a preview model on the frozen split.")
    parser.add_argument("--model", required=True, help="a model folder, or a model's name")
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--runs", nargs="+", default=list(_RUNS), help="presets, alone, sampled")
    parser.add_argument("--clips", type=int, default=sys.maxsize, help="measure only the first clips")
    parser.add_argument("--processes", type=int, default=1, help="tasks to measure at once")
    add_embedder(parser)
    parser.add_argument("--record", action="store_true", help="add the figures to the model's model.json")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    measure = partial(_evaluate_as_asked, asked)
    count = asked.processes
    measured = measure(EVALUATED_TASKS) if count == 1 else merged_from_processes(count, measure)
    write_whole(asked.out, json.dumps(measured, indent=1) + "\n")
    if asked.record:
        record_in_model(find_model(asked.model), measured)
    print(f"Measured in {time.monotonic() - started:.0f} s; written to {asked.out}.")


if __name__ == "__main__":
    main()
