"""``svfr movie``: a result as a movie beside its frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from svfr_client.sizes import counted

from ..output import Output, speaking
from ..results import beside_frames, is_job, result_here
from .options import AsJson, ColourSpace, Frames, Ocio, Server

ENDINGS = ("mov", "mp4", "mkv")


def movie(
    target: Annotated[
        str, typer.Argument(metavar="JOB|OUTPUT", help="A job as svfr jobs shows it, or restored frames.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Movie to write: .mov (ProRes), .mp4 (H.264) or .mkv (FFV1, lossless), or one of these "
            "endings alone. Default: a .mov beside the frames.",
        ),
    ] = None,
    frames: Frames = None,
    fps: Annotated[
        str | None, typer.Option("--fps", help="Rate where the frames state none, like 24 or 30000/1001.")
    ] = None,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a movie of that name.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Write a result as a movie, with the rate and time code of its frames; the frames stay as they are."""
    with speaking(as_json, server) as output:
        result, inputs = target, []
        if is_job(target):
            written = result_here(target, server, "svfr movie")
            result, frames = written.pattern, frames or written.frames
            inputs = [] if written.plate is None else [Path(written.plate)]
        write_movie(
            result,
            output,
            out=None if out is None else read_movie_wish(out),
            frames=frames,
            fps=_rate(fps),
            colorspace=colorspace,
            ocio=ocio,
            overwrites=overwrite,
            inputs=inputs,
        )


def write_movie(
    result: str,
    output: Output,
    *,
    out: str | None,
    frames: str | None = None,
    fps: Fraction | None = None,
    colorspace: str | None = None,
    ocio: str | None = None,
    overwrites: bool = False,
    inputs: Sequence[Path] = (),
) -> None:
    """Write the movie of restored frames and say where it is, and what it cannot show.

    ``inputs`` are files that the frames were made of, as far as they are known.
    """
    from svfr_client.frames import FrameRange
    from svfr_ocio.config import open_config
    from svfr_ocio.domain import ModelDomain
    from svfr_restore.media.plate import open_plate
    from svfr_view.movie import plan_movie, write_result_movie
    from svfr_view.pictures import config_in, provenance, space_in

    opened = open_plate(result)
    made = provenance(opened.path(opened.frames[0]))
    space = colorspace or space_in(made) or opened.colour_hint or "scene_linear"
    domain = ModelDomain.build(open_config(ocio or config_in(made)), space)
    chosen = None if frames is None else list(FrameRange.parse(frames))
    path = beside_frames(opened, f".{out}") if out in ENDINGS else Path(out or beside_frames(opened, ".mov"))
    plan = plan_movie(path, opened, domain, chosen, rate=fps, overwrites=overwrites, inputs=inputs)
    for note in plan.notes:
        output.note(note)
    write_result_movie(plan, opened, domain)
    body = {
        "movie": str(path.absolute()),
        "frames": plan.count,
        "keeps_codes": plan.keeps_codes,
        "notes": list(plan.notes),
    }
    output.result("movie", body, f"{path} ({counted(plan.count, 'frame')})")


def read_movie_wish(text: str) -> str:
    """Return an ending alone, or a file made absolute; raises typer.BadParameter for another ending."""
    if text in ENDINGS:
        return text
    if Path(text).suffix.lower().removeprefix(".") not in ENDINGS:
        raise typer.BadParameter(f'the movie "{text}" ends in none of {", ".join(ENDINGS)}')
    return str(Path(text).expanduser().absolute())


def _rate(text: str | None) -> Fraction | None:
    """Read frames a second; raises typer.BadParameter for what is none."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter(f'--fps "{text}" is no rate, like 24 or 30000/1001') from error
    if not 0 < rate <= 1000:
        raise typer.BadParameter(f"--fps {text} is not between 0 and 1000")
    return rate.limit_denominator(1001)
