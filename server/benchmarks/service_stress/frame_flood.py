"""Send messages of very many empty frames to a service, from a process of its own.

    python frame_flood.py CONNECTION_FILE FRAMES MESSAGES

A process of its own, so that what the sender costs is not felt by the client that is measured.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import zmq

from svfr_client.connection import Connection
from svfr_client.link import process_context

PATIENCE_SECONDS = 20.0


def flood(connection: Connection, frames: int, messages: int) -> str:
    """Send the messages, each over a connection of its own; returns what became of them."""
    answered = 0
    for _ in range(messages):
        with process_context().socket(zmq.DEALER) as dealer:
            dealer.linger = 0
            dealer.curve_serverkey = connection.server_key.encode("ascii")
            dealer.curve_publickey = connection.keys.public.encode("ascii")
            dealer.curve_secretkey = connection.keys.secret.encode("ascii")
            dealer.reconnect_ivl = -1
            monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            dealer.connect(connection.endpoint)
            for _ in range(frames - 1):
                dealer.send(b"", zmq.SNDMORE)
            dealer.send(b"")
            until = time.monotonic() + PATIENCE_SECONDS
            poller = zmq.Poller()
            poller.register(dealer, zmq.POLLIN)
            poller.register(monitor, zmq.POLLIN)
            ready = dict(poller.poll(max(0, int(1000 * (until - time.monotonic())))))
            answered += dealer in ready
            with contextlib.suppress(zmq.ZMQError):
                dealer.disable_monitor()
            monitor.close(linger=0)
    return f"{answered} of {messages} answered, the others were cut off"


if __name__ == "__main__":
    print(flood(Connection.load(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])))
