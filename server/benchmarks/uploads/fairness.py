"""How long one client's small requests take while another's plate is made of thousands of pieces.

Run it in ``server/``: ``python -m benchmarks.uploads.fairness [--pieces 2500] [--of CHECKOUT ...]``. One
client has a file assembled again and again; meanwhile another client, and another connection of the first
one, hand over pieces and ping. ``--of`` measures the servers of these checkouts in turn, in one run, by this
tree's client; the default is this one.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair, find_connection
from svfr_client.hosting.server_process import start_server
from svfr_client.protocol.wire import Buffer, Message
from svfr_client.send_window import SendWindow
from svfr_server.supervisor.zap_keys import KeyRing

THIS = Path(__file__).resolve().parents[3]
PIECE_BYTES = 256 * 1024
SET = "0123456789abcdef" * 2
QUIET_SECONDS = 5.0


def put(data: bytes) -> Message:
    """Return the request that hands over a piece."""
    buffer = Buffer(data, kind="raw", dtype="|u1", shape=(len(data),))
    return Message("put", {"piece": hashlib.sha256(data).hexdigest()}, buffers={"data": buffer})


def pieces_of(count: int) -> Iterator[bytes]:
    """Yield so many pieces, no two equal."""
    rest = os.urandom(PIECE_BYTES - 8)
    for number in range(count):
        yield number.to_bytes(8, "big") + rest


def send(client: Client, count: int) -> list[str]:
    """Send the pieces of a plate and return their names."""
    names: list[str] = []

    def puts() -> Iterator[Message]:
        for data in pieces_of(count):
            request = put(data)
            names.append(str(request.body["piece"]))
            yield request

    client.hello()
    assert len(list(client.ask_ahead(puts(), SendWindow(), 60.0))) == count
    return names


class Asking(threading.Thread):
    """Asks the same thing again and again until it is stopped, and keeps how long each answer took."""

    def __init__(self, connection: Connection, ask: Callable[[Client], None]) -> None:
        super().__init__(daemon=True)
        self._connection, self._ask = connection, ask
        self._is_over = threading.Event()
        self.took_s: list[float] = []

    def run(self) -> None:
        """Ask until it is over."""
        with Client(self._connection) as client:
            client.hello()
            while not self._is_over.is_set():
                began_at = time.monotonic()
                self._ask(client)
                self.took_s.append(time.monotonic() - began_at)
                time.sleep(0.02)

    def stop(self) -> None:
        """Let the last answer come."""
        self._is_over.set()
        self.join()


def put_one(client: Client) -> None:
    """Hand over a piece that is new."""
    request = put(os.urandom(PIECE_BYTES))
    client.ask(request.op, request.body, request.buffers, 120.0)


def ping(client: Client) -> None:
    """See whether the server lives."""
    client.ping()


def row(what: str, took_s: list[float]) -> str:
    """Return a line of figures in milliseconds."""
    most, middle = max(took_s) * 1e3, statistics.median(took_s) * 1e3
    return f"  {what:<42} {middle:8.0f} ms median  {most:8.0f} ms at most  ({len(took_s)} asked)"


def measure(checkout: Path, home: Path, count: int) -> None:
    """Print how long requests take beside nothing, and beside the assembling."""
    folders = [str(checkout / name) for name in ("server", "plugin", "ocio")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu"]
    start_server(command, home, environment=environment, idle_exit_s=600)
    keys = [KeyPair.new(), KeyPair.new()]
    for name, key in zip(("anna", "ben"), keys, strict=True):
        KeyRing(home).authorise(name, key.public)
    anna, ben = (replace(find_connection(home), keys=key) for key in keys)
    with Client(anna) as client:
        names = send(client, count)
        who = {"ben puts a piece": (ben, put_one), "anna, elsewhere, puts one": (anna, put_one)}
        for beside in ("nothing", "assembling"):
            asking = {what: Asking(*how) for what, how in {**who, "a ping": (ben, ping)}.items()}
            for one in asking.values():
                one.start()
            began_at, made = time.monotonic(), 0
            while time.monotonic() < began_at + QUIET_SECONDS or (beside != "nothing" and made < 2):
                if beside == "nothing":
                    time.sleep(0.1)
                    continue
                body = {"set": SET, "name": f"plate.{made:04d}.exr", "pieces": names}
                client.ask("assemble", body, reply_seconds=120.0)
                made += 1
            seconds = time.monotonic() - began_at
            for one in asking.values():
                one.stop()
            each = f", {made} files of {count} pieces, {seconds / made:.1f} s each" if made else ""
            print(f"beside {beside}{each}")
            for what, one in asking.items():
                print(row(what, one.took_s), flush=True)
    with Client(folder=home) as own:
        own.shutdown()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pieces", type=int, default=2500)
    parser.add_argument("--of", type=Path, nargs="+", default=[THIS], metavar="CHECKOUT")
    options = parser.parse_args()
    for number, checkout in enumerate(options.of):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # the server is still ending
            print(f"server of checkout {number + 1}")
            measure(checkout.resolve(), Path(name) / "home", options.pieces)
    return 0


if __name__ == "__main__":
    sys.exit(main())
