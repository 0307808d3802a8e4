"""How far the five-point net is off, on clips it has not seen, and next to knowing only the mean face.

Errors are distances as a share of the distance between the eyes in the same frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svfr.eight_bit import eight_bit
from svfr_lab.heads.dataset import RenderedFolder
from svfr_lab.preview_eval.split import EvaluationSplit
from svfr_restore.faces.landmarks import FivePointFinder

POINT_NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
# A point further off than this share of the distance between the eyes is counted as missed.
_MISSED = 0.25


def measure_points(weights: Path, train: RenderedFolder, split: EvaluationSplit) -> dict[str, Any]:
    """Return the errors on every frame of the split, clean and damaged as for bfr, and the baseline's.

    The baseline answers with the mean points of the training clips, for every frame. A frame whose points
    the finder does not give counts in "found" and in no error.
    """
    finder = FivePointFinder(weights)
    truth = split.folder.landmarks_px.reshape(-1, 5, 2)
    clean = split.folder.clips.reshape(-1, *split.folder.clips.shape[2:])
    damaged = np.concatenate([eight_bit(sample.degraded.lq) for sample in split.samples(frozenset({"bfr"}))])
    mean_face = train.landmarks_px.reshape(-1, 5, 2).mean(axis=0)
    guessed = np.broadcast_to(mean_face, truth.shape)
    return {
        "frames": len(truth),
        "clean": summary(found_points(finder, clean), truth),
        "damaged": summary(found_points(finder, damaged), truth),
        "mean_face": summary(guessed, truth),
    }


def found_points(finder: FivePointFinder, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the points (N, 5, 2) of frames (N, S, S, 3); NaN where the finder gives none."""
    nothing = np.full((5, 2), np.nan)
    answers = (finder.five_points(frame) for frame in frames)
    return np.stack([nothing if points is None else points for points in answers])


def summary(points: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, Any]:
    """Return mean and 95th percentile errors of points (N, 5, 2), of each kind, and how many were found.

    Rows of NaN count as not found. With none found the errors are None.
    """
    eyes_apart = np.linalg.norm(truth[:, 1] - truth[:, 0], axis=-1)
    errors = np.linalg.norm(points - truth, axis=-1) / eyes_apart[:, None]
    found = np.isfinite(errors).all(axis=1)
    given = errors[found]
    if not found.any():
        return {"found": 0.0, "mean": None, "percentile_95": None, "missed": None, "of_points": None}
    return {
        "found": round(float(found.mean()), 4),
        "mean": round(float(given.mean()), 4),
        "percentile_95": round(float(np.quantile(given, 0.95)), 4),
        "missed": round(float((given > _MISSED).mean()), 4),
        "of_points": {
            name: round(float(value), 4) for name, value in zip(POINT_NAMES, given.mean(axis=0), strict=True)
        },
    }
