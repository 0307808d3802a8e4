"""What became of a submission: a report for programs (JSON) and a page for people (HTML)."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svfr.validation import read_json_file
from svfr_client.files import write_whole
from svfr_client.frames import FrameRange
from svfr_client.output_names import output_path
from svfr_client.records import to_plain
from svfr_farm.cancel_mark import is_cancelled
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import TaskState, read_state
from svfr_farm.tasks import RESULT_FILE

FORMAT = 1
REPORT_FILE, PAGE_FILE = "report.json", "report.html"


@dataclass(frozen=True, kw_only=True)
class ShotReport:
    """One shot: ``state`` is "planned", "waiting", "running", "lost", "failed", "cancelled", "incomplete" or
    "done"; only frames on disk are ``written``.
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
    seams: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    output: str


def report_shots(submission: Submission) -> list[ShotReport]:
    """Return the report of every shot of a submission, from what its tasks wrote and what lies on disk."""
    reports = []
    for entry in submission.shots().values():
        handover = submission.handover(entry)
        engine = None if handover is None else handover.engine
        reports.append(report_shot(submission.plan_file(entry), engine))
    return reports


def report_shot(file: PlanFile, engine: str | None) -> ShotReport:
    """Return the report of one shot."""
    plan, job = file.plan, file.plan.job_here()
    wanted = list(FrameRange.parse(plan.written))
    missing = [frame for frame in wanted if not output_path(job.output, frame).is_file()]
    reference = read_state(file, "reference", 0)
    segments = [read_state(file, "segment", i) for i in range(len(plan.segments))]
    assembly = read_state(file, "assemble", 0)
    tasks = [task for task in (reference, *segments, assembly) if task is not None]
    result = _result(file)
    seconds: dict[str, float] = {}
    for task in tasks:
        for stage, value in task.seconds.items():
            seconds[stage] = round(seconds.get(stage, 0.0) + value, 3)
    devices = tuple(sorted({task.device for task in tasks}))
    warnings = list(dict.fromkeys(text for task in tasks for text in task.warnings))
    if len(devices) > 1:
        warnings.append("Devices of several kinds made this shot: its last bits depend on which did what.")
    warnings += [
        f"The seam at frame {seam['frame']} of face {seam['track']} changes {seam['ratio']:.2f} times "
        "as much as its surroundings."
        for seam in result.get("seams", ())
        if seam["ratio"] > 1.5
    ]
    return ShotReport(
        shot=plan.shot,
        state=_state(file, engine, tasks, missing),
        engine=engine,
        frames=len(wanted),
        written=len(wanted) - len(missing),
        missing=str(FrameRange.of(missing)) if missing else "",
        segments=len(plan.segments),
        segments_done=sum(task is not None and task.state == "done" for task in segments),
        doing=_doing(tasks),
        retries=sum(task.attempt - 1 for task in tasks),
        devices=devices,
        hosts=tuple(sorted({task.host for task in tasks})),
        seconds=seconds,
        seams=tuple(result.get("seams", ())),
        warnings=tuple(warnings),
        errors=tuple(_error_line(task.error) for task in tasks if task.error is not None),
        output=job.output,
    )


def _state(file: PlanFile, engine: str | None, tasks: Sequence[TaskState], missing: list[int]) -> str:
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
    return "planned" if engine is None else "waiting"


def _error_line(error: Mapping[str, Any]) -> str:
    """Return a task's error in one line, with the frame, the file and the remedy that it names."""
    place = [f"frame {error['frame']}"] if error.get("frame") is not None else []
    place += [str(error["path"])] if error.get("path") else []
    text = str(error.get("message"))
    text += f" ({', '.join(place)})" if place else ""
    return f"{text} {error.get('remedy') or ''}".rstrip()


def _doing(tasks: Sequence[TaskState]) -> str:
    running = [task for task in tasks if task.state == "running"]
    return ", ".join(f"{t.step} {t.index}: {t.stage} {t.done}/{t.total}" for t in running[:3])


def _result(file: PlanFile) -> dict[str, Any]:
    try:
        body = read_json_file(file.folder / RESULT_FILE)
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(body, dict) and body.get("plan_sha256") == file.sha256
    return body if is_ours else {}


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
    ".done{color:#176b3a}.failed,.lost,.incomplete,.cancelled{color:#a11;font-weight:600}"
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
        f"<p>{len(shots)} shots: {html.escape(summary)}</p>\n"
        f"<table><tr>{head}</tr>\n{rows}\n</table></html>\n"
    )


def _row(shot: ShotReport) -> str:
    missing = f"<br>missing: {html.escape(shot.missing)}" if shot.missing else ""
    seams = "<br>".join(f"face {s['track']}, frame {s['frame']}: {s['ratio']:.2f}" for s in shot.seams)
    seconds = "<br>".join(f"{html.escape(stage)} {value:.1f}" for stage, value in shot.seconds.items())
    made = "<br>".join(map(html.escape, (*shot.devices, *shot.hosts)))
    notes = "<br>".join(map(html.escape, (*shot.errors, *shot.warnings)))
    retries = f"<br><small>{shot.retries} retries</small>" if shot.retries else ""
    return (
        f"<tr><td>{html.escape(shot.shot)}<br><small>{html.escape(shot.output)}</small></td>"
        f'<td class="{shot.state}">{shot.state}{retries}</td>'
        f"<td>{shot.written} of {shot.frames}{missing}</td><td>{seams or 'none'}</td>"
        f"<td>{seconds}</td><td>{made}</td><td>{notes}</td></tr>"
    )
