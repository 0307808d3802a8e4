"""``svfr key new | join | authorize | revoke | list``: who may talk to a service on another machine.

The artist runs ``new`` and sends the printed public key; whoever keeps the service runs ``authorize`` and
sends back its address and public key; the artist runs ``join``. Secrets never leave their machine.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from svfr_client.json_files import read_json

from ..output import speaking
from .options import AsJson

app = typer.Typer(help="Keys for clients on other machines.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where this client keeps that server's files.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Who it is, for example anna-ws12.")]
CLIENT_KEY = "client.key"


@app.command("new")
def new(folder: Folder, as_json: AsJson = False) -> None:
    """Make a key pair for this client in FOLDER and print its public half."""
    with speaking(as_json) as output:
        from svfr_client.connection import KeyPair, make_private_folder, write_private
        from svfr_client.records import to_plain
        from svfr_server.errors import KeyExists

        path = make_private_folder(folder.expanduser().absolute()) / CLIENT_KEY
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
        from svfr_client.connection import CONNECTION_FILE, Connection, KeyPair, read_private
        from svfr_client.records import from_plain
        from svfr_server.errors import BadKeyFile
        from svfr_server.supervisor.zap_keys import check_public_key

        folder = folder.expanduser().absolute()
        try:
            keys = from_plain(KeyPair, read_json(read_private(folder / CLIENT_KEY)), "key")
        except FileNotFoundError as problem:
            remedy = f"Make one with `svfr key new {folder}`."
            raise BadKeyFile("There is no key here.", path=folder / CLIENT_KEY, remedy=remedy) from problem
        host = endpoint.removeprefix("tcp://").rsplit(":", 1)[0]
        connection = Connection(
            endpoint=endpoint,
            server_key=check_public_key(server_key),
            keys=keys,
            boot="0" * 32,
            pid=0,
            host=host,
        )
        with Client(connection, name="svfr key join") as client:
            welcome = client.hello()
        connection.save(folder / CONNECTION_FILE)
        text = f"Connected to the server on {host} ({', '.join(welcome.devices)}). Set SVFR_HOME={folder}"
        output.result("joined", {"folder": str(folder), "endpoint": endpoint}, text)


@app.command("authorize")
def authorize(
    name: Name,
    public: Annotated[str, typer.Argument(metavar="KEY", help="The public key that svfr key new printed.")],
    as_json: AsJson = False,
) -> None:
    """Let the owner of a public key in, at once; prints what that client needs for svfr key join."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        ring = KeyRing(service_folder())
        ring.authorise(name, public)
        server_key = ring.server_keys().public
        output.result("authorized", {"name": name, "server_key": server_key}, f"Server key: {server_key}")


@app.command("revoke")
def revoke(name: Name, as_json: AsJson = False) -> None:
    """Shut a client out, at once, also where it is connected."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        KeyRing(service_folder()).revoke(name)
        output.result("revoked", {"name": name}, f"{name} is shut out.")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List who may talk to this user's service."""
    with speaking(as_json) as output:
        from svfr_client.connection import service_folder
        from svfr_server.supervisor.zap_keys import KeyRing

        authorised = KeyRing(service_folder()).authorised()
        rows = [{"name": name, "public": public} for public, name in authorised.items()]
        output.table("key", sorted(rows, key=lambda row: row["name"]), ("name", "public"))
