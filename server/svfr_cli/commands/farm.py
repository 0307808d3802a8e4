"""``svfr farm``: a shot list planned, sent to an engine, watched and collected; and the tasks it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..output import Output, speaking
from .options import AsJson

if TYPE_CHECKING:
    from svfr_farm.planning import PlanSettings

app = typer.Typer(help="Restore a whole shot list on a render farm, or on this machine's GPUs.")

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
