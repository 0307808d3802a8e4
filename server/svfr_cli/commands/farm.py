"""``svfr farm``: a shot list planned, sent to an engine, watched, cancelled, collected; the tasks it runs."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..output import Output, speaking
from . import farm_tasks
from .options import AsJson

if TYPE_CHECKING:
    from svfr_farm.ledger import Submission
    from svfr_farm.planning import PlanSettings

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
Segments = Annotated[
    int | None, typer.Option("--segments", min=1, help="Cut every shot into so many, whatever its length.")
]
WholeFrames = Annotated[int, typer.Option("--whole-frames", help="Shots up to this length are not cut.")]
CoreFrames = Annotated[int, typer.Option("--core-frames", help="Length of the segments of longer shots.")]
Halo = Annotated[int, typer.Option("--halo", help="Frames restored beyond a segment, for its borders.")]
PathMapFile = Annotated[
    Path | None, typer.Option("--path-map", help="JSON of folder pairs: this machine's and the farm's.")
]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="GPUs that each task asks the engine for.")]

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
Workers = Annotated[int, typer.Option("--workers", min=1, help="Tasks at once where there is no GPU.")]
Retries = Annotated[int, typer.Option("--retries", min=0, help="How often a failed task is run again here.")]
Live = Annotated[bool, typer.Option("--live", help="Keep the table up to date until all shots have ended.")]

_PROGRESS_COLUMNS = ("written", "frames", "missing", "segments_done", "segments", "doing")
STATUS_COLUMNS = ("shot", "state", "engine", *_PROGRESS_COLUMNS)


def work_folder(shot_list: Path, work: Path | None) -> Path:
    """Return the submission folder of a shot list."""
    return work or shot_list.absolute().with_name(f"{shot_list.stem}.farm")


@app.command("plan")
def plan(
    shots: ShotList,
    work: Work = None,
    segments: Segments = None,
    whole_frames: WholeFrames = 300,
    core_frames: CoreFrames = 192,
    halo: Halo = 24,
    path_map: PathMapFile = None,
    gpus: Gpus = 1,
    as_json: AsJson = False,
) -> None:
    """Check every shot of SHOTS and freeze one plan for each. Nothing is submitted."""
    from svfr_client.path_map import PathMap
    from svfr_farm.planning import PlanSettings
    from svfr_farm.segments import SegmentRules

    with speaking(as_json) as output:
        rules = SegmentRules(
            whole_frames=whole_frames, core_frames=core_frames, halo_frames=halo, segments=segments
        )
        path_rules = PathMap.load(path_map).rules if path_map else ()
        settings = PlanSettings(rules=rules, path_rules=path_rules, gpus=gpus)
        make_plans(shots, work_folder(shots, work), settings, output)


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
    gpus: Gpus = 1,
    as_json: AsJson = False,
) -> None:
    """Plan SHOTS if that is not done, and hand every shot to an engine once."""
    from typing import cast, get_args

    from svfr_farm.engines.commands import EngineName, own_program
    from svfr_farm.ledger import Submission
    from svfr_farm.planning import PlanSettings
    from svfr_farm.submit import SubmitSettings
    from svfr_farm.submit import submit as hand_over

    if engine not in get_args(EngineName):
        raise typer.BadParameter(f"--engine is one of {', '.join(get_args(EngineName))}")
    with speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        if not submission.path.exists():
            make_plans(shots, submission.folder, PlanSettings(gpus=gpus), output)
        settings = SubmitSettings(
            engine=cast(EngineName, engine),
            program=tuple(shlex.split(program)) if program else own_program(),
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
        output.note(f"{count} shots {'would be' if dry_run else 'were'} handed to {engine}.")


@app.command("status")
def status(shots: ShotList, work: Work = None, live: Live = False, as_json: AsJson = False) -> None:
    """Show how every shot stands."""
    from svfr_client.records import to_plain
    from svfr_farm.ledger import Submission
    from svfr_farm.report import report_shots

    with speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        if live and not as_json:
            watch(submission)
            return
        rows = [to_plain(shot) for shot in report_shots(submission)]
        output.table("shot", rows, STATUS_COLUMNS)


def watch(submission: "Submission") -> None:
    """Draw the table anew each second until every shot has ended, or Ctrl-C."""
    import time

    from rich.live import Live as LiveTable
    from rich.table import Table

    from svfr_farm.report import report_shots

    with LiveTable(auto_refresh=False) as screen:
        while True:
            reports = report_shots(submission)
            table = Table(*(name.replace("_", " ") for name in STATUS_COLUMNS), box=None)
            for shot in reports:
                table.add_row(*(str(getattr(shot, name)) for name in STATUS_COLUMNS))
            screen.update(table, refresh=True)
            if not any(shot.state in ("planned", "waiting", "running") for shot in reports):
                return
            time.sleep(1.0)


@app.command("cancel")
def cancel(shots: ShotList, work: Work = None, as_json: AsJson = False) -> None:
    """Cancel every shot of SHOTS that is not done; `submit --only-failed` goes on where they stopped."""
    from svfr_farm.cancelling import cancel as cancel_all
    from svfr_farm.engines.commands import own_program
    from svfr_farm.ledger import Submission

    with speaking(as_json) as output:
        submission = Submission(work_folder(shots, work))
        count = cancel_all(
            submission, own_program(), lambda text: output.result("cancel", {"text": text}, text)
        )
        output.note(f"{count} shots were cancelled.")


@app.command("collect")
def collect(shots: ShotList, work: Work = None, as_json: AsJson = False) -> None:
    """Write report.json and report.html; the exit status tells whether every frame is there."""
    from svfr_client.errors import raise_problems
    from svfr_client.records import to_plain
    from svfr_farm.errors import FramesAreMissing
    from svfr_farm.ledger import Submission
    from svfr_farm.report import write_report

    with speaking(as_json) as output:
        reports, page = write_report(Submission(work_folder(shots, work)))
        output.table("shot", [to_plain(shot) for shot in reports], STATUS_COLUMNS)
        output.note(f"The report is {page}")
        remedy = "svfr farm submit --only-failed does what is missing."
        raise_problems(
            [
                FramesAreMissing(f"{shot.shot} is {shot.state} and lacks {shot.missing}.", remedy=remedy)
                for shot in reports
                if shot.missing
            ]
        )


def make_plans(shots: Path, folder: Path, settings: "PlanSettings", output: Output) -> None:
    """Plan a list into its folder and show one line a shot."""
    from svfr_client.frames import FrameRange
    from svfr_farm.ledger import Submission
    from svfr_farm.planning import plan_shots
    from svfr_farm.shot_list import read_shot_list

    listed = read_shot_list(shots)
    submission = Submission(folder)
    with submission.locked():
        planned = plan_shots(listed, settings, submission.known())
        entries = submission.take(shots, planned)
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
    output.note(f"{len(rows)} shots are planned in {submission.folder}")
