"""Requests on their way through the checking processes: fairly by client, bounded, and never for ever.

Two processes, so that a job of a few lines never waits for a mask of megabytes. Each works on one request at
a time and pauses after a slice of time; clients take turns, and so do the connections of one client. A
request that takes too long without a pause, or too much memory, costs its process, and its client is told.
"""

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from svfr.validation import read_json
from svfr_client.awake_clock import AwakeClock
from svfr_client.errors import MessageTooLarge
from svfr_server.checking.bounds import DROP, GO_ON
from svfr_server.errors import QueueFull
from svfr_server.supervisor.child_process import ChildProcess
from svfr_server.supervisor.turns import Turns

SHORT_BYTES = 64 * 1024
MOST_SECONDS = (20.0, 120.0)
MOST_WAITING = 256
MOST_WAITING_BYTES = 192 * 1024 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FromClient:
    """A request: where its answer goes, and whose it is."""

    route: bytes
    client: str


@dataclass(frozen=True, kw_only=True)
class PendingCheck(FromClient):
    """A request that is being checked, and its frames, unread."""

    kind: bytes
    frames: list[Any]
    request: str | None = None
    redo_of: str | None = None
    is_transfer: bool = False

    @property
    def size_bytes(self) -> int:
        """The bytes of all frames."""
        return sum(len(frame) for frame in self.frames)


@dataclass(eq=False)
class _Work:
    """A request and how far it is: ``begun_by`` is the serial of the process that has begun with it."""

    pending: PendingCheck
    token: bytes
    begun_by: int | None = None

    @property
    def client(self) -> str:
        return self.pending.client

    @property
    def route(self) -> bytes:
        return self.pending.route

    @property
    def size_bytes(self) -> int:
        return self.pending.size_bytes


@dataclass(eq=False)
class _Lane:
    """One checking process and what waits for it."""

    process: ChildProcess | None = None
    current: _Work | None = None
    is_sent: bool = False
    since: float = 0.0
    waiting: Turns[_Work] = field(default_factory=Turns)


@dataclass(kw_only=True, eq=False, repr=False)
class CheckQueue:
    """``start`` makes a process, ``send(route, frames)`` passes to it, ``answered`` takes what it found."""

    start: Callable[[], ChildProcess]
    send: Callable[[bytes, list[Any]], None]
    answered: Callable[[PendingCheck, dict[str, Any]], None]
    clock: AwakeClock

    def __post_init__(self) -> None:
        self._lanes = (_Lane(), _Lane())
        self._tokens = itertools.count()

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """The checking processes that run."""
        return tuple(lane.process for lane in self._lanes if lane.process is not None)

    def prepare(self) -> None:
        """Start the processes, so that the first request does not wait for them."""
        for lane in self._lanes:
            self._start_process(lane)

    def add(self, pending: PendingCheck) -> None:
        """Let a request be checked; raises QueueFull when its client has too many on the way."""
        is_long = pending.is_transfer or pending.size_bytes > SHORT_BYTES
        lane = self._lanes[is_long]
        count, held = lane.waiting.waiting_of(pending.client)
        is_large = pending.size_bytes > SHORT_BYTES and held + pending.size_bytes > MOST_WAITING_BYTES
        if count >= MOST_WAITING or is_large:
            raise QueueFull(
                "Too many requests of this client wait to be checked.", remedy="Send fewer at once."
            )
        lane.waiting.add(_Work(pending, b"%d" % next(self._tokens)))
        self._next(lane)

    def handle(self, process: ChildProcess, frames: list[bytes]) -> None:
        """Handle that a process is ready, needs more time, or what it has found."""
        lane = next((one for one in self._lanes if one.process is process), None)
        if lane is None:
            return
        work = lane.current
        if work is not None and frames[0] == work.token and lane.is_sent:
            lane.current = None
            if frames[1] == GO_ON:
                lane.waiting.put_back(work)
            lane.waiting.used(work, self.clock.now() - lane.since)
            if frames[1] != GO_ON:
                self.answered(work.pending, read_json(frames[1]))
        self._next(lane)

    def process_exited(self, serial: int) -> None:
        """Answer the client whose request ended its process; the next request starts another."""
        for lane in self._lanes:
            if lane.process is None or lane.process.serial != serial:
                continue
            reason, lane.process = lane.process.exit_reason(), None
            _log.warning("a checking process was %s", reason)
            if lane.current is not None and lane.is_sent:
                work, lane.current = lane.current, None
                lane.waiting.used(work, self.clock.now() - lane.since)
                pending = work.pending
                problem = MessageTooLarge("The request took too much time or memory to check.")
                self.answered(pending, {"id": pending.request, "error": problem.to_dict()})
            self._next(lane)

    def check_time(self) -> None:
        """End a process whose request takes too long."""
        for lane, most in zip(self._lanes, MOST_SECONDS, strict=True):
            late = lane.current is not None and self.clock.now() - lane.since > most
            if late and lane.process is not None:
                lane.since = self.clock.now()
                lane.process.kill("a request took too long to check")
            if lane.process is None and (lane.current is not None or lane.waiting):
                self._next(lane)

    def clear(self) -> None:
        """Forget what waits: the connections it came by are gone."""
        for lane in self._lanes:
            for work in lane.waiting.clear():
                if lane.process is not None and lane.process.route and work.begun_by == lane.process.serial:
                    self.send(lane.process.route, [work.token, DROP, b""])

    def end(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill("the service stops")
            process.end(1.0)

    def _next(self, lane: _Lane) -> None:
        """Pass on the request whose turn it is, or go on with it."""
        if lane.current is None:
            if not lane.waiting:
                return
            lane.current = lane.waiting.take()
            lane.is_sent, lane.since = False, self.clock.now()
        if lane.process is None:
            self._start_process(lane)
        if lane.process is not None and lane.process.route is not None and not lane.is_sent:
            lane.is_sent = True
            work, is_begun = lane.current, lane.current.begun_by == lane.process.serial
            work.begun_by = lane.process.serial
            kind, frames = (GO_ON, []) if is_begun else (work.pending.kind, work.pending.frames)
            self.send(lane.process.route, [work.token, kind, work.client.encode("ascii"), *frames])

    def _start_process(self, lane: _Lane) -> None:
        try:
            lane.process = self.start()
        except OSError as problem:  # check_time tries again
            _log.error("no checking process can be started now: %s", problem)
