"""Requests on their way through the checking processes: fairly by client, bounded, and never for ever.

Two processes, so that a job of a few lines never waits for a mask of megabytes. Each checks one request at a
time; clients take turns. A request that takes too long, or too much memory, costs its process, and its client
is told.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from svfr.validation import read_json
from svfr_client.awake_clock import AwakeClock
from svfr_client.errors import MessageTooLarge
from svfr_server.errors import QueueFull
from svfr_server.supervisor.child_process import ChildProcess

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


@dataclass
class _Lane:
    """One checking process and what waits for it, by client."""

    process: ChildProcess | None = None
    current: PendingCheck | None = None
    is_sent: bool = False
    since: float = 0.0
    waiting: OrderedDict[str, deque[PendingCheck]] = field(default_factory=OrderedDict)


@dataclass(kw_only=True, eq=False, repr=False)
class CheckQueue:
    """``start`` makes a process, ``send(route, frames)`` passes to it, ``answered`` takes what it found."""

    start: Callable[[], ChildProcess]
    send: Callable[[bytes, list[Any]], None]
    answered: Callable[[PendingCheck, dict[str, Any], str], None]
    clock: AwakeClock

    def __post_init__(self) -> None:
        self._lanes = (_Lane(), _Lane())
        self._token = 0

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
        mine = lane.waiting.setdefault(pending.client, deque())
        held = sum(one.size_bytes for one in mine) if pending.size_bytes > SHORT_BYTES else 0
        if len(mine) >= MOST_WAITING or held + pending.size_bytes > MOST_WAITING_BYTES:
            raise QueueFull(
                "Too many requests of this client wait to be checked.", remedy="Send fewer at once."
            )
        mine.append(pending)
        self._next(lane)

    def handle(self, process: ChildProcess, frames: list[bytes]) -> None:
        """Handle that a process is ready, or what it has found."""
        lane = next((one for one in self._lanes if one.process is process), None)
        if lane is None:
            return
        if frames[0] != b"ready" and lane.current is not None and frames[0] == b"%d" % self._token_of(lane):
            pending, lane.current = lane.current, None
            self.answered(pending, read_json(frames[1]), b"".join(frames[2:]).decode("ascii"))
        self._next(lane)

    def process_exited(self, serial: int) -> None:
        """Answer the client whose request ended its process; the next request starts another."""
        for lane in self._lanes:
            if lane.process is None or lane.process.serial != serial:
                continue
            reason, lane.process = lane.process.exit_reason(), None
            _log.warning("a checking process was %s", reason)
            if lane.current is not None and lane.is_sent:
                pending, lane.current = lane.current, None
                problem = MessageTooLarge("The request took too much time or memory to check.")
                self.answered(pending, {"id": pending.request, "error": problem.to_dict()}, "")
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
            lane.waiting.clear()

    def end(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill("the service stops")
            process.end(1.0)

    def _token_of(self, lane: _Lane) -> int:
        return self._lanes.index(lane)

    def _next(self, lane: _Lane) -> None:
        """Pass on the next request, of the client that was served longest ago."""
        if lane.current is None:
            while lane.waiting and not next(iter(lane.waiting.values())):
                lane.waiting.popitem(last=False)
            if not lane.waiting:
                return
            client = next(iter(lane.waiting))
            lane.current = lane.waiting[client].popleft()
            lane.waiting.move_to_end(client)
            lane.is_sent, lane.since = False, self.clock.now()
        if lane.process is None:
            self._start_process(lane)
        if lane.process is not None and lane.process.route is not None and not lane.is_sent:
            lane.is_sent = True
            token = b"%d" % self._token_of(lane)
            self.send(
                lane.process.route,
                [token, lane.current.kind, lane.current.client.encode("ascii"), *lane.current.frames],
            )

    def _start_process(self, lane: _Lane) -> None:
        try:
            lane.process = self.start()
        except OSError as problem:  # check_time tries again
            _log.error("no checking process can be started now: %s", problem)
