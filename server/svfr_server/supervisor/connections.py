"""The budget of connections: so many descriptors for clients, and a reserve for the service's own work.

ZeroMQ accepts whoever comes and tells of it through the socket's monitor. When there are more connections
than the budget, the oldest that never said anything goes first (a stranger without a key says nothing), then
the newest of the client that has the most. A client that is cut off connects again and loses nothing.
"""

import contextlib
import logging
import os
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

RESERVED_DESCRIPTORS = 256
MOST_CONNECTIONS = 4096
WANTED_DESCRIPTORS = 16384
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
_EVENTS_A_TURN = 2000
_log = logging.getLogger(__name__)


def connection_budget() -> int:
    """Return how many connections there may be, after asking the system for more descriptors."""
    try:
        import resource
    except ImportError:
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if 0 <= soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(64, min(MOST_CONNECTIONS, soft - RESERVED_DESCRIPTORS))


@dataclass
class _Connection:
    """One accepted connection: its descriptor, who is at the other end, and its client once it has spoken."""

    descriptor: int
    peer: Any
    client: str | None = None


class Connections:
    """The connections of one listening socket, in the order in which they came."""

    def __init__(self, router: "zmq.Socket[bytes]", most: int) -> None:
        self._router = router
        self._most = most
        self._open: dict[int, _Connection] = {}
        self.monitor = router.get_monitor_socket(_EVENTS)

    def handle_events(self) -> None:
        """Note who has come and gone; cut connections that are beyond the budget."""
        for _ in range(_EVENTS_A_TURN):
            if not self.monitor.poll(0):
                break
            event = recv_monitor_message(self.monitor, zmq.NOBLOCK)
            descriptor = int(event["value"])
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._open[descriptor] = _Connection(descriptor, _peer_of(descriptor))
            else:
                self._open.pop(descriptor, None)
        excess = len(self._open) - self._most
        if excess > 0:
            self._cut(self._victims(excess), "there are too many connections")

    def identify(self, descriptor: int, client: str) -> None:
        """Note that the client with this public key speaks on a connection."""
        known = self._open.get(descriptor)
        if known is not None:
            known.client = client

    def cut_client(self, client: str) -> None:
        """Cut every connection on which this client has spoken."""
        self._cut([one for one in self._open.values() if one.client == client], "its key was revoked")

    def close(self) -> None:
        """Stop watching."""
        self._router.disable_monitor()
        self.monitor.close(linger=0)

    def __len__(self) -> int:
        return len(self._open)

    def _victims(self, count: int) -> list[_Connection]:
        strangers = [one for one in self._open.values() if one.client is None][:count]
        while len(strangers) < count:
            chosen = {one.descriptor for one in strangers}
            left = [one for one in self._open.values() if one.descriptor not in chosen]
            if not left:
                break
            greedy = Counter(one.client for one in left).most_common(1)[0][0]
            strangers += [one for one in reversed(left) if one.client == greedy][: count - len(strangers)]
        return strangers

    def _cut(self, victims: list[_Connection], why: str) -> None:
        for one in victims:
            self._open.pop(one.descriptor, None)
            _shut(one)
        if victims:
            _log.warning("%d connections are cut: %s", len(victims), why)


def _peer_of(descriptor: int) -> Any:
    """Return the address at the other end; None if the connection is gone already."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as same:
            return same.getpeername()
    except OSError:
        return None


def _shut(one: _Connection) -> None:
    """Shut a connection down, which ZeroMQ then closes, if the descriptor is still that connection's."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(one.descriptor)) as same:
        if one.peer is not None and same.getpeername() == one.peer:
            same.shutdown(socket.SHUT_RDWR)
