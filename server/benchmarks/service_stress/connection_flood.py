"""Open very many connections of one client to a service, from a process of its own.

    python connection_flood.py CONNECTION_FILE CONNECTIONS SECONDS

A process of its own that steps back for others, as if it were another machine, so that what its handshakes
cost here is not felt by the client that is measured.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import zmq

from svfr_client.connection import Connection
from svfr_client.protocol.wire import Message, pack


def flood(connection: Connection, connections: int, seconds: float) -> None:
    """Open the connections, each with a ping, and hold them for so long."""
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 2 * connections)
    sockets = []
    for _ in range(connections):
        one = context.socket(zmq.DEALER)
        one.linger = 0
        one.curve_serverkey = connection.server_key.encode("ascii")
        one.curve_publickey = connection.keys.public.encode("ascii")
        one.curve_secretkey = connection.keys.secret.encode("ascii")
        one.connect(connection.endpoint)
        one.send_multipart(pack(Message("ping", minor=0)))
        sockets.append(one)
    time.sleep(seconds)
    for one in sockets:
        one.close()
    context.term()


if __name__ == "__main__":
    os.nice(19)
    flood(Connection.load(Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3]))
