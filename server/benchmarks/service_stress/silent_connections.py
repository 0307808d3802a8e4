"""Open very many connections that say nothing to an address, from a process of its own.

    python silent_connections.py HOST PORT CONNECTIONS

It prints how many it has opened and holds them until its standard input ends. A process of its own that steps
back for others, so that what opening them costs here is not felt by the client that is measured.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

CONNECT_SECONDS = 5.0


def opened(host: str, port: int, count: int) -> list[socket.socket]:
    """Return as many connections as the other side and this process's descriptors allow, at most count."""
    found = []
    with contextlib.suppress(OSError):
        for _ in range(count):
            found.append(socket.create_connection((host, port), timeout=CONNECT_SECONDS))
    return found


if __name__ == "__main__":
    os.nice(19)
    held = opened(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(len(held), flush=True)
    sys.stdin.read()
