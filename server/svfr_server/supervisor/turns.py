"""Whose request is next: clients take turns, and so do the connections of each, by the time they have used.

A connection whose requests are short has several of them carried out while one long request of another has
one slice, so that nobody gains by asking for more at once. Requests of one connection stay in their order.
"""

from collections import OrderedDict, deque
from typing import Generic, Protocol, TypeVar

TURN_SECONDS = 0.05


class OfConnection(Protocol):
    """What waits: whose it is, and its size."""

    @property
    def client(self) -> str:
        """The client's key."""

    @property
    def route(self) -> bytes:
        """The connection it came by."""

    @property
    def size_bytes(self) -> int:
        """What it holds of the memory."""


Waiting = TypeVar("Waiting", bound=OfConnection)
_Connections = OrderedDict[bytes, deque[Waiting]]


class Turns(Generic[Waiting]):
    """What waits, by client and connection; the first of each is whose turn it is."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Connections[Waiting]] = OrderedDict()
        self._used_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._clients)

    def waiting_of(self, client: str) -> tuple[int, int]:
        """Return how many requests of a client wait, and their bytes."""
        every = [one for line in self._clients.get(client, {}).values() for one in line]
        return len(every), sum(one.size_bytes for one in every)

    def add(self, one: Waiting) -> None:
        """Let a request wait behind those of its connection."""
        self._line(one).append(one)

    def put_back(self, one: Waiting) -> None:
        """Let a request that is not done go on at its connection's next turn."""
        self._line(one).appendleft(one)

    def take(self) -> Waiting:
        """Return the next request; there is one."""
        connections = next(iter(self._clients.values()))
        return next(iter(connections.values())).popleft()

    def used(self, one: Waiting, seconds: float) -> None:
        """Count what the request just taken has used; after its turn it is another connection's."""
        self._used_s += seconds
        line = self._line(one)
        if self._used_s < TURN_SECONDS and line:
            return
        self._used_s = 0.0
        connections = self._clients[one.client]
        connections.move_to_end(one.route)
        self._clients.move_to_end(one.client)
        if not line:
            del connections[one.route]
        if not connections:
            del self._clients[one.client]

    def clear(self) -> list[Waiting]:
        """Forget what waits and return it."""
        every = [one for lines in self._clients.values() for line in lines.values() for one in line]
        self._clients.clear()
        return every

    def _line(self, one: Waiting) -> deque[Waiting]:
        return self._clients.setdefault(one.client, OrderedDict()).setdefault(one.route, deque())
