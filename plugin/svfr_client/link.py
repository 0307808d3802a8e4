"""One encrypted DEALER socket and the watch over its handshake.

ZeroMQ hides connections: a client with a wrong key would wait for ever. The link therefore listens to the
socket's monitor and turns a refused handshake into an error within seconds. Sockets belong to one thread;
the link refuses to be used from another.
"""

import os
import threading
from typing import Any, List, Optional

import zmq
from zmq.utils.monitor import recv_monitor_message

from .awake_clock import MOST_SECONDS_A_TURN, AwakeClock
from .connection import Connection
from .errors import BadConnectionFile, NotAuthorised, NotTheServer, UsedInAnotherThread
from .protocol.wire import MAX_FRAME_BYTES

RECONNECT_MS = 50
RECONNECT_MAX_MS = 2000
SEND_MESSAGES = 256
# No high-water mark on what comes in: libzmq (4.3.5) stops reading at one, and ends the whole process, the
# host's, when the connection then breaks. The service sends no more than the client's byte credit.
RECEIVE_MESSAGES = 0
HEARTBEAT_MS = 2000
HEARTBEAT_TIMEOUT_MS = 6000
_WATCHED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
)
_context: Optional["zmq.Context[Any]"] = None
_context_owner = 0
_context_lock = threading.Lock()


def process_context() -> "zmq.Context[Any]":
    """Return this process's one ZeroMQ context, made on first use and never terminated.

    CURVE and repeated context creation in one process have crashed hosts (libzmq issue 4241). A forked
    child gets its own, because a context does not survive a fork.
    """
    global _context, _context_owner
    with _context_lock:
        if _context is None or _context_owner != os.getpid():
            _context = zmq.Context()
            _context_owner = os.getpid()
        return _context


class Link:
    """A connection to one service; make, use and close it in one thread.

    Raises :class:`BadConnectionFile` for an address or keys that ZeroMQ cannot use.

    ``is_down``: there is no connection now, though ZeroMQ keeps trying; False until something is known.
    ``is_refused``: there never was one, because nothing listens there. ``is_gone``: there was one, but
    nothing listens there any more. Deadlines are on ``clock``, which stands still while this process does:
    after a suspend, what waits in the socket is read before the other side is called silent.
    """

    def __init__(self, connection: Connection, clock: AwakeClock) -> None:
        self.connection = connection
        self._clock = clock
        self._thread = threading.get_ident()
        self._failed_handshakes = 0
        self._refusals = 0
        self._was_up = False
        self.is_down = False
        self._socket = process_context().socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
        self._socket.setsockopt(zmq.SNDHWM, SEND_MESSAGES)
        self._socket.setsockopt(zmq.RCVHWM, RECEIVE_MESSAGES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
        self._monitor = self._socket.get_monitor_socket(_WATCHED)
        try:
            self._socket.curve_serverkey = connection.server_key.encode("ascii")
            self._socket.curve_publickey = connection.keys.public.encode("ascii")
            self._socket.curve_secretkey = connection.keys.secret.encode("ascii")
            self._socket.connect(connection.endpoint)
        except (zmq.ZMQError, UnicodeEncodeError) as problem:
            self.close()
            raise BadConnectionFile(
                f"This is no address and keys of a server: {connection.endpoint}.",
                remedy="An address is like tcp://server:5555. Write the connection file anew: svfr key join.",
            ) from problem

    @property
    def is_refused(self) -> bool:
        """Return whether nothing listens at the endpoint and nothing ever did."""
        return not self._was_up and self._refusals >= 2

    @property
    def is_gone(self) -> bool:
        """Return whether nothing listens at the endpoint any more."""
        return self._was_up and self.is_down and self._refusals >= 2

    def send(self, frames: List[bytes], deadline: float) -> bool:
        """Send one message; False if the link is down or does not come up before ``deadline``."""
        self._check_thread()
        while True:
            if self._socket.poll(0, zmq.POLLOUT):
                self._socket.send_multipart(frames)
                return True
            if self.is_down or not self._wait(zmq.POLLOUT, deadline):
                return False

    def receive(self, deadline: float) -> Optional[List[bytes]]:
        """Return the next message's frames; None if the link is down or none came before ``deadline``."""
        self._check_thread()
        while not self._socket.poll(0, zmq.POLLIN):
            if self.is_down or not self._wait(zmq.POLLIN, deadline):
                return None
        return self._socket.recv_multipart()

    def rest(self, deadline: float) -> None:
        """Wait until the link is up again or ``deadline`` has passed."""
        self._check_thread()
        while self.is_down and self._wait(0, deadline):
            pass

    def close(self) -> None:
        """Close the socket at once; what was not sent yet is dropped."""
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)

    def _wait(self, direction: int, deadline: float) -> bool:
        """Wait for the socket or its monitor; False once the deadline has passed."""
        poller = zmq.Poller()
        if direction:
            poller.register(self._socket, direction)
        poller.register(self._monitor, zmq.POLLIN)
        left = min(MOST_SECONDS_A_TURN, max(0.0, deadline - self._clock.read()))
        ready = dict(poller.poll(int(left * 1000 + 0.999)))
        if self._monitor in ready:
            self._watch()
        return bool(ready) or self._clock.read() < deadline

    def _watch(self) -> None:
        report = recv_monitor_message(self._monitor)
        kind = report["event"]
        if kind == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._failed_handshakes = 0
            self._was_up, self.is_down = True, False
            self._refusals = 0
        elif kind == zmq.EVENT_DISCONNECTED:
            self.is_down = self._was_up
        elif kind == zmq.EVENT_CLOSED:
            self._refusals += 1
            self.is_down = self._was_up or self.is_refused
        elif kind == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise NotAuthorised(
                "The service does not know this client's key.",
                remedy="Ask for it to be authorised with `svfr key authorize`.",
            )
        elif kind == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            raise NotAuthorised(
                f"What listens at {self.connection.endpoint} does not speak the service's encryption.",
                remedy="Restart the service, so that it writes its connection file anew.",
            )
        elif kind == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            # A service that dies during one handshake looks the same; a wrong key fails every time. So
            # does a peer without encryption that hangs up before its greeting was read to the end, and a
            # tunnel whose service is away: once there was a service with this key behind it, it may be back.
            self._failed_handshakes += 1
            self.is_down = self._was_up
            if self._failed_handshakes >= 2 and not self._was_up:
                raise NotTheServer(
                    f"What listens at {self.connection.endpoint} has another key than expected, or none.",
                    remedy="Use the connection file that this service wrote; of a tunnel, see its other end.",
                )

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise UsedInAnotherThread("This client belongs to another thread.", remedy="Make one per thread.")
