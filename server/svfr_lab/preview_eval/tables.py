"""Figures of an evaluation: gains over every baseline with their uncertainty, jitter, and how they are shown.

A gain is the mean over clips of the difference in PSNR on the same clip; its interval is a paired bootstrap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from svfr.models.folder import SPEC_FILE, read_spec
from svfr.models.spec import DiffusionSpec
from svfr_client.files import write_whole
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.statistics import Estimate

_OF_SINGLE_CLIPS = frozenset({"per_clip", "per_clip_db"})


def gain_json(gain: Estimate) -> dict[str, float]:
    """Return a difference in dB, rounded to what 64 clips can carry."""
    figures = {"mean_db": gain.mean, "low_db": gain.low, "high_db": gain.high}
    return {name: round(value, 3) for name, value in {**figures, "share_better": gain.share_better}.items()}


def task_table(
    runs: Mapping[str, Sequence[float]],
    baselines: Mapping[str, Sequence[float]],
    jitter: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    """Return the figures of one task.

    ``runs`` and ``baselines`` hold PSNRs in dB, ``jitter`` codes, by name and then clip; ``jitter`` has an
    entry for each run, and more to compare with. "strongest" is the baseline of the highest mean.
    """
    return {
        "clips": len(next(iter(baselines.values()))),
        "strongest": max(baselines, key=lambda name: float(np.mean(baselines[name]))),
        "baselines_db": {name: _mean(values) for name, values in baselines.items()},
        "jitter_codes": {name: _mean(values) for name, values in jitter.items()},
        "runs": {
            name: {
                "mean_db": _mean(values),
                "over": {
                    other: gain_json(Estimate.of_difference(values, base))
                    for other, base in baselines.items()
                },
                "per_clip_db": [round(value, 4) for value in values],
            }
            for name, values in runs.items()
        },
    }


def show_table(tasks: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the tasks' figures as lines of text: each run against each baseline."""
    lines = []
    for task, table in tasks.items():
        lines.append(f"{task}: {table['clips']} clips, strongest baseline {table['strongest']}")
        for run, figures in table["runs"].items():
            lines.append(
                f"  {run}: {figures['mean_db']:.2f} dB, jitter {table['jitter_codes'][run]:.2f}"
                f" (truth {table['jitter_codes']['truth']:.2f}, input {table['jitter_codes']['input']:.2f})"
            )
            for baseline, over in figures["over"].items():
                lines.append(
                    f"    over {baseline} {table['baselines_db'][baseline]:.2f} dB:"
                    f" {over['mean_db']:+.2f} [{over['low_db']:+.2f}, {over['high_db']:+.2f}] dB,"
                    f" better on {over['share_better']:.0%}"
                )
    return "\n".join(lines)


def record_in_model(folder: Path, measured: Mapping[str, Any]) -> None:
    """Write the figures, without those of single clips, to ``training.measured`` of the folder's model.json.

    The weight files and their hashes stay. Raises what reading a model.json raises.
    """
    spec = read_spec(folder)
    if not isinstance(spec, DiffusionSpec):
        raise ArgumentOutOfRange(
            f"{spec.name} has no training to add figures to.", path=folder, remedy="Name a trained model."
        )
    tasks = {task: _without_clips(table) for task, table in measured["tasks"].items()}
    body = spec.to_json()
    body["training"]["measured"] = {**measured, "tasks": tasks}
    write_whole(folder / SPEC_FILE, json.dumps(body, indent=1) + "\n")


def _without_clips(figures: Any) -> Any:
    """Return nested figures without those of single clips."""
    if not isinstance(figures, Mapping):
        return figures
    return {key: _without_clips(value) for key, value in figures.items() if key not in _OF_SINGLE_CLIPS}


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)
