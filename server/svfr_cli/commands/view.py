"""``svfr view``: the page of a job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svfr_client.errors import FileCannotBeWritten, SvfrError
from svfr_client.files import is_file, is_folder
from svfr_client.sizes import counted, size_text

from ..again import again
from ..elsewhere import client_at
from ..output import speaking
from ..results import WrittenResult, beside_frames, is_job, result_here, result_of_job
from .options import AsJson, ColourSpace, Frames, Ocio, Server

OF_ONE_FRAME = ("identity", "crops")
"""What a file says of its own frame alone: the page shows it there."""

if TYPE_CHECKING:
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
    job: Annotated[
        str | None,
        typer.Option("--job", help="The job that wrote OUTPUT: its warnings, and how to redo it."),
    ] = None,
    server: Server = None,
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
    with speaking(as_json, server) as output:
        from svfr_client.frames import FrameRange
        from svfr_ocio.config import open_config
        from svfr_ocio.domain import ModelDomain
        from svfr_ocio.view import open_view
        from svfr_restore.crops.crop_file import read_tracks
        from svfr_restore.media.plate import open_plate
        from svfr_view.page import PageFacts, write_page
        from svfr_view.pictures import Pictures, config_in, provenance, space_in

        result = target
        warnings: Sequence[FrameWarning] = ()
        if is_job(target):
            written = result_here(target, server, "svfr view")
            result, plate, frames = written.pattern, plate or written.plate, frames or written.frames
            warnings, job = _warnings(written), target
        elif job is not None:
            warnings = _warnings_if_known(job, server)
        opened = open_plate(result)
        made = provenance(opened.path(opened.frames[0]))
        config = open_config(ocio or config_in(made))
        domain = ModelDomain.build(
            config, colorspace or space_in(made) or opened.colour_hint or "scene_linear"
        )
        chosen = None if frames is None else list(FrameRange.parse(frames))
        pictures = Pictures(opened, None if plate is None else open_plate(plate), domain, chosen)
        page = Path(out) if out else beside_frames(opened, ".html")
        _require_place(page)
        stops = ",".join(sorted(pictures.all_stated("exposure_stops")))
        command, open_questions = again(
            {**made, "exposure_stops": stops},
            plate=plate,
            result=result,
            frames=str(FrameRange.of(pictures.frames)),
            job=job or "",
            space=colorspace or space_in(made),
            ocio=ocio or config_in(made),
        )
        facts = PageFacts(
            title=Path(result).name,
            provenance={name: value for name, value in made.items() if name not in OF_ONE_FRAME},
            command=command,
            command_note=open_questions,
            warnings=warnings,
            tracks=read_tracks(Path(crop_tracks)) if crop_tracks else (),
        )
        shown = open_view(config, domain, display, view_name)
        size = write_page(page, pictures, shown, facts)
        if odd := pictures.odd_sizes:
            output.note(f"Frames {FrameRange.of(odd)} have another size; the first such: {odd[min(odd)]}")
        body = {"page": str(page), "bytes": size, "frames": len(pictures.frames)}
        output.result("page", body, f"{page} ({counted(len(pictures.frames), 'frame')}, {size_text(size)})")
    if open_it or (open_it is None and not as_json):
        typer.launch(str(page))


def _require_place(page: Path) -> None:
    """Raise FileCannotBeWritten before a long shot is read, not after it."""
    folder = page.absolute().parent
    if os.path.lexists(page) and not (is_file(page) and page.suffix.lower() in (".html", ".htm")):
        raise FileCannotBeWritten(
            "Something that is no page lies there already.",
            path=page,
            remedy="Name another file with --out; an earlier page, .html, is replaced.",
        )
    if not is_folder(folder) or not os.access(folder, os.W_OK):
        raise FileCannotBeWritten(
            "The page cannot be written there.", path=page, remedy="Name another file with --out."
        )


def _warnings_if_known(job: str, server: str | None) -> Sequence[FrameWarning]:
    """Return what a job warned of; where nobody can say that any more, the page says so."""
    from svfr_view.page import FrameWarning

    try:
        with client_at(server, "svfr view") as client:
            return _warnings(result_of_job(client, job))
    except SvfrError as error:
        return (FrameWarning(None, f"What the job warned of is not known here: {error}"),)


def _warnings(written: WrittenResult) -> Sequence[FrameWarning]:
    from svfr_view.page import FrameWarning

    return tuple(
        FrameWarning(event.body.get("frame"), str(event.body.get("message", "")))
        for event in written.warnings
    )
