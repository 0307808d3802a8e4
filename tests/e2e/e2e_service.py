"""A real server in a process of its own, and jobs run through it to their end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from svfr_client.client import Client
from svfr_client.connection import CONNECTION_FILE, KeyPair, find_connection, make_private_folder
from svfr_client.errors import NoServer, error_from_dict
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Event
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing

# Between two files of one host a runner may do other files for as long as it likes.
IDLE_EXIT_S = 2 * 3600.0


@contextmanager
def running(home: Path, idle_exit_s: float = IDLE_EXIT_S, arguments: Sequence[str] = ()) -> Iterator[Path]:
    """A server with the real pipeline, on the processor, for as long as the block lasts; its folder."""
    given = ["--device", "cpu", *arguments]
    start_local_server(home, idle_exit_s=idle_exit_s, arguments=given).close()
    yield home
    with suppress(NoServer), Client(folder=home) as client:  # it has ended by itself where it stood idle
        client.shutdown()


@contextmanager
def running_blind(folder: Path) -> Iterator[Path]:
    """A server that sees one empty folder and nothing else of anybody's; the folder of its own."""
    root = folder / "root"
    root.mkdir()
    with running(folder / "home", arguments=("--read-root", str(root), "--write-root", str(root))) as home:
        yield home


def hand_out_connection(home: Path, name: str, folder: Path) -> Path:
    """Return a connection file in ``folder`` as an administrator hands it out, with a key of its own."""
    keys = KeyPair.new()
    KeyRing(home).authorise(name, keys.public)
    path = make_private_folder(folder) / CONNECTION_FILE
    replace(find_connection(home), keys=keys).save(path)
    return path


@dataclass(frozen=True)
class Service:
    """A running server with the real pipeline."""

    home: Path

    def client(self) -> Client:
        return Client(folder=self.home)

    def run(self, spec: JobSpec) -> list[Event]:
        """Submit a job and return all its events; raises the job's own error."""
        with self.client() as client:
            events = list(client.follow(client.submit(spec).job))
        if events[-1].kind == "failed":
            raise error_from_dict(events[-1].body["error"])
        return events

    def result(self, spec: JobSpec) -> dict[str, Any]:
        """Run a job and return its result: frames_written, tracks, counts."""
        last = self.run(spec)[-1]
        assert last.kind == "done", last
        return dict(last.body)
