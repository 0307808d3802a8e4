"""``svfr degradation sheet``: see what a degradation recipe does to a clip."""

from pathlib import Path
from typing import Annotated

import typer

from svfr_client.files import is_folder
from svfr_client.json_files import read_json

from .. import job_options
from ..output import speaking
from .options import AsJson

_HELP = "Degradation recipes of training clips: see what one does."

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.callback()
def degradation() -> None:
    """Degradation recipes of training clips: see what one does."""


@app.command("sheet")
def sheet(
    data: Annotated[
        str,
        typer.Option("--data", help="A folder of rendered clips, a movie, a picture, or frames.%04d.exr."),
    ],
    recipe: Annotated[
        str, typer.Option("--recipe", "--set", help="usual, wide, broad, film or rich.")
    ] = "rich",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides every parameter and pixel.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="The sheet, a PNG.")] = Path("degradation.png"),
    clip: Annotated[int, typer.Option("--clip", min=0, help="Which clip of a rendered folder.")] = 0,
    frames: Annotated[int, typer.Option("--frames", min=1, help="How many frames to take.")] = 8,
    size: Annotated[
        int, typer.Option("--size", min=16, help="Side of the middle square of a plate, in pixels.")
    ] = 96,
    as_json: AsJson = False,
) -> None:
    """Draw one clip under every combination of tasks: clean, degraded frames, hole, with what was drawn."""
    with speaking(as_json) as output:
        from svfr_lab.clips.degradation_sheet import SheetRequest, write_degradation_sheet

        source = data if is_folder(Path(data)) else job_options.absolute(data)
        drawn = write_degradation_sheet(
            out, SheetRequest(data=source, recipe=recipe, seed=seed, clip=clip, frames=frames, size_px=size)
        )
        parameters = None if drawn is None else read_json(drawn.to_text())
        body = {"path": str(out.absolute()), "set": recipe, "seed": seed, "drawn": parameters}
        output.result("sheet", body, f"Sheet: {out}")
