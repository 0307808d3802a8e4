"""The clients' side of the service: their socket, their connections and what each may still be sent."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import zmq

from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError
from svfr_client.protocol.wire import MAX_FRAMES, Message, pack
from svfr_client.sizes import size_text
from svfr_server.errors import InternalFailure
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.connections import Connections, connection_budget
from svfr_server.supervisor.credit import MAX_SENT_BYTES, Accounts
from svfr_server.supervisor.memory_watch import give_back, resident_bytes
from svfr_server.supervisor.sockets import bind_clients, endpoint_of
from svfr_server.supervisor.zap_keys import CLIENT_DOMAIN, KeyRing

MOST_MESSAGES_A_TURN = 200
MOST_SECONDS_A_TURN = 0.01
# Beyond, a message is no mistake, and others wait while it is read: its sender is cut.
MOST_FRAMES_READ = 1000
FRAMES_AT_ONCE = 1000
DROP_EVERY_SECONDS = 5.0
CLOSING_MS = 1000
FAREWELL_SECONDS = 0.3
_log = logging.getLogger(__name__)


@dataclass
class _Incoming:
    """A message that is being read: who sent it, and its first frames.

    It is there as soon as its first frame was taken: whatever fails, the next frame is not taken for another
    message's first.
    """

    route: bytes
    has_more: bool
    client: str = ""
    descriptor: int = -1
    count: int = 0
    frames: list[Any] = field(default_factory=list)


@dataclass(kw_only=True, eq=False, repr=False)
class ClientEndpoint:
    """Receives from clients and sends to them."""

    context: "zmq.Context[Any]"
    settings: ServerSettings
    ring: KeyRing
    keys: KeyPair

    def __post_init__(self) -> None:
        self._next_drop = 0.0
        self._answered_at = 0.0
        self._incoming: _Incoming | None = None
        self._most = connection_budget()
        self.accounts = Accounts(self.settings.limits.credit_bytes)
        self._open(self.settings.port)

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return endpoint_of(self.socket)

    def receive(self) -> Iterator[tuple[bytes, str, list[Any]]]:
        """Yield (routing id, public key, frames) of what waits, for a slice of time.

        Of a message with too many frames, one more than any may have are yielded.
        """
        until = time.monotonic() + MOST_SECONDS_A_TURN
        for _ in range(MOST_MESSAGES_A_TURN):
            if self._incoming is None:
                try:
                    route = self.socket.recv(zmq.NOBLOCK, copy=False)
                except zmq.Again:
                    return
                self._incoming = _Incoming(route.bytes, route.more)
                self._incoming.client = str(route.get("User-Id"))
                self._incoming.descriptor = int(route.get(zmq.SRCFD))
            if self._read_on(self._incoming, until):
                message, self._incoming = self._incoming, None
                self.connections.identify(message.descriptor, message.client)
                yield message.route, message.client, message.frames
            if time.monotonic() >= until:
                return

    def _read_on(self, message: _Incoming, until: float) -> bool:
        """Read on in a message; returns whether that was all of it, which may take more than one slice.

        ZeroMQ gives out no other message before the end of this one: frames beyond those that one may have
        are dropped one by one.
        """
        while message.has_more:
            frame = self.socket.recv(copy=False)
            message.has_more = frame.more
            message.count += 1
            if message.count <= MAX_FRAMES + 1:
                message.frames.append(frame)
            elif message.count == MOST_FRAMES_READ:
                self.connections.cut(message.descriptor, "its message has too many frames")
            elif message.count % FRAMES_AT_ONCE == 0 and time.monotonic() >= until:
                break
        return not message.has_more

    def send(self, route: bytes, message: Message) -> bool:
        """Send to a client; False if it is gone, cannot take more now, or has no credit for it.

        Errors need no credit: they are short, and the number of messages is bounded in any case. Events go
        only to a client whose key is authorised now. Never raises.
        """
        account = self.accounts.of(route)
        if message.op == "event" and self.ring.name_of(account.client) is None:
            return False
        try:
            frames = pack(message)
        except SvfrError:
            _log.exception("%s cannot be sent", message.op)
            failure = InternalFailure("The answer cannot be sent.", remedy="See the server's log.")
            frames = pack(Message("error", failure.to_dict(), re=message.re))
        size = sum(len(frame) for frame in frames)
        if message.op != "error" and not self.accounts.has_room(route, size):
            return False
        if size > MAX_SENT_BYTES:
            _log.error("%s of %d bytes is over the limit and is not sent", message.op, size)
            return False
        try:
            self.socket.send_multipart([route, *frames], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError:
            self.accounts.forget(route)
            return False
        self.accounts.spend(route, size)
        self._answered_at = time.monotonic()
        return True

    def cut_revoked(self) -> None:
        """Cut the connections of clients whose key was revoked."""
        for client in self.accounts.clients():
            if self.ring.name_of(client) is None:
                self.connections.cut_client(client)

    def drop_if_too_large(self) -> bool:
        """Drop all connections when one of them has made this process too large; returns whether it did."""
        held = resident_bytes()
        now = time.monotonic()
        if held <= self.settings.memory_limit_bytes or now < self._next_drop:
            return False
        self._next_drop = now + DROP_EVERY_SECONDS
        _log.error("%s are held for clients; all connections are dropped", size_text(held))
        port = int(self.endpoint.rsplit(":", 1)[1])
        self.connections.close()
        self.socket.close(linger=0)
        self.accounts.clear()
        self._open(port)
        give_back()
        return True

    def close(self) -> None:
        """Close once the last answers were read: clients drop what they have not read when we hang up."""
        until = self._answered_at + FAREWELL_SECONDS
        while len(self.connections) and (left := until - time.monotonic()) > 0:
            self.connections.monitor.poll(int(left * 1000) + 1)
            self.connections.handle_events()
        self.connections.close()
        self.socket.close(linger=CLOSING_MS)

    def _open(self, port: int) -> None:
        self.socket = bind_clients(
            self.context, address=self.settings.listen, port=port, keys=self.keys, domain=CLIENT_DOMAIN
        )
        self.connections = Connections(self.socket, self._most)
        self._incoming = None
