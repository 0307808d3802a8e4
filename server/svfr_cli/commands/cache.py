"""``svfr cache show | limit | quota | clear``: checkpoints that spare computing, and what clients sent."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ..output import speaking
from .options import AsJson

app = typer.Typer(
    help="Checkpoints and clients' files on disk: show sizes, set limits, delete.", no_args_is_help=True
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
        home = service_folder()
        sent = transfers.measure(home)
        if sent:
            quota = transfers.read_quota(home)
            may = f"each at most {_shown(quota.client_bytes)}, {quota.kept_days:g} days after the last use"
            text = f"{_shown(sent)} sent by clients, or not fetched; {may}."
            output.result("transfers", {"size_bytes": sent, **vars(quota)}, text)
            clients = {transfers.client_name(key): name for key, name in _clients(home).items()}
            rows = [
                {"client": clients.get(client, client), "held": _shown(size), "size_bytes": size}
                for client, size in sorted(transfers.measure_clients(home).items())
            ]
            output.table("client", rows, ("client", "held"))


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


@app.command("quota")
def quota(
    size: Annotated[str, typer.Argument(metavar="SIZE", help="What one client may keep: 20G.")],
    days: Annotated[float, typer.Option("--days", min=0.1, help="Kept after the last use.")] = 7.0,
    as_json: AsJson = False,
) -> None:
    """Set what each client without a shared folder may keep with the server; holds within ten minutes."""
    client_bytes = parse_size(size)
    with speaking(as_json) as output:
        from svfr_client.connection import make_private_folder, service_folder
        from svfr_server.job_store.transfers import Quota, write_quota

        new = Quota(client_bytes, days)
        write_quota(make_private_folder(service_folder()), new)
        text = f"Each client at most {_shown(client_bytes)}, {days:g} days after the last use."
        output.result("quota", vars(new), text)


@app.command("clear")
def clear(
    sent: Annotated[
        bool, typer.Option("--sent", help="Also what clients sent, and frames not fetched.")
    ] = False,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="NAME", help="Only what this client sent, and its frames."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget all checkpoints. Jobs that run go on and may compute a step again."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.job_store import transfers
        from svfr_server.job_store.cache import clear as clear_cache

        if client is not None:
            keys = [key for key, name in _clients(service_folder()).items() if name == client]
            folder = transfers.client_name(keys[0]) if keys else client
            freed = transfers.clear(service_folder(), folder)
            output.result("cache", {"freed_bytes": freed}, f"{_shown(freed)} were forgotten.")
            return
        freed = clear_cache(service_folder()).size_bytes
        if sent:
            freed += transfers.clear(service_folder())
        output.result("cache", {"freed_bytes": freed}, f"{_shown(freed)} were forgotten.")


def _clients(home: Path) -> dict[str, str]:
    """Return the public keys of the authorised clients and their names."""
    from svfr_server.supervisor.zap_keys import KeyRing

    return KeyRing(home).authorised()


def _shown(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
