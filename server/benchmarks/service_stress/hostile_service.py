"""A service of any checkout, spoken to by raw messages: its start, its process, and how long others wait."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from svfr.validation import read_json
from svfr_client.connection import CONNECTION_FILE, Connection, KeyPair
from svfr_client.errors import SvfrError
from svfr_client.link import process_context
from svfr_client.protocol.wire import Buffer, Message, new_id, pack, unpack

START_SECONDS = 120.0
# How long a row waits for what it asked.
ROW_SECONDS = 40.0
DESCRIPTORS = 1024
_SPEC = """
import json
try:
    from svfr_client.job import JobSpec
    from svfr_client.protocol.bulk import split_bulk
except ImportError:  # before the wire had a room of its own
    from svfr_client.messages import JobSpec
    from svfr_client.bulk import split_bulk
print(json.dumps(split_bulk(JobSpec("/p/a.%04d.exr", "1-4", ("bfr",), "/p/o.%04d.exr", model="identity"))[0]))
"""


class HostileService:
    """A service of the checkout ``code`` in ``home``, with ``arguments`` beside those of every row."""

    def __init__(self, code: Path, home: Path, arguments: tuple[str, ...] = ()) -> None:
        self.code, self.home, self._arguments = code, home, arguments
        folders = [str(code / name) for name in ("plugin", "server", "ocio")]
        self.temporary = home.parent / f"{home.name}-tmp"
        self.temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(folders),
            "SVFR_HOME": str(home),
            "TMPDIR": str(self.temporary),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._plain: dict[str, Any] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        (self.home / CONNECTION_FILE).unlink(missing_ok=True)
        server = [sys.executable, "-m", "svfr_server", "--device", "cpu", *self._arguments]
        command = ["/bin/sh", "-c", f'ulimit -S -n {DESCRIPTORS}; exec "$0" "$@"', *server]
        log = (self.home.parent / f"{self.home.name}.log").open("ab")
        self.process = self.run_beside(command, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(SvfrError, OSError):
                if self.ask("ping", give_up_s=5.0) is not None:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the service did not start, see {log.name}")

    def run_beside(self, command: list[str], **streams: Any) -> subprocess.Popen[bytes]:
        """Run a command with the checkout's packages, from a folder that holds none."""
        return subprocess.Popen(command, env=self._environment, cwd=self.home, **streams)

    @property
    def lives(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds: float = 30.0) -> None:
        """End it as an administrator does; then for good."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def connection(self) -> Connection:
        """Where it listens, with its own user's key."""
        return Connection.load(self.home / CONNECTION_FILE)

    def authorise(self, name: str) -> KeyPair:
        """Put a fresh key beside the others."""
        keys = KeyPair.new()
        file = self.home / "authorised" / f"{name}.pub"
        file.write_text(keys.public + "\n", encoding="ascii")
        file.chmod(0o600)
        return keys

    def socket(self, keys: KeyPair | None = None) -> zmq.Socket[bytes]:
        """Return a socket that sends whatever it likes, with the own user's key or another."""
        connection = self.connection
        keys = keys or connection.keys
        dealer = process_context().socket(zmq.DEALER)
        dealer.linger = 0
        dealer.curve_serverkey = connection.server_key.encode("ascii")
        dealer.curve_publickey = keys.public.encode("ascii")
        dealer.curve_secretkey = keys.secret.encode("ascii")
        dealer.connect(connection.endpoint)
        return dealer

    def ask(
        self,
        op: str,
        body: dict[str, Any] | None = None,
        *,
        keys: KeyPair | None = None,
        give_up_s: float = 60.0,
        **buffers: Buffer,
    ) -> Message | None:
        """Send one request over a connection of its own and return its answer; None if none came."""
        named = {name.replace("__", "."): buffer for name, buffer in buffers.items()}
        request = Message(op, body or {}, buffers=named, minor=0)
        with self.socket(keys) as dealer:
            dealer.send_multipart(pack(request))
            until = time.monotonic() + give_up_s
            while (left := until - time.monotonic()) > 0:
                if dealer.poll(int(left * 1000)):
                    answer = unpack(dealer.recv_multipart())
                    if answer.re == request.id and answer.op != "event":
                        return answer
        return None

    def job(self, **changes: Any) -> dict[str, Any]:
        """Return a job in this checkout's own form."""
        if self._plain is None:
            command = [sys.executable, "-c", _SPEC]
            self._plain = read_json(self.run_beside(command, stdout=subprocess.PIPE).communicate()[0])
        return {**self._plain, **changes}

    def submit(self, keys: KeyPair | None = None, **changes: Any) -> str:
        """Hand in a job and return its id."""
        job = new_id()
        answer = self.ask("submit", {"job": job, "spec": self.job(**changes)}, keys=keys)
        if answer is None or answer.op != "ok":
            raise RuntimeError(f"the job was not accepted: {None if answer is None else answer.body}")
        return job

    def end_of(self, job: str, seconds: float) -> str:
        """Return how a job ended and how long that took, or that it still runs."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            status = self.ask("status", {"job": job}, give_up_s=10.0)
            if not self.lives:
                return "the service ended"
            state = "" if status is None else str(status.body.get("state"))
            if status is not None and state in ("done", "failed", "cancelled"):
                error = status.body.get("error") or {}
                code = error.get("code", "") if isinstance(error, dict) else ""
                return f"{state} {code}".strip() + f" after {time.monotonic() - began:.0f} s"
            time.sleep(0.2)
        return f"still runs after {seconds:.0f} s"


class OtherClient:
    """Another client that pings all the time, in a process of its own; ``waited_ms`` is what it felt."""

    def __init__(self, service: HostileService) -> None:
        self._service = service
        self.waited_ms: list[float] = []
        self.unanswered = 0

    def __enter__(self) -> OtherClient:
        script = Path(__file__).with_name("other_client.py")
        command = [sys.executable, str(script), str(self._service.home / CONNECTION_FILE)]
        pipe = subprocess.PIPE
        self._process = self._service.run_beside(command, stdin=pipe, stdout=pipe)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        found = self._process.communicate()[0]
        if found:
            felt = read_json(found)
            self.waited_ms, self.unanswered = felt["waited_ms"], felt["unanswered"]
