"""The endpoint for the service's own processes: workers and checking processes, each known by its key."""

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

import zmq

from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError
from svfr_client.protocol.wire import Message, pack
from svfr_server.settings import LOOPBACK, ServerSettings
from svfr_server.supervisor.child_process import CHILD_EXITS, ChildProcess, package_environment
from svfr_server.supervisor.sockets import bind_children, endpoint_of
from svfr_server.supervisor.survey_ahead import SurveyProcess
from svfr_server.supervisor.worker_process import WorkerProcess, described
from svfr_server.supervisor.zap_keys import WORKER_DOMAIN, KeyCheck

_Child = TypeVar("_Child", bound=ChildProcess)
_log = logging.getLogger(__name__)


class ChildEndpoint:
    """Starts the service's own processes, receives from them and sends to them."""

    def __init__(self, *, context: "zmq.Context[Any]", settings: ServerSettings, key_check: KeyCheck) -> None:
        self._context = context
        self._settings = settings
        self._key_check = key_check
        self._keys = KeyPair.new()
        self._children: dict[str, ChildProcess] = {}
        self.socket = bind_children(context, address=LOOPBACK, keys=self._keys, domain=WORKER_DOMAIN)
        self.exits = context.socket(zmq.PULL)
        self.exits.bind(CHILD_EXITS)

    def start_worker(self, device: str, low_memory: bool) -> WorkerProcess:
        """Start a worker; raises OSError when the system gives no process."""
        return self._known(
            WorkerProcess(
                device=device,
                settings=self._settings,
                endpoint=endpoint_of(self.socket),
                server_key=self._keys.public,
                context=self._context,
                low_memory=low_memory,
            )
        )

    def start_checker(self) -> ChildProcess:
        """Start a checking process; raises OSError when the system gives no process."""
        start = {
            "endpoint": endpoint_of(self.socket),
            "server_key": self._keys.public,
            **described(self._settings),
        }
        return self._known(
            ChildProcess(
                module="svfr_server.checking.main",
                start=start,
                environment=package_environment(),
                context=self._context,
            )
        )

    def start_surveyor(self) -> SurveyProcess:
        """Start the process that surveys ahead; raises OSError when the system gives no process."""
        return self._known(
            SurveyProcess(
                settings=self._settings,
                endpoint=endpoint_of(self.socket),
                server_key=self._keys.public,
                context=self._context,
            )
        )

    def receive(self) -> tuple[ChildProcess, list[bytes]] | None:
        """Return the next message of a living child, or None if none waits."""
        while True:
            try:
                route, *frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return None
            child = self._children.get(str(route.get("User-Id")))
            if child is not None:  # else it has exited meanwhile
                child.route = route.bytes
                return child, [frame.bytes for frame in frames]

    def exited(self) -> int:
        """Return the serial number of a child that has exited; call when ``exits`` is ready."""
        return int(self.exits.recv())

    def forget(self, serial: int) -> None:
        """Let the key of a child that has exited open nothing any more."""
        for key, child in list(self._children.items()):
            if child.serial == serial:
                del self._children[key]
                self._key_check.worker_keys.discard(key)

    def tell(self, child: ChildProcess, message: Message) -> None:
        """Send to a child; what cannot be sent is logged, and the child's silence decides."""
        if child.route is None:
            return
        try:
            self.send(child.route, pack(message))
        except SvfrError:
            _log.exception("process %d cannot be told %s", child.pid, message.op)

    def send(self, route: bytes, frames: Sequence[Any]) -> None:
        """Send frames as they are."""
        try:
            self.socket.send_multipart([route, *frames], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as problem:
            _log.warning("a process cannot be told anything: %s", problem)

    def close(self) -> None:
        """Close the sockets."""
        self.socket.close(linger=0)
        self.exits.close(linger=0)

    def _known(self, child: _Child) -> _Child:
        self._children[child.keys.public] = child
        self._key_check.worker_keys.add(child.keys.public)
        return child
