"""The four files of a result: a paragraph, a figure, a table, and a record for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image

from svfr_client.files import whole_file, write_whole
from svfr_lab.experiments.kit.experiment import Cell, Experiment, Findings, PaperClaim
from svfr_lab.experiments.kit.measurements import markdown

FORMAT = 1
_FIGURE_INCHES = (8.0, 4.5)
_DPI = 90
_COLOURS = 128
_DIGITS = 4
_PACKAGES = (
    "svfr-studio",
    "torch",
    "diffusers",
    "numpy",
    "opencv-python-headless",
    "scikit-image",
    "scikit-learn",
)


@dataclass(frozen=True)
class Circumstances:
    """How the result came about; ``starts`` counts processes, ``own_clips`` says that --data was given.

    ``clips`` are the settings and hashes of the clips by their size.
    """

    seed: int
    budget_s: float
    spent_s: float
    starts: int
    own_clips: bool
    clips: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ResultFiles:
    """Where a result lies."""

    paragraph: Path
    figure: Path
    table: Path
    record: Path


def write_results(
    out: Path, experiment: Experiment, findings: Findings, circumstances: Circumstances
) -> ResultFiles:
    """Write the four files, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    files = ResultFiles(*(out / f"{experiment.name}.{suffix}" for suffix in ("md", "png", "csv", "json")))
    _write_figure(files.figure, findings)
    _write_table(files.table, findings)
    record = _record(experiment, findings, circumstances)
    write_whole(files.record, json.dumps(record, indent=1, allow_nan=False) + "\n")
    write_whole(files.paragraph, _page(experiment, findings, circumstances))
    return files


def _write_figure(path: Path, findings: Findings) -> None:
    figure = Figure(figsize=_FIGURE_INCHES, layout="constrained")
    findings.draw(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    with whole_file(path) as scratch, Image.open(drawn) as picture:
        # lines and text need few colours: a quarter of the size
        picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(
            scratch, "png", optimize=True
        )


def _write_table(path: Path, findings: Findings) -> None:
    with whole_file(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, findings.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(cell) for name, cell in row.items()} for row in findings.rows)


def _rounded(cell: Cell) -> Cell:
    return round(cell, _DIGITS) if isinstance(cell, float) else cell


def _record(experiment: Experiment, findings: Findings, circumstances: Circumstances) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "experiment": experiment.name,
        "question": experiment.question,
        "seed": circumstances.seed,
        "budget_s": circumstances.budget_s,
        "spent_s": round(circumstances.spent_s, 1),
        "starts": circumstances.starts,
        "own_clips": circumstances.own_clips,
        "clips": circumstances.clips,
        "machine": _machine(),
        "versions": _versions(),
        "summary": findings.summary,
    }


def _machine() -> dict[str, Any]:
    return {
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _page(experiment: Experiment, findings: Findings, circumstances: Circumstances) -> str:
    machine = _machine()
    again = f", begun {circumstances.starts} times" if circumstances.starts > 1 else ""
    parts = [
        f"# {experiment.title}",
        f"*{experiment.question}*",
        findings.paragraph,
        f"![{experiment.title}]({experiment.name}.png)",
        f"Ran {circumstances.spent_s / 60:.1f} of {circumstances.budget_s / 60:g} minutes{again}: seed "
        f"{circumstances.seed}, {machine['torch_threads']} torch thread(s) on a machine of "
        f"{machine['cores']} cores. All figures: [{experiment.name}.csv]({experiment.name}.csv); versions: "
        f"[{experiment.name}.json]({experiment.name}.json). Once more: "
        f"`{_command(experiment, circumstances)}`.",
    ]
    if experiment.paper_claim is not None:
        parts.append(_claim(experiment.paper_claim))
    return "\n\n".join(parts) + "\n"


def _command(experiment: Experiment, circumstances: Circumstances) -> str:
    words = ["svfr", "lab", experiment.name, "--budget", f"{circumstances.budget_s / 60:g}"]
    words += ["--seed", str(circumstances.seed)]
    return " ".join([*words, "--data", "CLIPS"] if circumstances.own_clips else words)


def _claim(claim: PaperClaim) -> str:
    return (
        f"## Claimed by the paper, not measured here\n\n{claim.source}\n\n"
        f"{markdown(claim.columns, claim.rows)}\n\n{claim.note}"
    )
