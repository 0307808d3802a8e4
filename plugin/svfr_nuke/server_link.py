"""Which service a node talks to: this machine's own, started on request, or a remote one by its file.

A remote server is described by a connection file that its administrator hands out with a key of this user's
own, kept private (mode 0600); rules for paths lie beside it in ``path_map.json``. The local server is started
by the ``svfr`` that `svfr install nuke` was called with; Nuke's own Python never loads it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from svfr_client.path_map import PATH_MAP_FILE, PathMap

from .vendored import require_zmq

INSTALLED = Path(__file__).resolve().parent.parent / "installed.json"


@dataclass(frozen=True)
class ServerLink:
    """``connection_file`` None is this machine's own server."""

    connection_file: Optional[Path] = None

    @classmethod
    def of_knob(cls, text: str) -> "ServerLink":
        """Return the link that the node's connection field names."""
        return cls(Path(text).expanduser() if text else None)

    @property
    def is_local(self) -> bool:
        """Whether the server is this machine's own."""
        return self.connection_file is None

    def path_map(self) -> PathMap:
        """Return the rules beside the connection file; raises BadPathMap."""
        if self.connection_file is None:
            return PathMap()
        return PathMap.load(self.connection_file.parent / PATH_MAP_FILE)

    def client(self) -> Any:
        """Return a new client of the service; it belongs to the calling thread.

        Raises the errors of :meth:`svfr_client.connection.Connection.load` for a remote server.
        """
        require_zmq()
        from svfr_client.client import Client
        from svfr_client.connection import Connection

        if self.connection_file is None:
            return Client(name="svfr_nuke")
        return Client(Connection.load(self.connection_file), name="svfr_nuke")

    def ensure_running(self) -> None:
        """Start this machine's server unless it answers; a remote one must be there already."""
        if self.is_local:
            start_local()

    def describe(self) -> str:
        """Ask the service who it is and return one line; raises when it does not answer."""
        with self.client() as client:
            welcome = client.hello()
        where = "this machine" if self.is_local else str(self.connection_file)
        return f"Connected ({where}): {welcome.server} on {', '.join(welcome.devices)}"


def start_local() -> None:
    """Start this machine's server unless it answers, and wait until it does.

    Raises :class:`~svfr_client.errors.ServerProgramNotFound` and
    :class:`~svfr_client.errors.ServerDidNotStart`.
    """
    require_zmq()
    from svfr_client.hosting.server_process import ensure_server

    note: Dict[str, Any] = json.loads(INSTALLED.read_text(encoding="utf-8")) if INSTALLED.is_file() else {}
    ensure_server(noted=str(note.get("server_program", "")))
