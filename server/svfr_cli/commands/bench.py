"""``svfr bench``: how fast this machine restores, and where the time goes."""

from pathlib import Path
from typing import Annotated

import typer

from svfr_client.job import JobSpec

from ..output import speaking
from .options import AsJson
from .restore_options import ModelName


def bench(
    plate: Annotated[
        str | None, typer.Argument(help="A plate with a face. Default: a 1080p texture made for it.")
    ] = None,
    model: ModelName = JobSpec.model,
    frames: Annotated[int, typer.Option("--frames", "-f", min=1, help="How many frames at most.")] = 24,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the seconds of each stage into this picture.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore some frames on this machine: frames a second, memory, seconds a stage, difference to float32.

    Nothing is kept. It takes the device beside a running server, so stop that first.
    """
    with speaking(as_json) as output:
        from .. import bench as benching

        found = benching.bench(model, plate, frames)
        if plot is not None:
            found.plot(plot)
        output.result("bench", found.to_json(), found.to_text())
