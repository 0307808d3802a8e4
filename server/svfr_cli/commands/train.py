"""``svfr train``: train a model by a recipe, and write the folder that ``svfr restore`` takes."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..output import Output, speaking
from .options import AsJson


def _print_schema(asked: bool) -> None:
    """Print the JSON Schema of recipes and end, before any other option is asked for."""
    if asked:
        from svfr.training.recipe.config import recipe_schema

        typer.echo(json.dumps(recipe_schema(), indent=1))
        raise typer.Exit


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="A TOML recipe, or a name: mini, mini-detail, mini-colour, full (any other lists all); "
            "several joined by +.",
        ),
    ],
    data: Annotated[Path, typer.Option("--data", help="The training clips.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder; a run that is there goes on.")],
    svd: Annotated[
        Path | None, typer.Option("--svd", help="Stable Video Diffusion XT's folder, for recipes from it.")
    ] = None,
    arcface: Annotated[
        Path | None, typer.Option("--arcface", help="insightface_glint360k.pth, for identity tokens.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, or auto: a GPU if there is one.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads. Default: torch's.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard into the run's folder.")
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Write the model folder of the run as it is; do not train.")
    ] = False,
    start: Annotated[
        str | None, typer.Option("--start", help="Preview model that a new run begins with: name or folder.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that draw and damage clips, for a GPU.")
    ] = 0,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            is_eager=True,
            callback=_print_schema,
            help="Print the JSON Schema of recipes; no more.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model; stop with Ctrl-C at any time, the same command goes on exactly there.

    On several GPUs: accelerate launch -m svfr_cli.main train CONFIG ...
    """
    with speaking(as_json) as output:
        from svfr.training.nets.svd_parts import SvdSource
        from svfr_lab.training.run import TrainRequest
        from svfr_lab.training.run import train as run

        source = None if svd is None else SvdSource(svd, arcface)
        request = TrainRequest(
            recipe=recipe,
            data=data,
            out=out,
            svd=source,
            device=device,
            threads=threads,
            tensorboard=tensorboard,
            export_only=export,
            start=start,
            workers=workers,
        )
        result = run(request, lambda row: _report(output, row))
        folder = None if result.folder is None else str(result.folder)
        body = {"steps": result.steps, "planned_steps": result.planned_steps, "folder": folder}
        done = f"{result.steps} of {result.planned_steps} steps are done."
        output.result("trained", body, done if folder is None else f"{done} The model is {folder}.")


def _report(output: Output, row: dict[str, Any]) -> None:
    terms = " ".join(f"{name} {value:g}" for name, value in row.items() if name != "step")
    output.result("step", row, f"step {row['step']}: {terms}")
