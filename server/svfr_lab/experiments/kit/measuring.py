"""Measuring clip by clip until the time is over; what is measured is kept through a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.held_out import HeldOutClip

Scores = Mapping[str, float]
"""Figures of one clip by name."""


def measure_clips(
    bench: Bench,
    name: str,
    clips: Iterable[HeldOutClip],
    score: Callable[[HeldOutClip], Scores],
    until: Deadline,
    fewest: int = 5,
) -> list[Scores]:
    """Return the scores of the first clips: as many as fit, but at least ``fewest``.

    They are kept in the run's folder under ``name``, which must name all that decides a score.
    """
    path = bench.folder / f"{name}.jsonl"
    rows = _kept(path)
    for index, clip in enumerate(clips):
        if index < len(rows):
            continue
        if len(rows) >= fewest and until.over():
            break
        row = score(clip)
        rows.append(row)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        bench.say("Measuring clips", len(rows), 0)
    return rows


def _kept(path: Path) -> list[Scores]:
    """Return the rows of a killed run; a line that it did not finish is taken out of the file."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        rows.append(json.loads(line))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return rows
