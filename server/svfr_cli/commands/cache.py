"""``svfr cache show | limit | quota | clear``: checkpoints that spare computing, and what clients sent."""

import re
from pathlib import Path
from typing import Annotated

import typer

from svfr_client.sizes import counted, size_text

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
        from svfr_client.connection import require_own_folder
        from svfr_server.job_store import transfers
        from svfr_server.job_store.cache import measure

        home = require_own_folder()
        held = measure(home)
        size, most = size_text(held.size_bytes), size_text(held.limit_bytes)
        text = f"{counted(held.files, 'checkpoint')}, {size} of at most {most}."
        output.result("cache", vars(held), text)
        sent = transfers.measure(home)
        quota = transfers.read_quota(home)
        may = f"each at most {size_text(quota.client_bytes)}, {quota.kept_days:g} days after the last use"
        text = f"{size_text(sent)} sent by clients, or not fetched; {may}."
        output.result("transfers", {"size_bytes": sent, **vars(quota)}, text)
        clients = {transfers.client_name(key): name for key, name in _clients(home).items()}
        rows = [
            {"client": clients.get(client, client), "held": size_text(size), "size_bytes": size}
            for client, size in sorted(transfers.measure_clients(home).items())
        ]
        if rows:
            output.table("client", rows, ("client", "held"))


@app.command("limit")
def limit(
    size: Annotated[str, typer.Argument(metavar="SIZE", help="For example 20G. 0 keeps nothing.")],
    as_json: AsJson = False,
) -> None:
    """Set the limit; what was used longest ago is forgotten beyond it."""
    limit_bytes = parse_size(size)
    with speaking(as_json) as output:
        from svfr_client.connection import make_private_folder, require_own_folder
        from svfr_server.job_store.cache import trim, write_limit

        home = make_private_folder(require_own_folder())
        write_limit(home, limit_bytes)
        freed = trim(home, keep_free_bytes=0)
        body = {"limit_bytes": limit_bytes, "freed_bytes": freed}
        output.result("cache", body, f"At most {size_text(limit_bytes)}; {size_text(freed)} were forgotten.")


@app.command("quota")
def quota(
    size: Annotated[str, typer.Argument(metavar="SIZE", help="What one client may keep: 20G.")],
    days: Annotated[
        float | None,
        typer.Option("--days", min=0.1, help="Kept after the last use. Default: as before, at first 7."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set what each client without a shared folder may keep with the server; holds within ten minutes."""
    client_bytes = parse_size(size)
    with speaking(as_json) as output:
        from svfr_client.connection import make_private_folder, require_own_folder
        from svfr_server.job_store.transfers import Quota, read_quota, write_quota

        home = make_private_folder(require_own_folder())
        new = Quota(client_bytes, read_quota(home).kept_days if days is None else days)
        write_quota(home, new)
        text = f"Each client at most {size_text(client_bytes)}, {new.kept_days:g} days after the last use."
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
        from svfr_client.connection import require_own_folder
        from svfr_server.errors import BadKeyFile
        from svfr_server.job_store import transfers
        from svfr_server.job_store.cache import clear as clear_cache

        home = require_own_folder()
        if client is not None:
            keys = [key for key, name in _clients(home).items() if name == client]
            folder = transfers.client_name(keys[0]) if keys else client
            if not keys and folder not in transfers.measure_clients(home):
                remedy = "Give a name as `svfr cache show` or `svfr key list` prints it."
                raise BadKeyFile(f"No client here is called {client}.", remedy=remedy)
            freed = transfers.clear(home, folder)
            output.result("cache", {"freed_bytes": freed}, f"{size_text(freed)} were forgotten.")
            return
        freed = clear_cache(home).size_bytes
        if sent:
            freed += transfers.clear(home)
        output.result("cache", {"freed_bytes": freed}, f"{size_text(freed)} were forgotten.")


def _clients(home: Path) -> dict[str, str]:
    """Return the public keys of the authorised clients and their names."""
    from svfr_server.supervisor.zap_keys import KeyRing

    return KeyRing(home).authorised()
