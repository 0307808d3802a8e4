"""A service of its own for the stress benchmark: private folder, loopback, small plates."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from benchmarks.random_model import write_random_model
from benchmarks.service_stress.figures import describe_ms
from svfr.models.folder import find_model
from svfr.models.spec import Preset
from svfr.validation import read_json_file
from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair, find_connection
from svfr_client.errors import SvfrError
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing

STEPS = 8


class Service:
    """One service; ``home`` is its folder."""

    def __init__(self, home: Path, pipeline: str) -> None:
        self.home = home
        self._arguments = ["--pipeline", f"benchmarks.service_stress.pipeline:{pipeline}", "--device", "cpu"]
        self.start()

    def start(self) -> None:
        """Start it; it ends by itself when the benchmark does not end it."""
        start_local_server(self.home, idle_exit_s=120.0, arguments=self._arguments).close()

    @property
    def connection(self) -> Connection:
        """Where it listens, with the key of its own user."""
        return find_connection(self.home)

    def client(self) -> Client:
        """A client with the key of the service's own user."""
        return Client(folder=self.home, name="stress", attempts=6)

    def guest(self, name: str) -> Connection:
        """Authorise a fresh key and return a connection with it."""
        keys = KeyPair.new()
        KeyRing(self.home).authorise(name, keys.public)
        return replace(self.connection, keys=keys)

    def kill_server(self) -> None:
        """kill -9 and start again."""
        os.kill(self.connection.pid, signal.SIGKILL)
        self.start()

    def kill_worker(self) -> None:
        """kill -9 the worker; the service replaces it."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        """The process ids of the service's workers."""
        pid = self.connection.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children.split()}
        return [child for child, command in commands.items() if b"svfr_server.worker.main" in command]

    def resident_mib(self) -> float:
        """The memory the supervisor holds."""
        pages = Path(f"/proc/{self.connection.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self) -> None:
        """Stop it cleanly."""
        try:
            with self.client() as client:
                client.shutdown()
        except SvfrError as problem:
            print(f"the service was gone already: {problem}")


class Pinger:
    """Another client, in a thread of its own, that pings all the time and notes how long it waits."""

    def __init__(self, service: Service, every_s: float = 0.005) -> None:
        self._service, self._every = service, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ping)
        self.waited_ms: list[float] = []

    def __enter__(self) -> Pinger:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _ping(self) -> None:
        with self._service.client() as client:
            client.ping()  # the handshake is not part of it
            while not self._ended.wait(self._every):
                began = time.perf_counter()
                client.ping()
                self.waited_ms.append(1000 * (time.perf_counter() - began))

    def describe(self) -> str:
        """Return the figures in words."""
        return describe_ms(self.waited_ms)


def model_of_eight_steps(folder: Path) -> tuple[str, str]:
    """Return (path, what it is) of a model whose preset "standard" has 8 steps in both passes.

    The preview model ``mini`` if it is installed; else a small network with random weights.
    """
    try:
        mini = find_model("mini")
    except SvfrError:
        return write_random(folder), "a random network"
    shutil.copytree(mini, folder)
    spec = read_json_file(folder / "model.json")
    spec["presets"]["standard"].update(reference_steps=STEPS, steps=STEPS, sigmas=None)
    (folder / "model.json").write_text(json.dumps(spec), encoding="utf-8")
    return str(folder), "mini"


def write_random(folder: Path) -> str:
    """Write the small network with random weights and return its path."""
    return write_random_model(folder, Preset(STEPS, STEPS, initial_noise=1.0, guidance=2.0))
