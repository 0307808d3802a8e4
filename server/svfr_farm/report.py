"""What became of a submission: a report for programs (JSON) and a page for people (HTML)."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import OutputExists, SvfrError
from svfr_client.files import write_whole
from svfr_client.frames import FrameRange
from svfr_client.records import to_plain
from svfr_client.sizes import counted
from svfr_farm.assembly_result import Seam, read_result
from svfr_farm.cancel_mark import is_cancelled
from svfr_farm.frames_there import missing_frames, require_free_places
from svfr_farm.ledger import Handover, LedgerShot, Submission
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import TaskState, read_state, require_state_files, with_code

FORMAT = 1
REPORT_FILE, PAGE_FILE = "report.json", "report.html"
_RUN_BY_SUBMIT = ("local", "openjd")


@dataclass(frozen=True)
class ShotError:
    """What stopped a task, or hides the whole shot: its code, as `svfr explain` takes it, and all in a line.

    ``task`` is the step and index, as "segment 0"; "" where the shot's plan or ledger is the cause, or a
    file of another in a frame's place.
    """

    code: str
    task: str
    text: str

    @property
    def shown(self) -> str:
        """The text with the code in front."""
        return with_code(self.code, self.text)


@dataclass(frozen=True, kw_only=True)
class ShotReport:
    """One shot: ``state`` is "planned", "waiting", "running", "lost", "failed", "cancelled", "incomplete",
    "damaged" (its plan or the note of its handover cannot be read, so that nothing else is known) or "done";
    ``written`` are the frames on disk that this plan's assembly wrote: what lay there before is none
    of them. ``seconds`` are those of each stage, over all attempts of all tasks. ``seams`` is empty where no
    track was divided. ``errors`` has the texts of ``problems`` alone.
    """

    shot: str
    state: str
    engine: str | None
    frames: int
    written: int
    missing: str
    segments: int
    segments_done: int
    doing: str
    retries: int
    devices: tuple[str, ...]
    hosts: tuple[str, ...]
    seconds: Mapping[str, float]
    seams: tuple[Seam, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    problems: tuple[ShotError, ...]
    output: str


def report_shots(submission: Submission) -> list[ShotReport]:
    """Return the report of every shot of a submission, from what its tasks wrote and what lies on disk.

    A shot whose plan cannot be read is "damaged" and hides no other. Raises LedgerIsBad for the whole ledger.
    """
    reports = []
    is_worked_on = submission.is_worked_on()
    for entry in submission.shots().values():
        try:
            file, handover = _sound(submission, entry)
        except SvfrError as problem:
            reports.append(_damaged(entry, problem))
        else:
            engine = None if handover is None else handover.engine
            reports.append(report_shot(file, engine, is_worked_on=is_worked_on))
    return reports


def _sound(submission: Submission, entry: LedgerShot) -> tuple[PlanFile, Handover | None]:
    """Return a shot's plan and handover; raises what makes it "damaged", PathIsNotMapped among it."""
    file, handover = submission.plan_file(entry), submission.handover(entry)
    require_state_files(file)
    file.plan.job_here()
    return file, handover


def damage(submission: Submission) -> list[SvfrError]:
    """Return what makes shots "damaged": the PlanIsBad and LedgerIsBad of each."""
    problems: list[SvfrError] = []
    for entry in submission.shots().values():
        try:
            _sound(submission, entry)
        except SvfrError as problem:
            problems.append(problem)
    return problems


def _damaged(entry: LedgerShot, problem: SvfrError) -> ShotReport:
    text = f"{problem.message} ({problem.path}) {problem.remedy}"
    return ShotReport(
        shot=entry.shot,
        state="damaged",
        engine=None,
        frames=0,
        written=0,
        missing="",
        segments=0,
        segments_done=0,
        doing="",
        retries=0,
        devices=(),
        hosts=(),
        seconds={},
        seams=(),
        warnings=(),
        errors=(text,),
        problems=(ShotError(problem.code, "", text),),
        output="",
    )


def report_shot(file: PlanFile, engine: str | None, *, is_worked_on: bool = True) -> ShotReport:
    """Return the report of one shot.

    ``is_worked_on`` says whether a process works on its submission: without one nothing of an engine that
    runs in that process is still to come.
    """
    plan = file.plan
    wanted = list(FrameRange.parse(plan.written))
    reference = read_state(file, "reference", 0)
    segments = [read_state(file, "segment", i) for i in range(len(plan.segments))]
    assembly = read_state(file, "assemble", 0)
    missing = missing_frames(file)
    tasks = [task for task in (reference, *segments, assembly) if task is not None]
    result = read_result(file)
    seams = () if result is None else result.seams
    seconds: dict[str, float] = {}
    for task in tasks:
        for stage, value in task.seconds.items():
            seconds[stage] = min(round(seconds.get(stage, 0.0) + value, 3), sys.float_info.max)
    # What made latents and frames is in them; a task that was run again may have found its work done.
    devices = (() if result is None else result.devices) or tuple(sorted({task.device for task in tasks}))
    warnings = list(dict.fromkeys(text for task in tasks for text in task.warnings))
    if len(devices) > 1:
        warnings.append("Devices of several kinds made this shot: its last bits depend on which did what.")
    warnings += [
        f"The seam at frame {seam.frame} of face {seam.track} changes {seam.ratio:.2f} times "
        "as much as its surroundings."
        for seam in seams
        if seam.ratio > 1.5
    ]
    problems = tuple(
        ShotError(task.error_code, f"{task.step} {task.index}", task.error_line)
        for task in tasks
        if task.error is not None
    )
    try:
        require_free_places(file)
    except OutputExists as problem:
        problems += (ShotError(problem.code, "", f"{problem.message} ({problem.path}) {problem.remedy}"),)
    state = _state(file, engine, tasks, missing, is_worked_on=is_worked_on)
    return ShotReport(
        shot=plan.shot,
        state=state,
        engine=engine,
        frames=len(wanted),
        written=len(wanted) - len(missing),
        missing=str(FrameRange.of(missing)) if missing else "",
        segments=len(plan.segments),
        segments_done=sum(task is not None and task.state == "done" for task in segments),
        doing="" if state in ("planned", "done", "incomplete") else _doing(file, tasks, state),
        retries=sum(task.attempt - 1 for task in tasks),
        devices=devices,
        hosts=tuple(sorted({task.host for task in tasks})),
        seconds=seconds,
        seams=seams,
        warnings=tuple(warnings),
        errors=tuple(problem.text for problem in problems),
        problems=problems,
        output=plan.job_here().output,
    )


