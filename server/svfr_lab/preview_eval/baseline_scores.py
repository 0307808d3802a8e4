"""The simple methods of any set of tasks that is measured, single tasks and those done together.

Old film has lost its colour and its sharpness at once, so the two simple methods are chained there: the tuned
denoiser on the grey small frames, then a tint or a cubic of luma.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from svfr.luma import luma_601
from svfr.validation import read_json_file
from svfr_lab.degradation.degrade import Degraded
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.baselines import (
    BASELINES_PATH,
    ColourFit,
    DenoiseAndEnlarge,
    Denoiser,
    Method,
    baseline_methods,
)
from svfr_lab.preview_eval.split import EvaluationSample, EvaluationSplit

Score: TypeAlias = Callable[[EvaluationSample], float]

OLD_FILM = "bfr+colorize"


def tuned_methods(record_path: Path = BASELINES_PATH) -> dict[str, dict[str, Method]]:
    """Return every simple method by task and name, as tuned on training clips.

    "input", and for bfr "bicubic", is the damaged clip itself.
    """
    record = read_json_file(record_path)
    denoise = DenoiseAndEnlarge(Denoiser(**record["bfr"]["denoiser"]), record["bfr"]["neighbour_weight"])
    colour = ColourFit(tuple(record["colour"]["tint"]), tuple(map(tuple, record["colour"]["cubic"])))
    single = baseline_methods(denoise, colour)
    together: dict[str, Method] = {
        **single["colorize"],
        "denoised_tint": lambda d: colour.add_tint(_sharper_grey(d, denoise)),
        "denoised_luma_cubic": lambda d: colour.apply_cubic(_sharper_grey(d, denoise)),
    }
    return {**single, OLD_FILM: together}


def baseline_scores(split: EvaluationSplit, task: str) -> dict[str, Score]:
    """Return each baseline's PSNR of a sample.

    The stored figure, or a fresh one on another driver's clips and for tasks that are not stored.
    """
    stored = read_json_file(BASELINES_PATH)
    if stored["clips_sha256"] == split.folder.clips_sha256 and task in stored["per_clip_db"]:
        return {name: _stored_score(values) for name, values in stored["per_clip_db"][task].items()}
    return {name: _fresh_score(method) for name, method in tuned_methods()[task].items()}


def _sharper_grey(degraded: Degraded, denoise: DenoiseAndEnlarge) -> Degraded:
    """Return the damage with its grey frames denoised; the small frames lose their colour first."""
    small = degraded.low_resolution
    grey = None if small is None else np.repeat(luma_601(small), 3, axis=-1)
    return replace(degraded, lq=denoise(replace(degraded, low_resolution=grey)))


def _stored_score(per_clip_db: Sequence[float]) -> Score:
    return lambda sample: per_clip_db[sample.clip]


def _fresh_score(method: Method) -> Score:
    return lambda sample: psnr_db(method(sample.degraded), sample.truth, sample.degraded.hole)
