# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thread that talks to the server. It knows no Blender; Blender knows it by two queues.

The main thread hands in commands and takes out reports, both plain frozen values; neither call ever waits.
The thread alone owns the client and its socket. Jobs are watched by asking for their state and reading the
events that are new since, from the first, so that it does not matter who started a job and when.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from .errors import OnlineAccessIsOff
from .svfr_client.client import Client
from .svfr_client.connection import Connection
from .svfr_client.errors import SvfrError, error_from_dict
from .svfr_client.hosting.server_process import ensure_server
from .svfr_client.job import JobSpec
from .svfr_client.path_map import PATH_MAP_FILE, PathMap
from .svfr_client.protocol.messages import Event, JobStatus

POLL_SECONDS = 0.4
RETRY_SECONDS = 3.0
REPLY_SECONDS = 2.0
_LOST_CODES = ("NO_SERVER", "NO_ANSWER")


@dataclass(frozen=True)
class Address:
    """Where the server is: a connection file, or none for this user's own; how to start it, if at all.

    ``is_offline``: a server elsewhere is chosen, but Blender's preferences allow no online access.
    """

    connection_file: str = ""
    command: str = ""
    starts_itself: bool = True
    is_offline: bool = False

    @property
    def is_remote(self) -> bool:
        """Return whether the server was chosen by hand, so that it may run on another machine."""
        return bool(self.connection_file) or self.is_offline


@dataclass(frozen=True)
class Submit:
    """Command: hand in a job, starting a server if none runs and that is allowed."""

    job: str
    spec: JobSpec


@dataclass(frozen=True)
class Watch:
    """Command: report on a job that was handed in earlier, perhaps by another session."""

    job: str


@dataclass(frozen=True)
class Cancel:
    """Command: end a job."""

    job: str


@dataclass(frozen=True)
class Forget:
    """Command: report no more on a job; it goes on."""

    job: str


@dataclass(frozen=True)
class TestConnection:
    """Command: say whether the server answers."""


@dataclass(frozen=True)
class StartServer:
    """Command: start a server on this machine unless one answers."""


@dataclass(frozen=True)
class Move:
    """Command: talk to another server from now on."""

    address: Address


Command = Submit | Watch | Cancel | Forget | TestConnection | StartServer | Move


@dataclass(frozen=True)
class ServerReport:
    """Report: how the server is; ``is_up`` None while it is being started."""

    is_up: bool | None
    text: str


@dataclass(frozen=True)
class StatusReport:
    """Report: the newest state of a job."""

    status: JobStatus


@dataclass(frozen=True)
class WarningReport:
    """Report: what the server has warned of so far, while a job runs."""

    job: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class EndReport:
    """Report: a job has ended; ``paths``: (plate frame, file as this machine sees it) of what was written."""

    job: str
    state: str
    paths: tuple[tuple[int, str], ...]
    warnings: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class RefusalReport:
    """Report: a job was not accepted, or is unknown to the server."""

    job: str
    error: str


Report = ServerReport | StatusReport | WarningReport | EndReport | RefusalReport


