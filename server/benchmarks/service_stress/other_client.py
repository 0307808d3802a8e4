"""Ping a service all the time, from a process of its own, until standard input ends; print what was felt.

    python other_client.py CONNECTION_FILE

A process of its own, so that what a row costs its sender is not felt by the client that is measured. It
prints a line when the first answer has come, and at the end JSON: waited_ms and the pings without an answer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import zmq

from svfr_client.connection import Connection
from svfr_client.link import process_context
from svfr_client.protocol.wire import Message, pack

PING_SECONDS = 60.0
EVERY_SECONDS = 0.01


def felt(connection: Connection, ends: threading.Event) -> dict[str, object]:
    """Ping until the event is set; return how long each answer took, and how many never came."""
    waited_ms: list[float] = []
    with process_context().socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_serverkey = connection.server_key.encode("ascii")
        dealer.curve_publickey = connection.keys.public.encode("ascii")
        dealer.curve_secretkey = connection.keys.secret.encode("ascii")
        dealer.connect(connection.endpoint)
        while not ends.is_set():
            began = time.perf_counter()
            dealer.send_multipart(pack(Message("ping", minor=0)))
            while not dealer.poll(200):
                if ends.is_set() or time.perf_counter() - began > PING_SECONDS:
                    return {"waited_ms": waited_ms, "unanswered": 1}
            dealer.recv_multipart()
            waited_ms.append(1000 * (time.perf_counter() - began))
            if len(waited_ms) == 1:
                print("ready", flush=True)
            time.sleep(EVERY_SECONDS)
    return {"waited_ms": waited_ms, "unanswered": 0}


def _wait_for_end(ends: threading.Event) -> None:
    sys.stdin.read()
    ends.set()


if __name__ == "__main__":
    is_over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(is_over,), daemon=True).start()
    print(json.dumps(felt(Connection.load(Path(sys.argv[1])), is_over)))
