"""Asks the server what it does, on one thread, while somebody looks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from svfr_client.client import Client
from svfr_client.connection import Connection
from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_client.protocol.messages import JobState, JobStatus, Welcome
from svfr_client.transfer.own_names import shown_plate
from svfr_client.vocabulary import stage_text
from svfr_view.server_page import machine
from svfr_view.server_page.rates import Rates
from svfr_view.server_page.thumbnails import Thumbnails

EVERY_SECONDS = 2.0
IDLE_AFTER_SECONDS = 10.0
"""So long after the last request of a page the server is still asked; then it is left alone."""
MOST_JOBS = 100
RECENT_JOBS = 50
SHOWN_ERRORS = 10
MOST_PICTURES = 8
_REPLY_SECONDS = 5.0
_NAME = "svfr status --web"
_STOPPING_SECONDS = 10.0
_MACHINE_EVERY_SECONDS = 4.0
_log = logging.getLogger(__name__)

MakeClient = Callable[[], Client]


class Watcher:
    """Keeps what the page shows; ``latest`` may be read from any thread.

    The server is asked ``ping`` and ``list`` every other second, ``hello`` once a connection, and nothing
    while no page is open.
    """

    def __init__(self, make_client: MakeClient, folder: Path) -> None:
        self._make_client, self._folder = make_client, folder
        self._client: Client | None = None
        self._welcome: Welcome | None = None
        self._rates, self.thumbnails = Rates(), Thumbnails()
        self._lock = threading.Lock()
        self._wanted, self._stopping = threading.Event(), threading.Event()
        self._last_request = 0.0
        self._machine: tuple[float, dict[str, Any]] | None = None
        self._latest: dict[str, Any] = {"at": None, "server": None, "error": None, "jobs": [], "faults": []}
        self._thread = threading.Thread(target=self._run, name="svfr-status", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the server is asked no more."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join(_STOPPING_SECONDS)

    def latest(self) -> dict[str, Any]:
        """Return the newest answer, and take note that somebody looks."""
        self._last_request = time.monotonic()
        self._wanted.set()
        with self._lock:
            return self._latest

    def _run(self) -> None:
        while not self._stopping.is_set():
            if time.monotonic() - self._last_request > IDLE_AFTER_SECONDS:
                self._wanted.clear()
                if time.monotonic() - self._last_request > IDLE_AFTER_SECONDS:
                    self._hang_up()
                    self._wanted.wait()
                continue
            seen = self._ask_safely()
            with self._lock:
                self._latest = seen
            self._stopping.wait(EVERY_SECONDS)
        self._hang_up()

    def _ask_safely(self) -> dict[str, Any]:
        try:
            return self._ask()
        except SvfrError as error:
            self._hang_up()
            return _nothing(_fault(error.to_dict()))
        except Exception:  # a fault of one look must not end the watching
            _log.exception("the server could not be looked at")
            self._hang_up()
            text = {"message": "The page could not be brought up to date.", "remedy": "See the terminal."}
            return _nothing(text)

    def _ask(self) -> dict[str, Any]:
        if self._client is None:
            self._client = self._make_client()
            self._welcome = self._client.hello()
        assert self._welcome is not None
        pong = self._client.ping()
        if pong.boot != self._welcome.boot:
            self._welcome = self._client.hello()
        active = self._client.jobs(limit=MOST_JOBS, active_only=True)
        recent = self._client.jobs(limit=RECENT_JOBS)
        running = [state for state in active if state.state is JobState.RUNNING]
        self._follow(running)
        return {
            "at": time.time(),
            "server": {
                "pid": self._welcome.pid,
                "devices": list(self._welcome.devices),
                "queue": pong.queue,
                "queued": pong.queued,
                "running": pong.running,
            },
            "error": None,
            "machine": self._machine_now(running, self._welcome.pid),
            "jobs": [self._job(state) for state in sorted(active, key=_by_priority_and_age)],
            "ended": sum(state.state.is_final for state in recent),
            "faults": [
                {
                    "job": state.job,
                    "plate": shown_plate(state.plate),
                    "at": state.updated,
                    **_fault(state.error),
                }
                for state in recent
                if state.state is JobState.FAILED and state.error
            ][:SHOWN_ERRORS],
        }

    def _follow(self, running: Sequence[JobStatus]) -> None:
        """Note how far the running jobs are, and make pictures of the first few."""
        names = {state.job for state in running}
        self._rates.forget_others(names)
        self.thumbnails.forget_others(names)
        for state in running:
            if state.progress is not None and state.progress.overall is not None:
                self._rates.note(state.job, time.monotonic(), state.progress.overall)
        for state in list(running)[:MOST_PICTURES]:
            frames = _frames(state.frames)
            if frames is not None:
                self.thumbnails.refresh(state.job, state.output, frames, state.created)

    def _job(self, state: JobStatus) -> dict[str, Any]:
        progress, frames = state.progress, _frames(state.frames)
        count = 0 if frames is None else len(frames)
        is_running = state.state is JobState.RUNNING
        rate = self._rates.of(state.job, count)
        picture = self.thumbnails.of(state.job)
        return {
            "job": state.job,
            "state": "cancelling" if state.cancel_requested else state.state.value,
            "plate": shown_plate(state.plate),
            "frames": state.frames[:200],
            "count": count,
            "output": state.output,
            "priority": state.priority,
            "attempts": state.attempts,
            "created": state.created,
            "stage": stage_text(progress.stage) if progress and is_running else None,
            "done": progress.done if progress and is_running else None,
            "total": progress.total if progress and is_running else None,
            "overall": progress.overall if progress and is_running else None,
            "frames_a_minute": rate.frames_a_minute,
            "seconds_left": rate.seconds_left,
            "picture": None if picture is None else {"frame": picture.frame, "made": picture.made_at},
        }

    def _machine_now(self, running: Sequence[JobStatus], pid: int) -> dict[str, Any]:
        """Return memory, GPUs and disks, measured every few seconds."""
        now = time.monotonic()
        if self._machine is None or now - self._machine[0] > _MACHINE_EVERY_SECONDS:
            folders = [self._folder, *(Path(state.output).parent for state in running)]
            measured = {
                "memory": machine.memory(pid),
                "gpus": machine.gpus(),
                "disks": machine.disks(folders),
            }
            self._machine = (now, measured)
        return self._machine[1]

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client, self._welcome, self._machine = None, None, None


def _by_priority_and_age(state: JobStatus) -> tuple[int, float]:
    return -state.priority, state.created


def client_of(folder: Path | None) -> MakeClient:
    """Return what makes the watcher's client: that of this user's own server, in ``folder``."""
    return lambda: Client(folder=folder, name=_NAME, reply_seconds=_REPLY_SECONDS, attempts=1)


def client_by(file: Path) -> MakeClient:
    """Return what makes the watcher's client of the server that a connection file names, as it is then."""
    return lambda: Client(Connection.load(file), name=_NAME, reply_seconds=_REPLY_SECONDS, attempts=1)


@lru_cache(maxsize=2 * MOST_JOBS)
def _frames(text: str) -> FrameRange | None:
    try:
        return FrameRange.parse(text)
    except SvfrError:
        return None


def _nothing(error: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a server that does not answer."""
    return {"at": time.time(), "server": None, "error": error, "jobs": [], "faults": []}


def _fault(error: Any) -> dict[str, Any]:
    """Return what of an error's JSON form the page shows: the first of several problems, and how many."""
    several = error.get("problems") or [error]
    first = several[0]
    return {
        "message": str(first.get("message", "")),
        "remedy": str(first.get("remedy", "")),
        "code": str(first.get("code", "")),
        "frame": first.get("frame"),
        "path": first.get("path"),
        "more": len(several) - 1,
    }
