"""``svfr model list | check | import | export | schema``: the model folders on this machine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..output import speaking
from .options import AsJson

app = typer.Typer(help="Model folders: list, check, import and export weights.", no_args_is_help=True)


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List the models that jobs can name."""
    with speaking(as_json) as output:
        from svfr.models.folder import list_models
        from svfr.models.search import user_models_folder

        rows: list[dict[str, Any]] = []
        for found in list_models():
            row: dict[str, Any] = {"name": found.name, "folder": str(found.folder)}
            if found.spec is None:
                row["note"] = str(found.problem)
            else:
                row["crop_px"] = found.spec.crop_px
                row["note"] = "preview" if found.spec.preview else ""
            rows.append(row)
        output.table("model", rows, ("name", "crop_px", "note", "folder"))
        output.note(f"Models of your own go into {user_models_folder()}.")


@app.command("check")
def check(
    model: Annotated[str, typer.Argument(help="Model name or folder.")], as_json: AsJson = False
) -> None:
    """Check every file, key and shape of a model."""
    with speaking(as_json) as output:
        from svfr.models.folder import find_model, unnamed_weights, verify
        from svfr_client.errors import raise_problems

        folder = find_model(model)
        raise_problems(verify(folder, afresh=True))
        networks, unnamed = _networks_of(folder), unnamed_weights(folder)
        body = {"name": model, "folder": str(folder), "networks": networks, "unnamed": unnamed}
        holds = ", ".join(networks) or "none, it is built in"
        output.result("model", body, f"{model} is sound ({folder}). Networks: {holds}.")
        if unnamed:
            output.note(f"Warning: model.json does not name {', '.join(unnamed)}: nothing reads it.")


@app.command("import")
def import_command(
    svd: Annotated[Path, typer.Option("--svd", help="Folder of SVD-xt with vae/ and scheduler/.")],
    svfr: Annotated[Path, typer.Option("--svfr", help="Folder with unet.pth, id_linear.pth, ...")],
    name: Annotated[str, typer.Option("--name", help="Name of the new model.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence without being asked.")
    ] = False,
    fast_draft: Annotated[
        bool, typer.Option("--fast-draft", help="A draft that skips work; experimental.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert the official weights into a model folder, once.

    The weights are for non-commercial research; the licence is shown and must be accepted.
    """
    with speaking(as_json) as output:
        from svfr.models.convert import import_official
        from svfr.models.search import user_models_folder

        folder = user_models_folder() / name
        import_official(
            svd,
            svfr,
            folder,
            lambda licence: _accepts(licence, accept_licence, as_json),
            fast_draft=fast_draft,
        )
        output.result("model", {"name": name, "folder": str(folder)}, f"{name} is imported into {folder}.")


@app.command("export")
def export(
    model: Annotated[str, typer.Argument(help="Model name or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the official files.")],
    as_json: AsJson = False,
) -> None:
    """Write a model back under the official file names."""
    with speaking(as_json) as output:
        from svfr.models.convert import export_official
        from svfr.models.folder import find_model

        files = [str(path) for path in export_official(find_model(model), out)]
        output.result("export", {"files": files}, "\n".join(files))


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of model.json, for editors that check while you type."""
    from svfr.models.spec import spec_schema

    typer.echo(json.dumps(spec_schema(), indent=1))


def _networks_of(folder: Path) -> list[str]:
    """Return the names of the networks that a sound folder holds."""
    from svfr.errors import ModelHasNoNetwork
    from svfr.models.folder import read_networks

    try:
        networks = read_networks(folder)[1]
    except ModelHasNoNetwork:
        return []
    return [Path(name).stem for name in networks.by_file()]


def _accepts(licence: str, already: bool, as_json: bool) -> bool:
    """Show the licence and ask, unless the command line accepted it; a program is never asked."""
    if already or as_json:
        return already
    typer.echo(licence)
    return typer.confirm("Do you accept this licence?")
