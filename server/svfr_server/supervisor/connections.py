"""The budget of connections: so many descriptors for clients, and a reserve for the service's own work.

ZeroMQ accepts whoever comes and tells of it through the socket's monitor. When there are more connections
than the budget, the oldest that never said anything goes first (a stranger without a key says nothing), then
the newest of the client that has the most. A client that is cut off connects again and loses nothing.

ZeroMQ bounds how long a frame is and not how many a message has. It hands a message over when it is complete,
and nothing else before it is read: a million empty frames would make all wait. Such a message is found on its
way. A frame's beginning is in the clear (RFC 26, MESSAGE); whoever is seen, in the system's buffer, to send
more of them than a message has, with none finished since the look before, is cut.
"""

import contextlib
import itertools
import logging
import os
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from svfr_client.protocol.wire import MAX_FRAMES

RESERVED_DESCRIPTORS = 256
MOST_CONNECTIONS = 4096
WANTED_DESCRIPTORS = 16384
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
_EVENTS_A_TURN = 2000
READ_EVERY_SECONDS = 0.1
_READ_A_TURN = 500
_PEEKED_BYTES = 256 * 1024
_FRAME_BEGINS = b"\x07MESSAGE"
# More than a message has; some frames may be seen twice.
_MOST_FRAMES_SEEN = 2 * MAX_FRAMES
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
    frames_seen: int = 0


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
            known.frames_seen = 0

    def cut_pouring(self) -> None:
        """Cut who pours frames and finishes no message; some are looked at, others the next time."""
        turn = list(itertools.islice(self._open.values(), _READ_A_TURN))
        pouring = []
        for one in turn:
            before = one.frames_seen
            one.frames_seen += _frames_waiting(one.descriptor)
            if before and one.frames_seen > _MOST_FRAMES_SEEN:
                pouring.append(one)
            if len(self._open) > _READ_A_TURN:
                self._open[one.descriptor] = self._open.pop(one.descriptor)
        self._cut(pouring, "they send frames without end")

    def cut(self, descriptor: int, why: str) -> None:
        """Cut one connection; the log says why."""
        self._cut([one for one in self._open.values() if one.descriptor == descriptor], why)

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


def _frames_waiting(descriptor: int) -> int:
    """Return how many frames begin in what the system holds of a connection and ZeroMQ has not read."""
    with contextlib.suppress(OSError):  # nothing waits, or the connection is gone
        same = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
        try:
            return same.recv(_PEEKED_BYTES, socket.MSG_PEEK).count(_FRAME_BEGINS)
        finally:
            same.detach()  # the descriptor is ZeroMQ's
    return 0


def _shut(one: _Connection) -> None:
    """Shut a connection down, which ZeroMQ then closes, if the descriptor is still that connection's."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(one.descriptor)) as same:
        if one.peer is not None and same.getpeername() == one.peer:
            same.shutdown(socket.SHUT_RDWR)
