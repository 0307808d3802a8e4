"""Which service a node talks to: this machine's own, started on request, or a remote one by its file.

A remote server is described by a connection file that its administrator hands out with a key of this user's
own, kept private (mode 0600); rules for paths lie beside it in ``path_map.json``. The local server runs in
the environment that `svfr install nuke` was called from; Nuke's own Python never loads it.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from svfr_client.errors import SvfrError
from svfr_client.path_map import PATH_MAP_FILE, PathMap

from .errors import ServerNotInstalled
from .vendored import require_zmq

INSTALLED = Path(__file__).resolve().parent.parent / "installed.json"
PYTHON_VARIABLE = "SVFR_PYTHON"
START_SECONDS = 90.0
IDLE_EXIT_SECONDS = 1800
_PING_SECONDS = 2.0
# What Nuke sets for its own Python and libraries would break another Python.
_NUKES_OWN = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")
_START = "from svfr_server.start import start_local_server; start_local_server(idle_exit_s={}).close()"


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
        if self.is_local and not self._answers():
            start_local()

    def describe(self) -> str:
        """Ask the service who it is and return one line; raises when it does not answer."""
        with self.client() as client:
            welcome = client.hello()
        where = "this machine" if self.is_local else str(self.connection_file)
        return f"Connected ({where}): {welcome.server} on {', '.join(welcome.devices)}"

    def _answers(self) -> bool:
        require_zmq()
        from svfr_client.client import Client

        try:
            with Client(name="svfr_nuke", reply_seconds=_PING_SECONDS, attempts=1) as client:
                client.ping()
        except SvfrError:
            return False
        return True


def server_python() -> str:
    """Return the Python that has the server: ``$SVFR_PYTHON``, or the one the installer noted.

    Raises :class:`~svfr_nuke.errors.ServerNotInstalled`.
    """
    python = os.environ.get(PYTHON_VARIABLE, "")
    if not python and INSTALLED.is_file():
        noted: Dict[str, Any] = json.loads(INSTALLED.read_text(encoding="utf-8"))
        python = str(noted.get("server_python", ""))
    if not python or not Path(python).is_file():
        raise ServerNotInstalled(
            "The plugin does not know a server on this machine.",
            path=python or None,
            remedy="Start one with `svfr serve`, run `svfr install nuke` again, or name a connection file.",
        )
    return python


def start_local() -> None:
    """Start this machine's server and wait until it answers; it ends by itself after half an hour of rest.

    Raises :class:`~svfr_nuke.errors.ServerNotInstalled` with what it said if it does not start.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NUKES_OWN}
    command = [server_python(), "-c", _START.format(IDLE_EXIT_SECONDS)]
    more: Dict[str, Any] = {"creationflags": 0x08000000} if sys.platform == "win32" else {}  # no window
    try:
        answer = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=START_SECONDS,
            check=False,
            **more,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ServerNotInstalled(f"The server could not be started: {problem}", path=command[0]) from problem
    if answer.returncode != 0:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ServerNotInstalled(
            "The server did not start: {}".format(said[-1] if said else "it said nothing"),
            path=command[0],
            remedy="Run `svfr serve` in a terminal to see what is wrong.",
        )
