"""``svfr farm``: a shot list planned, sent to an engine, watched, cancelled, collected; the tasks it runs."""

import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svfr_client.errors import SvfrError

from ..output import Output
from . import farm_tasks
from .farm_tasks import farm_speaking
from .options import AsJson

if TYPE_CHECKING:
    from svfr_farm.ledger import Submission
    from svfr_farm.plan import PlanSettings
    from svfr_farm.report import ShotReport

MOST_WORKERS, MOST_RETRIES, MOST_GPUS = 1024, 100, 1024

app = typer.Typer(help="Restore a whole shot list on a render farm, or on this machine's GPUs.")

app.command("reference")(farm_tasks.reference)
app.command("segment")(farm_tasks.segment)
app.command("assemble")(farm_tasks.assemble)
app.add_typer(farm_tasks.session_app, name="session")

ShotList = Annotated[Path, typer.Argument(help="CSV file with a head line: shot, plate, tasks, ...")]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work",
        help="Folder of plans and artefacts, on a disk that the farm sees. Default: "
        "NAME.farm beside the list.",
    ),
]
_KEPT = "Default: as the list was last planned,"
Segments = Annotated[
    int | None,
    typer.Option(
        "--segments",
        min=0,
        max=1000,
        help=f"Cut every shot into so many, whatever its length; 0: as its length says. {_KEPT} else 0.",
    ),
]
WholeFrames = Annotated[
    int | None,
    typer.Option("--whole-frames", help=f"Shots up to this length are not cut. {_KEPT} else 300."),
]
CoreFrames = Annotated[
    int | None,
    typer.Option(
        "--core-frames", help=f"Length of the segments of longer shots, at least 96. {_KEPT} else 192."
    ),
]
Halo = Annotated[
    int | None,
    typer.Option(
        "--halo", help=f"Frames restored beyond a segment, for its borders, 8 to 1000. {_KEPT} else 24."
    ),
]
PathMapFile = Annotated[
    Path | None,
    typer.Option(
        "--path-map", help=f"JSON of folder pairs: this machine's and the farm's. {_KEPT} else none."
    ),
]
Gpus = Annotated[
    int | None,
    typer.Option(
        "--gpus", min=0, max=MOST_GPUS, help=f"GPUs that each task asks the engine for. {_KEPT} else 1."
    ),
]
PlannedGpus = Annotated[
    int | None,
    typer.Option(
        "--gpus", min=0, max=MOST_GPUS, help="As of plan, where SHOTS is not planned yet. Default: 1."
    ),
]

Engine = Annotated[
    str, typer.Option("--engine", help="local, openjd, slurm, opencue, deadline10 or flamenco.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write bundles, show commands, submit nothing.")]
