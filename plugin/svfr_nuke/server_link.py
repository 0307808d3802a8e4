"""Which service a node talks to: this machine's own, started on request, or a remote one by its file.

The local server is started by the ``svfr`` that `svfr install nuke` was called with; Nuke's own Python never
loads it, and pyzmq only with the first job.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, ClassVar

from svfr_client.hosting.server_place import ServerPlace
from svfr_client.json_files import read_json_file

from .vendored import require_zmq

if TYPE_CHECKING:
    from svfr_client.client import Client

INSTALLED = Path(__file__).resolve().parent.parent / "installed.json"


@dataclass(frozen=True)
class ServerLink(ServerPlace):
    """The place that the node's connection field names; empty is this machine's own server."""

    name: ClassVar[str] = "svfr_nuke"

    @property
    def noted_program(self) -> str:
        """Return the program that the installer noted beside the plugin."""
        if not INSTALLED.is_file():
            return ""
        try:
            return str(read_json_file(INSTALLED)["server_program"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # damaged: the program is looked for as if nothing had been noted

    def client(self) -> "Client":
        """Return a new client; raises NoSocketLibrary where the plugin's pyzmq cannot be loaded."""
        require_zmq()
        return super().client()

    def ensure_running(
        self,
        starting: Callable[[], None] = lambda: None,
        keep_waiting: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start this machine's server unless it answers; raises NoSocketLibrary too."""
        require_zmq()
        super().ensure_running(starting, keep_waiting)
