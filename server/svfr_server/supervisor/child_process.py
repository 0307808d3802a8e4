"""A process of the service's own: start it, know when it has ended and why, end it.

Children are spawned, never forked: neither CUDA nor ZeroMQ survives a fork. Each gets a key pair of its own
through its standard input, which stays open; when the supervisor is gone, however that happens, the input
ends and the child with it. A thread waits for the process and reports its end at once.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zmq

from svfr_client.connection import KeyPair
from svfr_client.records import to_plain

CHILD_EXITS = "inproc://child-exits"
# A killed process ends at once, but for one that waits for a disk: the kernel keeps it until that answers.
KILLED_SECONDS = 2.0
_log = logging.getLogger(__name__)


class ChildProcess:
    """A running child; ``route`` is its routing id once it has sent something, ``start`` goes to its input.

    Raises OSError when the system gives no process.
    """

    _serial = 0

    def __init__(
        self, *, module: str, start: Mapping[str, Any], environment: Mapping[str, str], context: "zmq.Context"
    ) -> None:
        ChildProcess._serial += 1
        self.serial = ChildProcess._serial
        self.keys = KeyPair.new()
        self.route: bytes | None = None
        self._killed_because = ""
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(environment))
        assert self._process.stdin is not None
        try:
            written = json.dumps({**start, "keys": to_plain(self.keys)})
            self._process.stdin.write(written.encode("utf-8") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            _log.warning("process %d ended while it was being started", self.pid)
        threading.Thread(target=self._wait, args=(context,), daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self, why: str) -> None:
        """End the process now; its end is reported like any other, with ``why``."""
        self._killed_because = why
        self._process.kill()

    def end(self, seconds: float) -> None:
        """Wait up to ``seconds`` for a process that was asked to stop, then kill it.

        One that does not even end then is left to the system: its input ends with this process.
        """
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            try:
                self._process.wait(KILLED_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("process %d was killed and is still there; it may wait for a disk", self.pid)

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
                exits.connect(CHILD_EXITS)
                exits.send(str(self.serial).encode("ascii"))
        except zmq.ZMQError:
            _log.debug("process %d ended after its supervisor", self.pid)


def package_environment() -> dict[str, str]:
    """Return this process's environment with its import path, so that a child finds the same packages."""
    folders = [str(Path(folder).absolute()) for folder in sys.path if folder and Path(folder).is_dir()]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(folders))