OnlyFailed = Annotated[bool, typer.Option("--only-failed", help="Only what did not end well.")]
Program = Annotated[
    str | None, typer.Option("--program", help="The svfr command on the farm. Default: this installation's.")
]
EngineOptions = Annotated[
    list[str] | None, typer.Option("--engine-option", help="Option for sbatch, e.g. --partition=render.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=MOST_WORKERS, help="Tasks at once where there is no GPU.")
]
Retries = Annotated[
    int, typer.Option("--retries", min=0, max=MOST_RETRIES, help="How often a failed task is run again here.")
]
Live = Annotated[bool, typer.Option("--live", help="Keep the table up to date until all shots have ended.")]

_PROGRESS_COLUMNS = ("written", "frames", "missing", "segments_done", "segments", "doing")
STATUS_COLUMNS = ("shot", "state", "engine", *_PROGRESS_COLUMNS)
_ALWAYS_SHOWN = STATUS_COLUMNS[:-1]
_FAILED = ("failed", "lost", "incomplete")


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: the tasks that it runs end with it."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _words(program: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(program))
    except ValueError as problem:
        raise typer.BadParameter("--program has a quote that does not end") from problem
    if not words or not words[0]:
        raise typer.BadParameter("--program names no command")
    return words


@app.command("plan")
def plan(
    shots: ShotList,
    work: Work = None,
    segments: Segments = None,
    whole_frames: WholeFrames = None,
    core_frames: CoreFrames = None,
    halo: Halo = None,
    path_map: PathMapFile = None,
    gpus: Gpus = None,
    as_json: AsJson = False,
) -> None:
    """Check every shot of SHOTS and freeze one plan for each. Nothing is submitted."""
    from dataclasses import replace

    from svfr_client.path_map import PathMap
    from svfr_farm.ledger import Submission, work_folder
    from svfr_farm.plan import PlanSettings

    with farm_speaking(as_json) as output:
        folder = work_folder(shots, work)
        before = Submission(folder).settings()
        lengths = {"whole_frames": whole_frames, "core_frames": core_frames, "halo_frames": halo}
        rules = replace(before.rules, **{key: value for key, value in lengths.items() if value is not None})
        if segments is not None:
            rules = replace(rules, segments=segments or None)
        settings = PlanSettings(
            rules=rules,
            path_rules=PathMap.load(path_map).rules if path_map else before.path_rules,
            gpus=before.gpus if gpus is None else gpus,
        )
        make_plans(shots, folder, settings, output)


@app.command("submit")
def submit(
    shots: ShotList,
    engine: Engine = "local",
    work: Work = None,
    dry_run: DryRun = False,
    only_failed: OnlyFailed = False,
    program: Program = None,
    engine_option: EngineOptions = None,
    workers: Workers = 1,
    retries: Retries = 1,
    gpus: PlannedGpus = None,
    as_json: AsJson = False,
) -> None:
    """Plan SHOTS if that is not done, and hand every shot to an engine once."""
    from typing import cast, get_args

    from svfr_client.files import is_there
    from svfr_farm.engines.commands import EngineName, own_program
    from svfr_farm.engines.exporters import NEVER_RUN, UNTRIED
    from svfr_farm.ledger import Submission, work_folder
    from svfr_farm.plan import PlanSettings
    from svfr_farm.report import counted
    from svfr_farm.submit import SubmitSettings, require_planned
    from svfr_farm.submit import submit as hand_over

    if engine not in get_args(EngineName):
        raise typer.BadParameter(f"--engine is one of {', '.join(get_args(EngineName))}")
    with farm_speaking(as_json) as output, _ended_as_by_ctrl_c():
        submission = Submission(work_folder(shots, work))
        if not is_there(submission.path):
            make_plans(shots, submission.folder, PlanSettings(gpus=1 if gpus is None else gpus), output)
        require_planned(submission, shots, gpus)
        settings = SubmitSettings(
            engine=cast(EngineName, engine),
            program=own_program() if program is None else _words(program),
            options=tuple(engine_option or ()),
            workers=workers,
            retries=retries,
            only_failed=only_failed,
            dry_run=dry_run,
        )
        with submission.locked():
            count = hand_over(
                submission, settings, lambda text: output.result("submit", {"text": text}, text)
            )
        verb = "would be" if dry_run else "was" if count == 1 else "were"
        output.note(f"{counted(count, 'shot')} {verb} handed to {engine}.")
        if engine in NEVER_RUN:
            output.note(f"{engine}: {UNTRIED} Nothing was submitted: the files are for its own tools.")


@app.command("status")
def status(shots: ShotList, work: Work = None, live: Live = False, as_json: AsJson = False) -> None:
    """Show how every shot stands. Exit status: 0, or 1 where one failed, 5 where some were only cancelled."""
    from svfr_client.errors import raise_problems
    from svfr_client.records import to_plain
    from svfr_farm.ledger import Submission, work_folder
    from svfr_farm.list_changes import list_changes
    from svfr_farm.next_step import plan_command
    from svfr_farm.report import damage, report_shots

    with farm_speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        submission.require_planned()
        if live and not as_json:
            watch(submission)
        reports = report_shots(submission)
        if as_json or not live:
            rows = [to_plain(shot) for shot in reports]
            output.table("shot", rows, _filled_columns(rows))
        _say_errors([shot for shot in reports if shot.state != "damaged"], output)
        changes = list_changes(submission, shots)
        if changes is not None:
            text = f"{changes.text} Plan it again: {plan_command(shots, work)}"
            output.result("list", {**to_plain(changes), "text": text}, "")
            output.note(text)
        damaged = damage(submission) if any(shot.state == "damaged" for shot in reports) else []
        raise_problems([*damaged, *_ended_badly(reports, shots, work)])


def _filled_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns of the table, without those at the end that hold nothing in any row."""
    return [name for name in STATUS_COLUMNS if name in _ALWAYS_SHOWN or any(row[name] for row in rows)]


def _ended_badly(reports: "Sequence[ShotReport]", shots: Path, work: Path | None) -> list[SvfrError]:
    """Return one problem for each engine that has shots which did not end well, with the command for them.

    Shots that were cancelled are a problem of their own kind where nothing else is wrong.
    """
    from svfr_client.errors import JobWasCancelled
    from svfr_farm.errors import TaskFailed
    from svfr_farm.next_step import submit_command

    bad = [shot for shot in reports if shot.state in (*_FAILED, "cancelled")]
    kind = TaskFailed if any(shot.state in _FAILED for shot in bad) else JobWasCancelled
    return [
        kind(
            ", ".join(f"{shot.shot} is {shot.state}" for shot in bad if shot.engine == engine) + ".",
            remedy=f"When what stopped them is put right: {submit_command(shots, work, engine)}",
        )
        for engine in dict.fromkeys(shot.engine for shot in bad)
    ]


def _say_errors(reports: "Sequence[ShotReport]", output: Output) -> None:
    for shot in reports:
        for problem in shot.problems:
            output.note(f"{shot.shot}: {problem.shown}")


def watch(submission: "Submission") -> None:
    """Draw the table anew each second until every shot has ended, or Ctrl-C."""
    import time

    from rich.live import Live as LiveTable
    from rich.markup import escape
    from rich.table import Table

    from svfr_farm.report import report_shots

    with LiveTable(auto_refresh=False) as screen:
        while True:
            reports = report_shots(submission)
            table = Table(box=None)
            for name in ("shot", "state", "engine", "frames", "segments"):
                table.add_column(name, no_wrap=True)
            table.add_column("doing", overflow="fold")
            table.add_column("missing", overflow="fold")
            for shot in reports:
                table.add_row(
                    escape(shot.shot),
                    shot.state,
                    shot.engine or "",
                    f"{shot.written} of {shot.frames}",
                    f"{shot.segments_done} of {shot.segments}",
                    escape(shot.doing),
                    escape(shot.missing),
                )
            screen.update(table, refresh=True)
            if not any(shot.state in ("planned", "waiting", "running") for shot in reports):
                return
            time.sleep(1.0)


@app.command("cancel")
def cancel(shots: ShotList, work: Work = None, as_json: AsJson = False) -> None:
    """Cancel every shot of SHOTS that is not done; `submit --only-failed` goes on where they stopped."""
    from svfr_farm.cancelling import cancel as cancel_all
    from svfr_farm.engines.commands import own_program
    from svfr_farm.ledger import Submission, work_folder
    from svfr_farm.report import counted

    with farm_speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        submission.require_planned()
        count = cancel_all(
            submission, own_program(), lambda text: output.result("cancel", {"text": text}, text)
        )
        output.note(f"{counted(count, 'shot')} {'was' if count == 1 else 'were'} cancelled.")


@app.command("collect")
def collect(shots: ShotList, work: Work = None, as_json: AsJson = False) -> None:
    """Write report.json and report.html; the exit status tells whether every shot is done."""
    from svfr_client.errors import raise_problems
    from svfr_client.records import to_plain
    from svfr_farm.errors import FramesAreMissing
    from svfr_farm.ledger import Submission, work_folder
    from svfr_farm.report import write_report

    with farm_speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        submission.require_planned()
        reports, page = write_report(submission)
        output.table("shot", [to_plain(shot) for shot in reports], STATUS_COLUMNS)
        _say_errors(reports, output)
        output.note(f"The report is {page}")
        raise_problems(
            [
                FramesAreMissing(
                    f"{shot.shot} is {shot.state}{' and lacks ' if shot.missing else ''}{shot.missing}.",
                    remedy=_what_next(shot, shots, work),
                )
                for shot in reports
                if shot.state != "done"
            ]
        )


def _what_next(shot: "ShotReport", shots: Path, work: Path | None) -> str:
    """Return what to do with a shot that is not done, its commands as they can be typed."""
    from svfr_farm.next_step import status_command, submit_command

    again = submit_command(shots, work, shot.engine)
    if shot.state == "planned":
        return f"Hand it over: {submit_command(shots, work, only_failed=False)}"
    if shot.state in ("waiting", "running"):
        return (
            "Wait for it, and collect again. How far it is shows "
            f"`{status_command(shots, work, live=True)}`. Where the engine has no job of it any more, "
            f"`{again}` hands it over again."
        )
    if shot.state == "damaged":
        return f"Which file is damaged, and what to do, shows `{status_command(shots, work)}`."
    return f"Submit it again: {again}"


def make_plans(shots: Path, folder: Path, settings: "PlanSettings", output: Output) -> None:
    """Plan a list into its folder and show one line a shot."""
    from svfr_client.frames import FrameRange
    from svfr_farm.ledger import Submission
    from svfr_farm.planning import plan_shots
    from svfr_farm.report import counted
    from svfr_farm.shot_list import read_shot_list

    listed = read_shot_list(shots)
    submission = Submission(folder)
    with submission.locked():
        known = submission.known()
        planned = plan_shots(listed, settings, known)
        entries = submission.take(shots, planned, listed.sha256, settings=settings)
    rows = [
        {
            "shot": one.plan.shot,
            "frames": len(FrameRange.parse(one.plan.written)),
            "segments": len(one.plan.segments),
            "output": one.plan.job.output,
            "plan": str(submission.folder / entries[one.plan.shot].folder),
        }
        for one in planned
    ]
    output.table("plan", rows, ("shot", "frames", "segments", "output"))
    for one in planned:
        shot = known.get(one.plan.shot)
        now, was = len(one.plan.segments), len(shot.plan.segments) if shot and shot.plan else 0
        if was and now != was:
            output.note(f"{one.plan.shot}: {counted(now, 'segment')}, was {was}")
    verb = "is" if len(rows) == 1 else "are"
    output.note(f"{counted(len(rows), 'shot')} {verb} planned in {submission.folder}")
