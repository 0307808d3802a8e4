"""Measures a preview model on the frozen split: ``python -m svfr_lab.evaluate_preview --model M --eval DIR``.

Each clip goes through the whole path of a job with the presets "standard" and "final", and through one step
of the sampler without a reference. PSNR is that of the whole frame, for inpaint of the hole alone, and is
compared clip by clip with every baseline. First the path itself is checked: a model that changes nothing must
return every bit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import torch

from svfr.model_folder import find_model
from svfr.model_spec import Preset
from svfr_lab.baselines import (
    BASELINES_PATH,
    ColourFit,
    DenoiseAndEnlarge,
    Denoiser,
    Method,
    baseline_methods,
)
from svfr_lab.errors import ArgumentOutOfRange, EvaluationPlateFailed
from svfr_lab.evaluate_preview_runs import Run, run_alone, run_as_job
from svfr_lab.evaluation_split import FROZEN_TASKS, EvaluationSample, EvaluationSplit, open_evaluation_split
from svfr_lab.metrics import psnr_db
from svfr_lab.reporting import jitter_codes, record_in_model, show_table, task_table
from svfr_restore.models import ModelCache

_ONE_STEP = Preset(1, 1, initial_noise=0.0, guidance=1.0)
# Four steps that start from noise, as the full model samples; the preview model has no such preset.
_SAMPLED = Preset(4, 4, initial_noise=1.0, guidance=1.0)
_RUNS = ("standard", "alone", "sampled")

Score: TypeAlias = Callable[[EvaluationSample], float]
Scores: TypeAlias = dict[str, list[float]]


def evaluate(
    model: str, split: EvaluationSplit, runs: Sequence[str], clips: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """Return everything measured on the first ``clips`` clips of the split.

    ``runs`` are presets of the model, which run as jobs, and without a reference "alone", one step, and
    "sampled", four steps from noise. Raises EvaluationPlateFailed when the path changes pixels by itself,
    and what a job raises.
    """
    models = ModelCache()
    methods = {name: _run(models, model, name) for name in runs}
    identity = run_as_job(models, "identity", "standard")
    tasks = {}
    for task in FROZEN_TASKS:
        check_path(identity, next(split.samples(frozenset({task}))), task)
        psnr, jitter, bars = _scored(split, task, methods, clips)
        tasks[task] = task_table(psnr, bars, jitter)
        report(show_table({task: tasks[task]}))
    weights = {name: record.sha256 for name, record in models.spec(model).files.items()}
    return {
        "model": models.spec(model).name,
        "weights_sha256": weights,
        "evaluation_clips_sha256": split.folder.clips_sha256,
        "exact_split": split.exact,
        "tasks": tasks,
    }


def check_path(identity: Run, sample: EvaluationSample, task: str) -> None:
    """Raise EvaluationPlateFailed unless a model that changes nothing returns every bit of the plate."""
    returned = identity(sample, task)
    changed = int((returned != sample.degraded.lq).sum())
    if changed:
        raise EvaluationPlateFailed(
            f"The path of a job changes {changed} values of clip {sample.clip} by itself.",
            remedy="Mend the path before any model is measured through it.",
        )


def _run(models: ModelCache, model: str, name: str) -> Run:
    if name == "alone":
        return run_alone(models.get(model), _ONE_STEP)
    if name == "sampled":
        return run_alone(models.get(model), _SAMPLED)
    if name not in models.spec(model).presets:
        presets = ", ".join(models.spec(model).presets)
        raise ArgumentOutOfRange(
            f"There is no run {name!r}.", remedy=f"Choose from {presets}, alone, sampled."
        )
    return run_as_job(models, model, name)


def _scored(
    split: EvaluationSplit, task: str, methods: Mapping[str, Run], clips: int
) -> tuple[Scores, Scores, Scores]:
    """Return the PSNRs of the runs, the jitter, and the PSNRs of the baselines, by name and clip."""
    baselines = _baselines(split, task)
    psnr: Scores = {name: [] for name in methods}
    jitter: Scores = {name: [] for name in ("truth", "input", *methods)}
    bars: Scores = {name: [] for name in baselines}
    for sample in islice(split.samples(frozenset({task})), clips):
        hole = sample.degraded.hole
        jitter["truth"].append(jitter_codes(sample.truth, hole))
        jitter["input"].append(jitter_codes(sample.degraded.lq, hole))
        for name, run in methods.items():
            restored = run(sample, task)
            psnr[name].append(psnr_db(restored, sample.truth, hole))
            jitter[name].append(jitter_codes(restored, hole))
        for name, score in baselines.items():
            bars[name].append(score(sample))
    return psnr, jitter, bars


def _baselines(split: EvaluationSplit, task: str) -> dict[str, Score]:
    """Return each baseline's PSNR of a sample: the stored one, or on another driver's clips a fresh one."""
    record = json.loads(BASELINES_PATH.read_text())
    if record["clips_sha256"] == split.folder.clips_sha256:
        return {name: _stored_score(values) for name, values in record["per_clip_db"][task].items()}
    denoise = DenoiseAndEnlarge(Denoiser(**record["bfr"]["denoiser"]), record["bfr"]["neighbour_weight"])
    colour = ColourFit(tuple(record["colour"]["tint"]), tuple(map(tuple, record["colour"]["cubic"])))
    return {name: _fresh_score(method) for name, method in baseline_methods(denoise, colour)[task].items()}


def _stored_score(per_clip_db: Sequence[float]) -> Score:
    return lambda sample: per_clip_db[sample.clip]


def _fresh_score(method: Method) -> Score:
    return lambda sample: psnr_db(method(sample.degraded), sample.truth, sample.degraded.hole)


def main(arguments: list[str] | None = None) -> None:
    """Measure a model, print the table and write it."""
    parser = argparse.ArgumentParser(description="Measure a preview model on the frozen split.")
    parser.add_argument("--model", required=True, help="a model folder, or a model's name")
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--runs", nargs="+", default=list(_RUNS), help="presets, alone, sampled")
    parser.add_argument("--clips", type=int, default=sys.maxsize, help="measure only the first clips")
    parser.add_argument("--record", action="store_true", help="add the figures to the model's model.json")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    started = time.monotonic()
    measured = evaluate(asked.model, open_evaluation_split(asked.eval), asked.runs, asked.clips, print)
    asked.out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if asked.record:
        record_in_model(find_model(asked.model), measured)
    print(f"Measured in {time.monotonic() - started:.0f} s; written to {asked.out}.")


if __name__ == "__main__":
    main()
