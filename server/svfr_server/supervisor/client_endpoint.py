"""The clients' side of the service: their socket, their connections and what each may still be sent."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import zmq

from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError
from svfr_client.protocol.wire import Message, pack
from svfr_server.errors import InternalFailure
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.connections import Connections, connection_budget
from svfr_server.supervisor.credit import MAX_SENT_BYTES, Accounts
from svfr_server.supervisor.memory_watch import give_back, resident_bytes
from svfr_server.supervisor.sockets import bind_clients, endpoint_of
from svfr_server.supervisor.zap_keys import CLIENT_DOMAIN, KeyRing

MOST_MESSAGES_A_TURN = 200
MOST_SECONDS_A_TURN = 0.01
DROP_EVERY_SECONDS = 5.0
CLOSING_MS = 1000
FAREWELL_SECONDS = 0.3
_log = logging.getLogger(__name__)


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
        self._most = connection_budget()
        self.accounts = Accounts(self.settings.limits.credit_bytes)
        self._open(self.settings.port)

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return endpoint_of(self.socket)

    def receive(self) -> Iterator[tuple[bytes, str, list[Any]]]:
        """Yield (routing id, public key, frames) of what waits, for a slice of time."""
        until = time.monotonic() + MOST_SECONDS_A_TURN
        for _ in range(MOST_MESSAGES_A_TURN):
            try:
                route, *frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            client = str(route.get("User-Id"))
            self.connections.identify(int(route.get(zmq.SRCFD)), client)
            yield route.bytes, client, frames
            if time.monotonic() >= until:
                return

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
        _log.error("%d MiB are held for clients; all connections are dropped", held >> 20)
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