def _state(
    file: PlanFile,
    engine: str | None,
    tasks: Sequence[TaskState],
    missing: list[int],
    *,
    is_worked_on: bool,
) -> str:
    assembly = next((task for task in tasks if task.step == "assemble"), None)
    if assembly is not None and assembly.state == "done":
        return "incomplete" if missing else "done"
    for state in ("failed", "cancelled"):
        if any(task.state == state for task in tasks):
            return state
    if any(task.is_lost for task in tasks):
        return "lost"
    if any(task.state == "running" for task in tasks):
        return "running"
    if is_cancelled(file):
        return "cancelled"
    if engine in _RUN_BY_SUBMIT and not is_worked_on:
        return "lost"
    return "planned" if engine is None else "waiting"


def _doing(file: PlanFile, tasks: Sequence[TaskState], state: str) -> str:
    """Return what the tasks do that run, or else which ones ended badly, or else what is next."""
    begun = [task for task in tasks if task.state not in ("done", "queued")]
    running = [task for task in begun if task.state == "running"]
    if begun:
        return ", ".join(_at_work(task) for task in (running or begun)[:3])
    done = [(task.step, task.index) for task in tasks if task.state == "done"]
    order = [("reference", 0), *(("segment", i) for i in range(len(file.plan.segments))), ("assemble", 0)]
    step, index = next(task for task in order if task not in done or task == order[-1])
    return f"{step} {index}: {'waits' if state in ('waiting', 'running') else 'not begun'}"


def _at_work(task: TaskState) -> str:
    """Return how far a task is; it counts nothing before its first stage begins."""
    stage = f"{task.stage} {task.done}/{task.total}" if task.total else "starts"
    if task.is_lost or task.state != "running":
        stage = "silent" if task.is_lost else task.state
    return f"{task.step} {task.index}: {stage}"


def write_report(submission: Submission) -> tuple[list[ShotReport], Path]:
    """Write both forms into the submission's folder; return the shots and the page."""
    shots = report_shots(submission)
    totals = {state: sum(shot.state == state for shot in shots) for state in sorted({s.state for s in shots})}
    body = {"format": FORMAT, "totals": totals, "shots": [to_plain(shot) for shot in shots]}
    write_whole(submission.folder / REPORT_FILE, json.dumps(body, indent=1, allow_nan=False) + "\n")
    page = submission.folder / PAGE_FILE
    write_whole(page, page_of(submission.folder.name, totals, shots))
    return shots, page


_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}"
    "td{overflow-wrap:anywhere}"
    ".done{color:#176b3a}.failed,.lost,.incomplete,.damaged,.cancelled{color:#a11;font-weight:600}"
    "small{color:#666}"
)


def page_of(name: str, totals: Mapping[str, int], shots: Sequence[ShotReport]) -> str:
    """Return the page: totals, then a row for each shot with what a supervisor asks about."""
    head = "".join(
        f"<th>{title}</th>"
        for title in ("Shot", "State", "Frames", "Seams", "Seconds", "Made by", "To look at")
    )
    rows = "\n".join(_row(shot) for shot in shots)
    summary = ", ".join(f"{count} {state}" for state, count in totals.items())
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(name)}</title>'
        f"<style>{_STYLE}</style>\n<h1>{html.escape(name)}</h1>"
        f"<p>{counted(len(shots), 'shot')}: {html.escape(summary)}</p>\n"
        f"<table><tr>{head}</tr>\n{rows}\n</table></html>\n"
    )


def _row(shot: ShotReport) -> str:
    missing = f"<br>missing: {html.escape(shot.missing)}" if shot.missing else ""
    seams = "<br>".join(f"face {s.track}, frame {s.frame}: {s.ratio:.2f}" for s in shot.seams)
    seconds = "<br>".join(f"{html.escape(stage)} {value:.1f}" for stage, value in shot.seconds.items())
    made = "<br>".join(map(html.escape, (*shot.devices, *shot.hosts)))
    notes = "<br>".join(map(html.escape, (*(problem.shown for problem in shot.problems), *shot.warnings)))
    retries = f"<br><small>tasks run again: {shot.retries}</small>" if shot.retries else ""
    return (
        f"<tr><td>{html.escape(shot.shot)}<br><small>{html.escape(shot.output)}</small></td>"
        f'<td class="{shot.state}">{shot.state}{retries}</td>'
        f"<td>{shot.written} of {shot.frames}{missing}</td><td>{seams or 'none'}</td>"
        f"<td>{seconds}</td><td>{made}</td><td>{notes}</td></tr>"
    )
