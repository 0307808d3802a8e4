"""The bars beyond PSNR as a table: each run against the damaged input and the best simple method.

Differences are run minus reference with their paired 95 % bootstrap intervals. A bar holds when the whole
interval lies on the right side:

- ``landmark_error`` and ``identity_distance`` are lower than the damaged input's;
- ``steady_with_detail``: from frame to frame the embedding moves more nearly as much as the truth's than the
  damaged input's does, and the run has no less of the truth's detail than the input. What stands still, as a
  blur or a grey patch does, wins neither;
- ``nothing_missed``: the detector and the point finder miss no more frames than in the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from svfr_lab.metrics.landmarks import MISSED_ERROR
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.face_measures import IDENTITY_MEASURES, MEASURES, Measure

DETAIL_MARGIN = 0.01
"""Detail counts as kept when no more than this share of the truth's is lost against the input."""

Values = Mapping[str, Sequence[float]]

TRUTH, INPUT, BASELINE = "truth", "input", "baseline"


def quality_table(
    figures: Mapping[str, Values], runs: Sequence[str], baseline: str, frames: int
) -> dict[str, Any]:
    """Return means, differences and bars.

    ``figures`` holds values by measure, method and clip; methods are "truth", "input", "baseline" and the
    ``runs``. ``baseline`` says which simple method that is. There are so many ``frames`` in all.
    """
    clips = len(next(iter(next(iter(figures.values())).values())))
    measures = {m.name: _measured(m, figures[m.name], runs) for m in MEASURES if m.name in figures}
    return {
        "clips": clips,
        "frames": frames,
        "baseline": baseline,
        "missed_counts_as": MISSED_ERROR,
        "measures": measures,
        "bars": {run: _bars(measures, run) for run in runs},
        "per_clip": {
            name: {method: [round(v, 5) for v in row] for method, row in values.items()}
            for name, values in figures.items()
        },
    }


def show_quality(task: str, table: Mapping[str, Any]) -> str:
    """Return the figures of a task as lines of text."""
    lines = [
        f"{task} beyond PSNR: {table['clips']} clips, {table['frames']} frames; baseline {table['baseline']}"
    ]
    for name, figures in table["measures"].items():
        means = "  ".join(f"{method} {_number(value)}" for method, value in figures["means"].items())
        lines.append(f"  {name} ({figures['unit']}, better {figures['better']}): {means}")
        for run, references in figures["over"].items():
            for reference, d in references.items():
                lines.append(
                    f"    {run} less {reference}: {d['mean']:+.4f} [{d['low']:+.4f}, {d['high']:+.4f}],"
                    f" better on {d['share_better']:.0%}"
                )
    for run, bars in table["bars"].items():
        words = {True: "holds", False: "does not hold", None: "not computed"}
        lines.append(f"  {run}: " + ", ".join(f"{bar} {words[held]}" for bar, held in bars.items()))
    return "\n".join(lines)


def _measured(measure: Measure, values: Values, runs: Sequence[str]) -> dict[str, Any]:
    average = np.sum if measure.counts else np.mean
    references = [name for name in (INPUT, BASELINE) if name in values]
    return {
        "unit": measure.unit,
        "better": measure.better,
        "means": {method: round(float(average(row)), 4) for method, row in values.items()},
        "over": {
            run: {name: _difference(measure, values[run], values[name], values[TRUTH]) for name in references}
            for run in runs
        },
    }


def _difference(
    measure: Measure, run: Sequence[float], reference: Sequence[float], truth: Sequence[float]
) -> dict[str, float]:
    ours, theirs = np.asarray(run, np.float64), np.asarray(reference, np.float64)
    if measure.better == "near the truth's":
        goal = np.asarray(truth, np.float64)
        better = np.abs(ours - goal) < np.abs(theirs - goal)
    else:
        better = ours < theirs if measure.better == "lower" else ours > theirs
    difference = Estimate.of_difference(ours, theirs, better)
    return {name: round(getattr(difference, name), 4) for name in ("mean", "low", "high", "share_better")}


def _bars(measures: Mapping[str, Any], run: str) -> dict[str, bool | None]:
    """Return which bars a run holds against the damaged input; None where a measure was not taken."""

    def over(name: str) -> Mapping[str, float]:
        found: Mapping[str, float] = measures[name]["over"][run][INPUT]
        return found

    def missed(name: str) -> bool:
        means = measures[name]["means"]
        return bool(means[run] > means[INPUT])

    identity = all(name in measures for name in IDENTITY_MEASURES)
    return {
        "landmark_error": over("landmark_error")["high"] < 0.0,
        "identity_distance": over("identity_distance")["high"] < 0.0 if identity else None,
        "steady_with_detail": (
            over("identity_step_off")["high"] < 0.0 and over("detail_true")["low"] > -DETAIL_MARGIN
            if identity
            else None
        ),
        "nothing_missed": not (missed("landmarks_missed") or missed("faces_missed")),
    }


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.4f}"
