"""Which server a host talks to: this user's own, started when needed, or one elsewhere by its file.

A server elsewhere is described by a connection file that its administrator hands out with a key of this
user's own; rules for paths lie beside it. Modules that load pyzmq are imported when the first server is
asked: a host may have to find its copy first, and must start without it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, ClassVar

from ..files import is_folder
from ..path_map import PATH_MAP_FILE, PathMap

if TYPE_CHECKING:
    from ..client import Client


@dataclass(frozen=True)
class ServerPlace:
    """``connection_file``, or its folder: "" is this user's own server; ``program`` starts that.

    A host derives its own from it: ``name`` is for the server's log, ``reply_seconds`` how long one try of a
    request waits.
    """

    connection_file: str = ""
    program: str = ""
    starts_itself: bool = True
    name: ClassVar[str] = "a host"
    reply_seconds: ClassVar[float] = 5.0

    @property
    def is_remote(self) -> bool:
        """Return whether the server was chosen by hand, so that it may run on another machine."""
        return bool(self.connection_file)

    @property
    def noted_program(self) -> str:
        """Return the program that an installer noted beside the plugin; "" where there is no such note."""
        return ""

    def path_map(self) -> PathMap:
        """Return the rules beside the connection file; raises BadPathMap."""
        return PathMap.load(self.file.parent / PATH_MAP_FILE) if self.connection_file else PathMap()

    def client(self) -> "Client":
        """Return a new client; it belongs to the calling thread.

        Raises the errors of :meth:`svfr_client.connection.Connection.load`.
        """
        from ..client import Client
        from ..connection import Connection

        fixed = Connection.load(self.file) if self.connection_file else None
        return Client(fixed, name=self.name, reply_seconds=self.reply_seconds)

    def ensure_running(
        self,
        starting: Callable[[], None] = lambda: None,
        keep_waiting: Callable[[], bool] = lambda: True,
    ) -> None:
        """Start this user's server unless it answers; one elsewhere must be there already.

        Raises as :func:`svfr_client.hosting.server_process.ensure_server`.
        """
        from .server_process import ensure_server

        if not self.is_remote:
            ensure_server(self.program, self.noted_program, starting=starting, keep_waiting=keep_waiting)

    def describe(self) -> str:
        """Ask the server who it is and return one line; raises when it does not answer."""
        with self.client() as client:
            welcome = client.hello()
        where = self.connection_file or "this machine"
        return f"Connected ({where}): {welcome.server} on {', '.join(welcome.devices)}"

    @property
    def file(self) -> Path:
        """Return the connection file; of a chosen folder, the one in it."""
        chosen = Path(self.connection_file).expanduser()
        return chosen / "connection.json" if is_folder(chosen) else chosen
