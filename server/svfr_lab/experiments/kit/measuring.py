"""Measuring clip by clip until the time is over; what is measured is kept through a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.held_out import HeldOutClip
from svfr_lab.experiments.kit.measurements import Measurements, Score
from svfr_lab.experiments.kit.notebook import Notebook


def measure_clips(
    bench: Bench,
    name: str,
    clips: Iterable[HeldOutClip],
    score: Callable[[HeldOutClip], Iterable[Score]],
    *,
    until: Deadline,
    fewest: int = 5,
) -> Measurements:
    """Return the scores of the first clips: as many as fit, but at least ``fewest``.

    They are kept in the run's folder under ``name``, which must name all that decides a score.
    """
    notes = Notebook(bench.folder / f"{name}.jsonl")
    for index, clip in enumerate(clips):
        if index < len(notes.rows):
            continue
        if len(notes.rows) >= fewest and until.over():
            break
        notes.add([list(each) for each in score(clip)])
        bench.say("Measuring clips", len(notes.rows), 0)
    return Measurements.of(notes.rows)
