"""``svfr view``: the page of a job."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..output import speaking
from ..results import beside_frames, is_job
from .options import AsJson, ColourSpace, Frames, Ocio

if TYPE_CHECKING:
    from svfr_client.client import Client
    from svfr_client.protocol.messages import JobStatus
    from svfr_view.page import FrameWarning


def view(
    target: Annotated[
        str, typer.Argument(metavar="JOB|OUTPUT", help="A job as svfr jobs shows it, or restored frames.")
    ],
    plate: Annotated[
        str | None,
        typer.Option("--plate", help="What came in. Default: the job's, or result less svfr.delta."),
    ] = None,
    frames: Frames = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    display: Annotated[str | None, typer.Option("--display", help="OCIO display to show through.")] = None,
    view_name: Annotated[str | None, typer.Option("--view", help="OCIO view to show through.")] = None,
    crop_tracks: Annotated[
        str | None, typer.Option("--crop-tracks", help="Crop-track file whose squares are drawn.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Page to write. Default: beside the result.")
    ] = None,
    open_it: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the page in the browser. Default: not with --json."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one HTML page of a result: before and after with a wipe, figures, warnings, how it was made."""
    with speaking(as_json) as output:
        from svfr_client.frames import FrameRange
        from svfr_ocio.config import open_config
        from svfr_ocio.domain import ModelDomain
        from svfr_ocio.view import open_view
        from svfr_restore.crops.crop_file import read_tracks
        from svfr_restore.media.plate import open_plate
        from svfr_view.page import PageFacts, write_page
        from svfr_view.pictures import Pictures, config_in, provenance, space_in

        result, job = target, ""
        warnings: Sequence[FrameWarning] = ()
        if is_job(target):
            result, plate, warnings = _of_job(target, plate)
            job = target
        opened = open_plate(result)
        made = provenance(opened.path(opened.frames[0]))
        config = open_config(ocio or config_in(made))
        domain = ModelDomain.build(
            config, colorspace or space_in(made) or opened.colour_hint or "scene_linear"
        )
        chosen = None if frames is None else list(FrameRange.parse(frames))
        pictures = Pictures(opened, None if plate is None else open_plate(plate), domain, chosen)
        page = Path(out) if out else beside_frames(opened, ".html")
        facts = PageFacts(
            title=Path(result).name,
            provenance=made,
            command=_command(made, plate, result, pictures.frames, job),
            warnings=warnings,
            tracks=read_tracks(Path(crop_tracks)) if crop_tracks else (),
        )
        shown = open_view(config, domain, display, view_name)
        size = write_page(page, pictures, shown, facts)
        body = {"page": str(page), "bytes": size, "frames": len(pictures.frames)}
        output.result("page", body, f"{page} ({len(pictures.frames)} frames, {size / 2**20:.1f} MB)")
    if open_it or (open_it is None and not as_json):
        typer.launch(str(page))


def _of_job(job: str, plate: str | None) -> tuple[str, str, Sequence[FrameWarning]]:
    """Return a job's result, its plate and what it warned of."""
    from svfr_client.client import Client

    with Client(name="svfr view") as client:
        state = client.status(job)
        return state.output, plate or state.plate, _warnings(client, state)


def _warnings(client: Client, state: JobStatus) -> Sequence[FrameWarning]:
    from svfr_view.page import FrameWarning

    found = []
    for event in client.follow(state.job):
        if event.kind == "warning":
            found.append(FrameWarning(event.body.get("frame"), str(event.body.get("message", ""))))
        if event.seq >= state.last_seq:
            break
    return tuple(found)


def _command(made: dict[str, str], plate: str | None, result: str, frames: Sequence[int], job: str) -> str:
    """Return the command lines that make the result again."""
    from svfr_client.frames import FrameRange

    span = str(FrameRange.of(frames))
    lines = [shlex.join(["svfr", "redo", job, span])] if job else []
    if plate is not None and "task" in made:
        model = made.get("model", "mini").removesuffix(" (preview)")
        again = ["svfr", "restore", plate, "--frames", span, "--model", model]
        for task in made["task"].split("+"):
            again += ["--task", task]
        for option in ("preset", "seed", "sampler"):
            again += [f"--{option}", made[option]] if option in made else []
        lines.append(shlex.join([*again, "--out", result]))
    return "\n".join(lines)