class ServerLink(threading.Thread):
    """The worker thread; :meth:`send` and :meth:`reports` are for the main thread."""

    def __init__(self, address: Address) -> None:
        super().__init__(name="SVFR server link", daemon=True)
        self._address = address
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._watched: dict[str, float] = {}
        self._events: dict[str, list[Event]] = {}
        self._client: Client | None = None
        self._paths = PathMap()
        self._quitting = threading.Event()

    def send(self, command: Command) -> None:
        """Hand in a command; returns at once."""
        self._commands.put(command)

    def reports(self) -> list[Report]:
        """Return everything reported since the last call; returns at once."""
        found: list[Report] = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._reports.get_nowait())
        return found

    def stop(self, wait_s: float = 5.0) -> None:
        """End the thread after the commands it was given; jobs on the server go on."""
        self._quitting.set()
        self._commands.put(None)
        self.join(wait_s)

    def run(self) -> None:
        """Serve commands and watch jobs until :meth:`stop`."""
        try:
            while self._one_round():
                pass
        finally:
            self._disconnect()

    def _one_round(self) -> bool:
        """Serve one command, if one comes, and look at the jobs that are due; False at the end."""
        command = None
        with contextlib.suppress(queue.Empty):
            command = self._commands.get(timeout=POLL_SECONDS)
            if command is None:
                return False
        try:
            if command is not None:
                self._obey(command)
            now = time.monotonic()
            for job in [job for job, due in self._watched.items() if due <= now]:
                self._look_at(job)
        except SvfrError as problem:
            self._lose(problem)
        except Exception as problem:  # a fault of ours must not silence the thread for the rest of the day
            traceback.print_exc()
            self._reports.put(ServerReport(False, f"Internal error: {problem!r}"))
            self._lose(None)
        return True

    def _obey(self, command: Command) -> None:
        if isinstance(command, Submit):
            self._submit(command)
        elif isinstance(command, Watch):
            self._watched[command.job] = 0.0
        elif isinstance(command, Forget):
            self._watched.pop(command.job, None)
            self._events.pop(command.job, None)
        elif isinstance(command, Cancel):
            self._reports.put(StatusReport(self._connected().cancel(command.job)))
        elif isinstance(command, Move):
            self._disconnect()
            self._address = command.address
        elif isinstance(command, StartServer):
            self._start()
            self._test()
        else:
            self._test()

    def _submit(self, command: Submit) -> None:
        try:
            client = self._connected(may_start=self._address.starts_itself)
        except SvfrError as problem:
            self._reports.put(RefusalReport(command.job, str(problem)))
            raise
        try:
            client.submit(self._paths.job_to_server(command.spec), command.job)
        except SvfrError as problem:
            if problem.code in _LOST_CODES:  # it may have arrived: the watch will tell
                self._watched[command.job] = 0.0
                raise
            self._reports.put(RefusalReport(command.job, str(problem)))
            return
        self._watched[command.job] = 0.0

    def _look_at(self, job: str) -> None:
        client = self._connected()
        try:
            status = client.status(job)
        except SvfrError as problem:
            if problem.code in _LOST_CODES:
                raise
            self._watched.pop(job, None)
            self._reports.put(RefusalReport(job, str(problem)))
            return
        self._reports.put(StatusReport(status))
        self._hear(job, status.last_seq)
        if not status.state.is_final:
            self._watched[job] = time.monotonic() + POLL_SECONDS
            return
        self._watched.pop(job, None)
        self._reports.put(self._end_of(job, self._events.pop(job)))

    def _hear(self, job: str, last_seq: int) -> None:
        """Read the events up to ``last_seq``, which are there already, and report new warnings."""
        events = self._events.setdefault(job, [])
        after = events[-1].seq if events else 0
        if last_seq <= after:
            return
        for event in self._connected().follow(job, after):
            if event.kind != "progress" or event.is_last:
                events.append(event)
            if event.seq >= last_seq:
                break
        if any(event.kind == "warning" and event.seq > after for event in events):
            self._reports.put(WarningReport(job, _warnings(events)))

    def _end_of(self, job: str, events: list[Event]) -> EndReport:
        paths = {
            int(event.body["frame"]): self._paths.to_client(str(event.body["path"]))
            for event in events
            if event.kind == "frame"
        }
        last = events[-1]
        error = str(error_from_dict(dict(last.body.get("error") or {}))) if last.kind == "failed" else ""
        return EndReport(job, last.kind, tuple(sorted(paths.items())), _warnings(events), error)

    def _connected(self, may_start: bool = False) -> Client:
        if self._client is None:
            try:
                self._client = self._open()
            except SvfrError as problem:
                if not may_start or self._address.is_remote or problem.code not in _LOST_CODES:
                    raise
                self._start()
                self._client = self._open()
        return self._client

    def _open(self) -> Client:
        """Return a client that has heard the server; reads the path rules of a remote one anew."""
        if self._address.is_offline:
            raise OnlineAccessIsOff(
                "The server is on another machine, and Blender may not go online.",
                remedy="Allow it in Preferences > System > Network, or clear the connection file.",
            )
        if self._address.is_remote:
            file = Path(self._address.connection_file).expanduser()
            self._paths = PathMap.load(file.parent / PATH_MAP_FILE)
            client = Client(Connection.load(file), name="Blender", reply_seconds=REPLY_SECONDS)
        else:
            self._paths = PathMap()
            client = Client(name="Blender", reply_seconds=REPLY_SECONDS)
        try:
            client.hello()
        except BaseException:
            client.close()
            raise
        return client

    def _start(self) -> None:
        ensure_server(
            self._address.command,
            starting=lambda: self._reports.put(ServerReport(None, "Starting the server")),
            keep_waiting=lambda: not self._quitting.is_set(),
        )

    def _test(self) -> None:
        client = self._connected()
        started = time.monotonic()
        pong, welcome = client.ping(), client.hello()
        took_ms = (time.monotonic() - started) * 1000.0
        text = (
            f"{welcome.server} on {', '.join(welcome.devices)}: {pong.running} running, "
            f"{pong.queued} waiting, answered in {took_ms:.0f} ms"
        )
        self._reports.put(ServerReport(True, text))

    def _lose(self, problem: SvfrError | None) -> None:
        """Report a failure and come back to the watched jobs a little later, over a fresh connection."""
        if problem is not None:
            self._reports.put(ServerReport(False, str(problem)))
        self._disconnect()
        later = time.monotonic() + RETRY_SECONDS
        self._watched = dict.fromkeys(self._watched, later)

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _warnings(events: list[Event]) -> tuple[str, ...]:
    """Return what the server warned of, each text once, with its frame where it has one."""
    found = []
    for event in events:
        if event.kind == "warning":
            frame = event.body.get("frame")
            text = str(event.body.get("message", ""))
            found.append(text if frame is None or str(frame) in text else f"Frame {frame}: {text}")
    return tuple(dict.fromkeys(found))
