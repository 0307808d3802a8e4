"""How fast a plate gets to a server that is on this machine, by each of the ways there are.

Run it in ``server/``: ``python -m benchmarks.uploads.ways [--mb 64] [--rounds 3] [--delay-ms 0 20]``. The
same bytes go in messages one at a time, as from clients up to 1.3, in messages of which several are under
way, and by a file in the server's local folder. Every round has new bytes and takes the ways in turn; a row
shows the median of the rounds and the slowest and fastest. ``--delay-ms`` adds a line that answers later.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

from benchmarks.uploads.slow_line import slow_line
from svfr_client.client import Client
from svfr_client.connection import Connection, find_connection
from svfr_client.send_window import SendWindow
from svfr_client.transfer import upload as uploading
from svfr_client.transfer.handover import HandoverFile
from svfr_client.transfer.job_files import LocalFile
from svfr_client.transfer.progress import TransferProgress
from svfr_server.start import start_local_server

FILE_BYTES = 8 * 1024 * 1024
LINE_BYTES_PER_S = 1e9


@contextlib.contextmanager
def without_file() -> Iterator[None]:
    """Send in messages for as long as the block lasts."""

    @contextlib.contextmanager
    def nothing(client: Client) -> Iterator[None]:
        yield None

    with mock.patch.object(HandoverFile, "at", nothing):
        yield


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for each message's answer before the next for as long as the block lasts."""
    with without_file(), mock.patch.object(uploading, "SendWindow", lambda *_: SendWindow(1)):
        yield


WAYS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "messages, one at a time": one_at_a_time,
    "messages, several under way": without_file,
    "a file in the local folder": contextlib.nullcontext,
}


def new_files(folder: Path, size_bytes: int) -> list[LocalFile]:
    """Write files that the server has never seen."""
    files = []
    for number in range(max(1, size_bytes // FILE_BYTES)):
        path = folder / f"plate.{number:04d}.exr"
        path.write_bytes(os.urandom(min(FILE_BYTES, size_bytes)))
        files.append(LocalFile(path, path.name))
    return files


def send(connection: Connection, files: list[LocalFile]) -> float:
    """Send the files and return the MB a second from the first piece to the last."""
    times: list[float] = []
    sent: list[int] = []

    def tell(progress: TransferProgress) -> None:
        if progress.stage == "send":
            times.append(time.monotonic())
            sent.append(progress.done_bytes)

    with Client(connection) as client:
        uploading.upload(client, files, tell)
    return sent[-1] / (times[-1] - times[0]) / 1e6


def measure(folder: Path, home: Path, size_bytes: int, rounds: int, delay_ms: float) -> None:
    """Print a row for each way."""
    connection = find_connection(home)
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    with slow_line(
        int(connection.endpoint.rsplit(":", 1)[1]), LINE_BYTES_PER_S, delay_s=delay_ms / 1e3
    ) as line:
        far = replace(connection, endpoint=f"tcp://127.0.0.1:{line.port}")
        for _ in range(rounds):
            for way, taking in WAYS.items():
                files = new_files(folder, size_bytes)
                with taking():
                    speeds[way].append(send(far if delay_ms else connection, files))
    for way, found in speeds.items():
        spread = f"{min(found):.1f} to {max(found):.1f}"
        print(f"{delay_ms:8g} ms  {way:<28} {statistics.median(found):8.1f} MB/s  ({spread})", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--delay-ms", type=float, nargs="+", default=[0.0, 20.0], help="of the line, each way"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        with start_local_server(home, idle_exit_s=600, arguments=["--device", "cpu"]) as server:
            print(f"{options.mb} MiB of noise, {options.rounds} rounds")
            for delay_ms in options.delay_ms:
                measure(Path(name), home, options.mb * 1024 * 1024, options.rounds, delay_ms)
            server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
