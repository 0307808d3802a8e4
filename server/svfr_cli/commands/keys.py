"""``svfr key new | join | authorize | revoke | list``: who may talk to a service on another machine.

The artist runs ``new`` and sends the printed public key; whoever keeps the service runs ``authorize`` and
sends back its address and public key; the artist runs ``join``. Secrets never leave their machine.
"""

import json
import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer

from svfr_client.json_files import read_json

from ..output import speaking
from .options import AsJson

app = typer.Typer(help="Keys for clients on other machines.", no_args_is_help=True)

_COPY_KEY = "Copy all of what `svfr key authorize` printed on the server after --server-key."

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where this client keeps that server's files.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Who it is, for example anna-ws12.")]


@app.command("new")
def new(folder: Folder, as_json: AsJson = False) -> None:
    """Make a key pair for this client in FOLDER and print its public half."""
    with speaking(as_json) as output:
        from svfr_client.connection import CLIENT_KEY_FILE, KeyPair, make_private_folder, write_private
        from svfr_client.records import to_plain
        from svfr_server.errors import KeyExists

        path = make_private_folder(folder.expanduser().absolute()) / CLIENT_KEY_FILE
        if path.exists():
            raise KeyExists("This folder has a key already.", path=path, remedy="Use it, or another folder.")
        keys = KeyPair.new()
        write_private(path, json.dumps(to_plain(keys)) + "\n")
        text = f"{keys.public}\nHave it authorised with: svfr key authorize NAME '{keys.public}'"
        output.result("key", {"public": keys.public, "path": str(path)}, text)


@app.command("join")
def join(
    folder: Folder,
    endpoint: Annotated[str, typer.Option("--endpoint", help="Where it listens: tcp://server:port.")],
    server_key: Annotated[str, typer.Option("--server-key", help="Its public key, as authorize prints it.")],
    as_json: AsJson = False,
) -> None:
    """Write FOLDER's connection file for a server that has authorised the key in it, and try it."""
    with speaking(as_json) as output:
        from svfr_client.client import Client
        from svfr_client.connection import (
            CLIENT_KEY_FILE,
            CONNECTION_FILE,
            Connection,
            KeyPair,
            read_private,
        )
        from svfr_client.errors import BadRecord, NotTheServer
        from svfr_client.reasons import reason_of
        from svfr_client.records import from_plain
        from svfr_server.errors import BadKeyFile
        from svfr_server.supervisor.zap_keys import check_public_key

        folder = folder.expanduser().absolute()
        try:
            keys = from_plain(KeyPair, read_json(read_private(folder / CLIENT_KEY_FILE)), "key")
        except FileNotFoundError as problem:
            remedy = f"Make one with `svfr key new {folder}`."
            raise BadKeyFile(
                "There is no key here.", path=folder / CLIENT_KEY_FILE, remedy=remedy
            ) from problem
        except (OSError, ValueError, BadRecord) as problem:
            raise BadKeyFile(
                f"The key file is not usable: {reason_of(problem)}.",
                path=folder / CLIENT_KEY_FILE,
                remedy="Make another one in another folder with `svfr key new`.",
            ) from problem
        endpoint = endpoint if "://" in endpoint else f"tcp://{endpoint}"
        host = endpoint.removeprefix("tcp://").rsplit(":", 1)[0]
        connection = Connection(
            endpoint=endpoint,
            server_key=check_public_key(server_key, remedy=_COPY_KEY),
            keys=keys,
            boot="0" * 32,
            pid=0,
            host=host,
        )
        try:
            with Client(connection, name="svfr key join") as client:
                connection.require_known_host()
                welcome = client.hello()
        except NotTheServer as problem:
            raise NotTheServer(
                f"What listens at {endpoint} has not the key of --server-key.",
                remedy=f"{_COPY_KEY} If the key is right, the address or the port is another program's.",
            ) from problem
        connection.save(folder / CONNECTION_FILE)
        place = shlex.quote(str(folder))
        text = (
            f"Connected to the server on {host} ({', '.join(welcome.devices)}). "
            f"Give commands --server {place}, or set SVFR_HOME={place}"
        )
        output.result("joined", {"folder": str(folder), "endpoint": endpoint}, text)


@app.command("authorize")
def authorize(
    name: Name,
    public: Annotated[str, typer.Argument(metavar="KEY", help="The public key that svfr key new printed.")],
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1, max=65535, help="Of svfr serve. Default: that of the server that runs."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the owner of a public key in, at once; prints what that client needs for svfr key join."""
    with speaking(as_json) as output:
        from svfr_client.connection import require_own_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        home = require_own_folder()
        ring = KeyRing(home)
        ring.authorise(name, public)
        server_key = ring.server_keys().public
        running_port, is_open = _port_for_others(home)
        known = running_port if port is None else str(port)
        endpoint = f"tcp://{socket.gethostname()}:{known or 'PORT'}"
        there = f"svfr key join FOLDER --endpoint {endpoint} --server-key '{server_key}'"
        body = {"name": name, "server_key": server_key, "endpoint": endpoint, "is_open": is_open}
        output.result("authorized", body, f"Server key: {server_key}\nOn that machine: {there}")
        if not known:
            output.note("PORT there is yours to fill in: the one that you give to `svfr serve --port`.")
        if not is_open:
            output.note(
                "The server that runs listens to this machine alone. Start it again for others: "
                f"svfr serve --listen 0.0.0.0 --port {port or 5555}"
            )


def _port_for_others(home: Path) -> tuple[str, bool]:
    """Return the port at which others reach the service in ``home``, and whether it listens to them.

    The port is empty where none runs.
    """
    from svfr_client.connection import find_connection
    from svfr_client.errors import SvfrError

    try:
        host, _, port = find_connection(home).endpoint.rpartition(":")
    except SvfrError:
        return "", True
    is_open = not host.endswith(("//127.0.0.1", "//localhost", "//[::1]"))
    return port, is_open


@app.command("revoke")
def revoke(name: Name, as_json: AsJson = False) -> None:
    """Shut a client out, at once, also where it is connected."""
    with speaking(as_json) as output:
        from svfr_client.connection import require_own_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        KeyRing(require_own_folder()).revoke(name)
        output.result("revoked", {"name": name}, f"{name} is shut out.")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List who may talk to this user's service."""
    with speaking(as_json) as output:
        from svfr_client.connection import require_own_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        authorised = KeyRing(require_own_folder()).authorised()
        rows = [{"name": name, "public": public} for public, name in authorised.items()]
        output.table("key", sorted(rows, key=lambda row: row["name"]), ("name", "public"))
