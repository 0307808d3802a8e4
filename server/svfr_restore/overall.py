"""How much of a whole job is done, as one number that never falls: the phases weighted by their work.

A stage says how many of its own steps are done; a fifth of the survey and a fifth of pass 2 are not the same
amount of work. The phases of a job come in a fixed order, so the work before the one that reports is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from svfr.models.spec import DiffusionSpec
from svfr_restore.reports import Report, Reporter

if TYPE_CHECKING:
    from svfr_restore.plan.job_plan import JobPlan

# Work of one frame, in evaluations of the UNet for one frame. They need not be exact: what a number off by
# half costs is a bar that runs a little faster in one part than in another.
_SURVEY, _CROP, _ENCODE, _DECODE, _WRITE = 1.0, 1.0, 0.5, 1.5, 2.0

Phase = tuple[str, int | None, float]


def phases_of(plan: JobPlan, frames_of_tracks: Sequence[tuple[int, int]]) -> tuple[Phase, ...]:
    """Return (stage, track, work) of all phases of a job in order; ``frames_of_tracks``: (track, frames)."""
    seen = sum(map(len, plan.frames.runs))
    phases: list[Phase] = [("survey", None, _SURVEY * seen), ("crop", None, _CROP * seen)]
    model, preset = plan.model, plan.preset
    if isinstance(model, DiffusionSpec) and preset is not None:
        branches = 1 if preset.guidance == 1.0 else 2
        seeds = 1 + len(plan.spec.further_seeds)
        for track, frames in frames_of_tracks:
            phases += [
                ("encode", track, _ENCODE * frames),
                ("reference", track, float(seeds * preset.reference_steps * min(frames, model.window))),
                ("denoise", track, float(seeds * branches * preset.steps * frames)),
                ("decode", track, seeds * _DECODE * frames),
            ]
    return (*phases, ("write", None, _WRITE * len(plan.frames.written)))


class Overall:
    """Passes the reports of a job on with ``overall``, the part of its work that is done, and ``is_ending``.

    Before its faces are known one is reckoned with, in all frames.
    """

    def __init__(self, plan: JobPlan, report: Reporter) -> None:
        self._plan, self._report = plan, report
        self._phases = phases_of(plan, [(0, sum(map(len, plan.frames.runs)))])
        self._most = 0.0
        self._last_track: int | None = None

    def know_tracks(self, frames_of_tracks: Sequence[tuple[int, int]]) -> None:
        """Reckon with the faces that were found: (track, frames) each, in the order they are restored."""
        self._phases = phases_of(self._plan, frames_of_tracks)
        self._last_track = frames_of_tracks[-1][0] if frames_of_tracks else None

    def report(self, report: Report) -> None:
        """Pass a report on; progress gains the overall number."""
        if report.kind == "progress":
            self._most = max(self._most, self._done(report))
            overall = round(self._most, 4)
            report = replace(report, overall=overall, is_ending=self._is_ending(report))
        self._report(report)

    def _is_ending(self, report: Report) -> bool:
        if report.stage == "denoise" and report.done < report.total:
            return False
        is_last = report.track == self._last_track
        return report.stage == "write" or (report.stage in ("denoise", "decode") and is_last)

    def _done(self, report: Report) -> float:
        before = 0.0
        for stage, track, work in self._phases:
            if (stage, track) == (report.stage, report.track):
                share = min(1.0, report.done / report.total) if report.total else 0.0
                return (before + work * share) / sum(work for _, _, work in self._phases)
            before += work
        return 0.0  # a phase that was not reckoned with
