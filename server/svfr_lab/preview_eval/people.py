"""Measures preview models on people that no training saw: ``python -m svfr_lab.preview_eval.people ...``.

Portraits are made to move, so that the truth of every frame is known, damaged, and restored by jobs on
plates. There are two kinds of plates. Crops are as large as the model's, so that nothing is resampled:
figures of bfr, colorize and inpaint. HD plates hold a face of a given size that came from fewer pixels, or
was not damaged at all: they say what a job does to footage, whatever the size of the face in it. Every method
sees the same plates, and all are measured in one run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr.luma import luma_601
from svfr_client.files import write_whole
from svfr_client.job import Box, FaceChoice
from svfr_lab.clips.portrait_motion import SIDE_IN_FACES, draw_motion, seen
from svfr_lab.clips.portraits import Portrait, PortraitList, read_portrait, read_portrait_list, square_around
from svfr_lab.degradation.basic import BasicRecipe
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.metrics.detail import detail
from svfr_lab.metrics.jitter import jitter_codes
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.baselines import fill_by_two, temporal_mean
from svfr_lab.preview_eval.embedder import add_embedder, chosen_embedder
from svfr_lab.preview_eval.face_measures import Embedder, FaceMeasures, Figures
from svfr_lab.preview_eval.people_table import Person, show, table
from svfr_lab.preview_eval.runs import run_as_job
from svfr_lab.preview_eval.skin import skin_errors, tone
from svfr_lab.preview_eval.split import EvaluationSample
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.plan.models import ModelCache

Method = Callable[[EvaluationSample, str], Float32]

CROP_PX, FRAMES = 192, 4
FACE_SIZES_PX = (60, 120, 240, 300, 500)
RATIOS = (1.0, 2.0, 3.0, 4.5)
_PLATE_IN_FACES, _HD_FRAMES = 2.2, 3
_MEASURED_IN_FACES = 1.25
_TINT = np.array([1.11, 1.0, 0.86], np.float32)
_BILATERAL = ((15.0, 1.5), (30.0, 1.5), (30.0, 2.5), (60.0, 2.5))
_SEED = 20_000


@dataclass(frozen=True)
class Bench:
    """What is measured: each model with an amount of detail (None: its preset's), by name, and on whom."""

    models: Mapping[str, tuple[str, float | None]]
    portraits: PortraitList
    embedder: Embedder | None

    def methods(self, cache: ModelCache, faces: FaceChoice | None = None) -> dict[str, Method]:
        """Return the runs of the models through jobs."""
        return {
            name: run_as_job(cache, model, "standard", detail=amount, faces=faces)
            for name, (model, amount) in self.models.items()
        }


def camera(ratio: float) -> BasicRecipe:
    """Return what footage of ``ratio`` times fewer pixels each way has been through."""
    return BasicRecipe(
        blur_sigma_px=(0.4 * ratio, 0.5 * ratio),
        usual_scale=ratio,
        noise_sd_code=(2 / 255, 6 / 255),
        jpeg_quality=(55, 80),
    )


def moving_plate(
    portraits: PortraitList, portrait: Portrait, *, side_px: int, side_in_faces: float, frames: int, seed: int
) -> Float32:
    """Return a moving portrait (frames, side_px, side_px, 3) in code values; the face fills a known share."""
    rng = np.random.default_rng([_SEED, seed])
    stored = square_around(
        read_portrait(portraits, portrait), portrait.box, side_in_faces * 1.5, round(side_px * 1.5)
    )
    motion = draw_motion(rng, side_px, frames, zoom=1.0, turn_degrees=0.0)
    return np.clip(np.stack([seen(stored, motion, float(k)) for k in range(frames)]), 0.0, 1.0)


def simple_methods(task: str) -> dict[str, Callable[[Degraded], Float32]]:
    """Return the simple methods of a task; the best of them on all people is what a model is held against."""
    if task == "colorize":
        return {"grey": lambda d: d.lq, "tint": lambda d: np.clip(d.lq * _TINT, 0.0, 1.0)}
    if task == "inpaint":
        return {"two_continuations": fill_by_two}
    return {
        f"bilateral {strength:g} {sigma:g}, mean {weight:g}": partial(_smoothed, strength, sigma, weight)
        for strength, sigma in _BILATERAL
        for weight in (0.0, 0.3)
    }


def _smoothed(strength: float, sigma_px: float, weight: float, degraded: Degraded) -> Float32:
    frames = [cv2.bilateralFilter(f, 0, strength / 255.0, sigma_px) for f in degraded.lq]
    return temporal_mean(np.stack(frames), weight)


def _truths(
    bench: Bench, people: int, *, side_px: int, side_in_faces: float, frames: int
) -> Iterator[tuple[int, Float32]]:
    """Yield number and moving plate of each of the first ``people`` held back."""
    for number, portrait in enumerate(bench.portraits.held_back[:people]):
        yield (
            number,
            moving_plate(
                bench.portraits,
                portrait,
                side_px=side_px,
                side_in_faces=side_in_faces,
                frames=frames,
                seed=number,
            ),
        )


def crop_samples(
    bench: Bench, task: str, ratio: float, people: int
) -> Iterator[tuple[int, EvaluationSample]]:
    """Yield a sample of the crop's own size for each of the first ``people`` held back."""
    truths = _truths(bench, people, side_px=CROP_PX, side_in_faces=SIDE_IN_FACES, frames=FRAMES)
    for number, truth in truths:
        rng = np.random.default_rng([_SEED, 1, number])
        yield number, EvaluationSample(number, truth, degrade(truth, frozenset({task}), rng, camera(ratio)))


def measure_crops(bench: Bench, task: str, ratio: float, people: int) -> dict[str, Any]:
    """Return the table of one task on crops; ``ratio`` counts for bfr alone."""
    cache, faces, finder = ModelCache(), FaceMeasures(bench.embedder), FivePointFinder()
    methods, rows = bench.methods(cache), []
    for _, sample in crop_samples(bench, task, ratio, people):
        hole = sample.degraded.hole
        clips = {"input": sample.degraded.lq}
        clips |= {name: simple(sample.degraded) for name, simple in simple_methods(task).items()}
        clips |= {name: method(sample, task) for name, method in methods.items()}
        points = [finder.five_points(eight_bit(frame)) for frame in sample.truth]
        known = None
        if all(p is not None for p in points):
            known = faces.know(sample.truth, np.stack([p for p in points if p is not None]))
        row = {}
        for name, clip in clips.items():
            row[name] = _figures(clip, sample.truth, hole, task)
            if known is not None:
                row[name] |= faces.measure(clip, known, hole)
        row["truth"] = {"jitter": jitter_codes(sample.truth, hole)}
        rows.append(Person(row, tone(sample.truth)))
    return table(rows, list(bench.models), list(simple_methods(task)))


def _figures(clip: Float32, truth: Float32, hole: NDArray[np.bool_] | None, task: str) -> Figures:
    figures = {"psnr": psnr_db(clip, truth, hole), "jitter": jitter_codes(clip, hole)}
    if task == "colorize":
        return figures | skin_errors(clip, truth) | {"bleeding": colour_bleeding(clip, truth)}
    fine = detail(clip, truth, hole)
    return figures | {"detail_true": fine.true_share, "detail_energy": fine.energy}


def colour_bleeding(clip: Float32, truth: Float32) -> float:
    """Return how much colour crosses its edges: the share of the truth's chroma steps that is missing.

    Steps are differences of chroma between pixels 4 px apart, where the truth's are among the largest tenth.
    """
    steps = []
    for frames in (clip, truth):
        chroma = frames - luma_601(frames)
        steps.append(
            np.concatenate(
                [
                    (chroma[:, 4:, :-4] - chroma[:, :-4, :-4]).reshape(-1, 3),
                    (chroma[:, :-4, 4:] - chroma[:, :-4, :-4]).reshape(-1, 3),
                ]
            )
        )
    strength = np.square(steps[1]).sum(1)
    strong = strength >= np.quantile(strength, 0.9)
    along = (steps[0][strong] * steps[1][strong]).sum() / max(float(strength[strong].sum()), 1e-9)
    return float(1.0 - np.clip(along, 0.0, 1.0))


def measure_plates(bench: Bench, face_px: int, ratio: float, people: int) -> dict[str, Any]:
    """Return the table of bfr on HD plates with faces of ``face_px``; ``ratio`` 1 is an undamaged plate."""
    side = round(face_px * _PLATE_IN_FACES / 2) * 2
    square = SIDE_IN_FACES * face_px
    corner = (side - square) / 2
    faces = FaceChoice("box", boxes=(Box(corner, corner, square, square),))
    cache, rows = ModelCache(), []
    methods = bench.methods(cache, faces)
    inner = round((side - _MEASURED_IN_FACES * face_px) / 2)
    mask = np.zeros((side, side), np.bool_)
    mask[inner : side - inner, inner : side - inner] = True
    truths = _truths(bench, people, side_px=side, side_in_faces=_PLATE_IN_FACES, frames=_HD_FRAMES)
    for number, truth in truths:
        rng = np.random.default_rng([_SEED, 2, number])
        degraded = Degraded(truth, None, None)
        if ratio > 1.0:
            degraded = degrade(truth, frozenset({"bfr"}), rng, camera(ratio))
        sample = EvaluationSample(number, truth, degraded)
        clips = {"input": degraded.lq}
        clips |= {name: simple(degraded) for name, simple in simple_methods("bfr").items()}
        clips |= {name: method(sample, "bfr") for name, method in methods.items()}
        figures = {name: _figures(clip, truth, mask, "bfr") for name, clip in clips.items()}
        rows.append(Person(figures, tone(truth)))
    return table(rows, list(bench.models), list(simple_methods("bfr")))


def main(arguments: list[str] | None = None) -> None:
    """Measure models, print each table as it is done, and write all of them."""
    parser = argparse.ArgumentParser(description="Measure preview models on people held back.")
    parser.add_argument("--portraits", type=Path, required=True, help="the list of svfr clips portraits")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument(
        "--model", action="append", required=True, metavar="NAME=MODEL[@DETAIL]", help="again for each model"
    )
    parser.add_argument("--people", type=int, default=24, help="how many to measure on crops")
    parser.add_argument("--plate-people", type=int, default=6, help="how many to measure on HD plates")
    parser.add_argument("--face-px", type=int, nargs="*", default=list(FACE_SIZES_PX))
    parser.add_argument("--ratios", type=float, nargs="*", default=list(RATIOS))
    parser.add_argument("--tasks", nargs="*", default=["bfr", "colorize", "inpaint"])
    parser.add_argument("--threads", type=int, default=1)
    add_embedder(parser)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    bench = Bench(named_models(asked.model), read_portrait_list(asked.portraits), chosen_embedder(asked))
    tables: dict[str, Any] = {}
    began = time.monotonic()

    def keep(name: str, measured: dict[str, Any]) -> None:
        tables[name] = measured
        print(f"{name} ({time.monotonic() - began:.0f} s)\n{show(measured)}", flush=True)
        write_whole(asked.out, json.dumps(tables, indent=1) + "\n")

    for task in asked.tasks:
        keep(f"crops {task}", measure_crops(bench, task, 2.5, asked.people))
    for face_px in asked.face_px:
        for ratio in asked.ratios:
            measured = measure_plates(bench, face_px, ratio, asked.plate_people)
            keep(f"face {face_px} px, ratio {ratio:g}", measured)


def named_models(texts: Sequence[str]) -> dict[str, tuple[str, float | None]]:
    """Return models with their detail by name, of arguments such as ``new=mini@1``."""
    models = {}
    for text in texts:
        name, _, rest = text.partition("=")
        model, at, amount = rest.partition("@")
        models[name] = (model, float(amount) if at else None)
    return models


if __name__ == "__main__":
    main()
