"""A real server in a process of its own, and jobs run through it to their end."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from e2e_plates import write_still_sequence

from svfr_client.client import Client
from svfr_client.connection import CONNECTION_FILE, KeyPair, find_connection, make_private_folder
from svfr_client.errors import NoServer, SvfrError, error_from_dict
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_client.protocol.messages import Event
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing

# Between two files of one host a runner may do other files for as long as it likes.
IDLE_EXIT_S = 2 * 3600.0
START_SECONDS = 120.0


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


def expect_that_roots_hold(
    svfr: Sequence[str | Path], started_in: Path, folder: Path, environment: Mapping[str, str]
) -> None:
    """Start ``svfr serve`` with roots, whatever program that is: jobs run within them, and none outside."""
    inside, home = folder / "show", folder / "home"
    plate, outside = write_still_sequence(inside, 1), write_still_sequence(folder / "other", 1)
    roots = ["--read-root", str(inside), "--write-root", str(inside)]
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [*svfr, "serve", "--device", "cpu", "--idle-exit", "600", *roots],
            env={**environment, "SVFR_HOME": str(home)},
            cwd=started_in,
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and server.poll() is None:
            with suppress(SvfrError):
                find_connection(home)
                break
            time.sleep(0.05)
        assert server.poll() is None, (folder / "serve.log").read_text(encoding="utf-8", errors="replace")
        service = Service(home)
        assert service.result(_one_frame(plate, inside))["frames_written"] == 1
        with pytest.raises(SvfrError) as refused:
            service.result(_one_frame(outside, inside))
        assert refused.value.code == "FORBIDDEN_PATH"
        with Client(folder=home) as client:
            client.shutdown()
        server.wait(START_SECONDS)
    finally:
        server.kill()
        server.wait()


def _one_frame(plate: str, folder: Path) -> JobSpec:
    colour = ColourClaim(space="lin_rec709_scene")
    output = str(folder / "r.%04d.exr")
    return JobSpec(
        plate, "1001", ("bfr",), output, faces=FaceChoice("frame"), colour=colour, model="identity"
    )
