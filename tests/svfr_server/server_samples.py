"""A service in a process of its own, and the jobs that its tests send."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from svfr_client.client import Client
from svfr_client.connection import find_connection
from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_server.start import start_local_server

PATIENCE_S = 60.0
PATIENCE_MS = 60_000
"""How long a test waits for what comes at once on a quiet machine: it ends the test and decides nothing."""


def wait_until(is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for something that will be so."""
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)


@dataclass
class Service:
    """A service that runs; ``home`` is its folder."""

    home: Path
    arguments: list[str] = field(default_factory=list)

    def start(self) -> None:
        given = ["--pipeline", "service_pipelines:run_job", "--device", "cpu", "--idle-exit", "600"]
        start_local_server(self.home, arguments=[*given, *self.arguments]).close()

    def client(self) -> Client:
        return Client(folder=self.home, reply_seconds=10.0)

    def kill(self) -> None:
        kill(self.home)

    def stop(self) -> None:
        try:
            with self.client() as client:
                client.shutdown()
        except SvfrError:
            return  # a test stopped or killed it

    def restart(self) -> None:
        """Start again after a stop in which nothing is lost."""
        self.stop()
        self.wait_until_gone()
        self.start()

    def wait_until_gone(self) -> None:
        """Wait for the end of a service that was asked to stop, or stops by itself."""
        wait_until(lambda: not (self.home / "connection.json").exists())


StartService = Callable[..., Service]


def job(pipeline: str, frames: str = "1001-1004", plate: str = "/p/a.%04d.exr") -> JobSpec:
    """A job for one of the test pipelines."""
    return JobSpec(plate, frames, ("bfr",), "/p/out/a.%04d.exr", model=pipeline)


def workers_of(service: Service) -> list[psutil.Process]:
    """The service's workers, without its other processes."""
    children = psutil.Process(find_connection(service.home).pid).children()
    return [child for child in children if "svfr_server.worker.main" in child.cmdline()]


def shut_down(home: Path) -> None:
    """Stop the service of a folder in the orderly way."""
    with Client(folder=home) as client:
        client.shutdown()


def kill(home: Path) -> None:
    """End the service of a folder as a crash does."""
    os.kill(find_connection(home).pid, signal.SIGKILL)


def terminate(home: Path) -> None:
    """Ask the service of a folder to end, as the system does."""
    os.kill(find_connection(home).pid, signal.SIGTERM)
