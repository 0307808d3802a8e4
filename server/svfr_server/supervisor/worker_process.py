"""One worker as the supervisor sees it: start it, know when it dies, end it.

A worker is spawned, never forked: neither CUDA nor ZeroMQ survives a fork. It gets a key pair of its own
through its standard input, which stays open; when the supervisor dies, however that happens, the input
ends and the worker with it. A thread waits for the process and reports its death at once.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import zmq

from svfr_client.connection import KeyPair
from svfr_client.records import to_plain
from svfr_server.job_store.transfers import transfers_folder
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.stall_timeout import StallTimeout

WORKER_EXITS = "inproc://worker-exits"
_log = logging.getLogger(__name__)


class WorkerProcess:
    """A running worker for one device. ``route`` is its routing id once it has said that it is ready.

    ``low_memory``: it began with less memory in use, after another had run out of it.
    """

    _serial = 0

    def __init__(
        self,
        device: str,
        settings: ServerSettings,
        endpoint: str,
        server_key: str,
        context: "zmq.Context",
        low_memory: bool = False,
    ) -> None:
        WorkerProcess._serial += 1
        self.serial = WorkerProcess._serial
        self.device = device
        self.keys = KeyPair.new()
        self.route: bytes | None = None
        self.job: str | None = None
        self.stall: StallTimeout | None = None
        self.low_memory = low_memory
        self.idle_since = time.monotonic()
        self.kill_at: float | None = None
        self.is_stopping = False
        self._killed_because = ""
        command = [sys.executable, "-m", "svfr_server.worker.main"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=worker_environment(device, low_memory)
        )
        start = {
            "endpoint": endpoint,
            "server_key": server_key,
            "keys": to_plain(self.keys),
            "name": device,
            "device": "cuda" if device.startswith("cuda") else device,
            "home": str(settings.home),
            "read_roots": [str(root) for root in settings.read_roots],
            "write_roots": [str(root) for root in settings.write_roots],
            "protected": [str(folder) for folder in settings.protected],
            "transfers": [str(transfers_folder(settings.home))],
            "pipeline": settings.pipeline,
            "umask": settings.umask,
            "low_memory": low_memory,
        }
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(start).encode("utf-8") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            _log.warning("worker %d ended while it was being started", self.serial)
        threading.Thread(target=self._wait, args=(context,), daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self, why: str) -> None:
        """End the process now; its death is reported like any other, with ``why``."""
        self._killed_because = why
        self._process.kill()

    def end(self, seconds: float) -> None:
        """Wait up to ``seconds`` for a worker that was asked to stop, then kill it."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def exit_reason(self) -> str:
        """Return in plain words why the process is gone."""
        code = self._process.wait()
        if self._killed_because:
            return f"killed by the service, because {self._killed_because}"
        if code < 0:
            try:
                return f"killed by {signal.Signals(-code).name}"
            except ValueError:
                return f"killed by signal {-code}"
        return f"ended with code {code}"

    def _wait(self, context: "zmq.Context") -> None:
        self._process.wait()
        try:
            with context.socket(zmq.PUSH) as exits:
                exits.linger = 0
                exits.connect(WORKER_EXITS)
                exits.send(str(self.serial).encode("ascii"))
        except zmq.ZMQError:
            _log.debug("worker %d ended after its supervisor", self.serial)


def worker_environment(device: str, low_memory: bool = False) -> dict[str, str]:
    """Return the worker's environment: our packages, its GPU, and no $OCIO.

    A job's colour config is what its client claims; a config that happens to be set where the service was
    started must not decide anything.
    """
    environment = package_environment()
    environment.pop("OCIO", None)
    if low_memory:
        # Blocks that can grow leave no gaps between them (PyTorch, "CUDA semantics", memory management).
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    if device.startswith("cuda:"):
        environment["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    return environment


def package_environment() -> dict[str, str]:
    """Return this process's environment with its import path, so that a child finds the same packages."""
    folders = [str(Path(folder).absolute()) for folder in sys.path if folder and Path(folder).is_dir()]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(folders))
