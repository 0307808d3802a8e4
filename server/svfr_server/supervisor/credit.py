"""Byte credits: what is on its way to each client and not yet known to be read.

ZeroMQ's own limit counts messages, not bytes, and never tells the sender. Each client therefore has a
window; the service sends nothing beyond it until the client says, with ``credit``, how much it has read.
A client that lies about it gains nothing: ZeroMQ holds at most ``SEND_MESSAGES`` messages for it, none of
them longer than ``MAX_SENT_BYTES``, 64 MiB in all.
"""

from collections import OrderedDict
from dataclasses import dataclass

SEND_MESSAGES = 64
MAX_SENT_BYTES = 1024 * 1024
MOST_ACCOUNTS = 4096


@dataclass
class Account:
    """One connection: the bytes it has not yet read, the program it says it is, and its public key."""

    unread_bytes: int = 0
    program: str = ""
    client: str = ""


class Accounts:
    """The accounts of all connections, by routing id; the one silent for longest goes first."""

    def __init__(self, window_bytes: int) -> None:
        self._window = window_bytes
        self._accounts: OrderedDict[bytes, Account] = OrderedDict()

    def of(self, route: bytes) -> Account:
        """Return the connection's account, a new one for a connection not seen before."""
        account = self._accounts.setdefault(route, Account())
        self._accounts.move_to_end(route)
        while len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.popitem(last=False)
        return account

    def has_room(self, route: bytes, size_bytes: int) -> bool:
        """Return whether so much may be sent now; a message larger than the window goes out alone."""
        unread = self.of(route).unread_bytes
        return unread == 0 or unread + size_bytes <= self._window

    def spend(self, route: bytes, size_bytes: int) -> None:
        """Note that so much was sent."""
        self.of(route).unread_bytes += size_bytes

    def grant(self, route: bytes, read_bytes: int) -> None:
        """Note that the client has read so much; more than was sent counts as all of it."""
        account = self.of(route)
        account.unread_bytes = max(0, account.unread_bytes - read_bytes)

    def clients(self) -> set[str]:
        """Return the public keys of all connections."""
        return {account.client for account in self._accounts.values() if account.client}

    def clear(self) -> None:
        """Drop every account: all connections are gone."""
        self._accounts.clear()

    def forget(self, route: bytes) -> None:
        """Drop the account of a connection that is gone."""
        self._accounts.pop(route, None)
