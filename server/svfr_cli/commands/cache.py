"""``svfr cache show | limit | clear``: the checkpoints that spare computing the same thing again."""

import re
from typing import Annotated

import typer

from ..output import speaking
from .options import AsJson

app = typer.Typer(
    help="Checkpoints on disk: how much, how much at most, away with them.", no_args_is_help=True
)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def parse_size(text: str) -> int:
    """Return the bytes of "500M", "20G", "1.5T" or a plain number; raises typer.BadParameter."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a size; write it like 500M or 20G.")
    return int(float(found.group(1)) * _UNITS[found.group(2).upper()])


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Report how much the cache holds and may hold."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.job_store import transfers
        from svfr_server.job_store.cache import measure

        held = measure(service_folder())
        text = f"{held.files} checkpoints, {_shown(held.size_bytes)} of at most {_shown(held.limit_bytes)}."
        output.result("cache", vars(held), text)
        sent = transfers.measure(service_folder())
        if sent:
            output.result(
                "transfers", {"size_bytes": sent}, f"{_shown(sent)} sent by clients, or not fetched."
            )


@app.command("limit")
def limit(
    size: Annotated[str, typer.Argument(metavar="SIZE", help="For example 20G. 0 keeps nothing.")],
    as_json: AsJson = False,
) -> None:
    """Set the limit; what was used longest ago is forgotten beyond it."""
    limit_bytes = parse_size(size)
    with speaking(as_json) as output:
        from svfr_client.connection import make_private_folder, service_folder
        from svfr_server.job_store.cache import trim, write_limit

        home = make_private_folder(service_folder())
        write_limit(home, limit_bytes)
        freed = trim(home, keep_free_bytes=0)
        body = {"limit_bytes": limit_bytes, "freed_bytes": freed}
        output.result("cache", body, f"At most {_shown(limit_bytes)}; {_shown(freed)} were forgotten.")


@app.command("clear")
def clear(
    sent: Annotated[
        bool, typer.Option("--sent", help="Also what clients sent, and frames not fetched.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Forget all checkpoints. Jobs that run go on and may compute a step again."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.job_store import transfers
        from svfr_server.job_store.cache import clear as clear_cache

        freed = clear_cache(service_folder()).size_bytes
        if sent:
            freed += transfers.clear(service_folder())
        output.result("cache", {"freed_bytes": freed}, f"{_shown(freed)} were forgotten.")


def _shown(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
