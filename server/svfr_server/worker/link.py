"""The worker's side of the talk with its supervisor: orders in, reports out."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from svfr_client.connection import KeyPair
from svfr_client.protocol.wire import Message, pack, unpack

PROGRESS_SECONDS = 0.1
# How often a worker without a job says that it compiles.
COMPILING_SECONDS = 10.0
# How often a worker with a job asks for another order; meanwhile the job's threads use the socket.
ORDERS_SECONDS = 0.01
LINGER_MS = 3000


class WorkerLink:
    """One DEALER to the supervisor. A lock makes it safe to report from writer threads too."""

    def __init__(self, endpoint: str, server_key: str, keys: KeyPair) -> None:
        self._lock = threading.Lock()
        self._orders: deque[Message] = deque()
        self._cancelled: set[str] = set()
        self._is_stopping = False
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = LINGER_MS
        self._socket.curve_serverkey = server_key.encode("ascii")
        self._socket.curve_publickey = keys.public.encode("ascii")
        self._socket.curve_secretkey = keys.secret.encode("ascii")
        self._socket.connect(endpoint)

    def send(self, message: Message) -> None:
        """Send ``message``; waits while the supervisor is too busy to take more."""
        with self._lock:
            self._socket.send_multipart(pack(message))

    def next_order(self, is_compiling: Callable[[], bool] = lambda: False) -> Message:
        """Wait for what to do next: "run" or "stop". Called between jobs, when nobody else reports.

        While ``is_compiling`` the supervisor is told so again and again: it does not end the process then.
        """
        while not self._orders:
            if is_compiling():
                self.send(Message("compiling"))
            self._receive(round(1000 * COMPILING_SECONDS))
        return self._orders.popleft()

    def order_beside(self) -> Message | None:
        """Return what to do next, None where nothing is to be done yet; called beside a job that runs."""
        self._receive(0)
        if self._orders:
            return self._orders.popleft()
        time.sleep(ORDERS_SECONDS)
        return None

    def is_cancelled(self, job: str) -> bool:
        """Return whether the job should end now: it was cancelled, or the service stops."""
        self._receive(0)
        return job in self._cancelled or self._is_stopping

    def close(self) -> None:
        """Send what is left and close."""
        self._socket.close()
        self._context.term()

    def _receive(self, wait_ms: int) -> None:
        with self._lock:
            while self._socket.poll(wait_ms):
                wait_ms = 0
                self._take(unpack(self._socket.recv_multipart()))

    def _take(self, message: Message) -> None:
        if message.op == "cancel":
            self._cancelled.add(str(message.body["job"]))
        else:
            self._is_stopping = self._is_stopping or message.op == "stop"
            self._orders.append(message)


class JobReporter:
    """Turns the pipeline's reports into messages; thins out progress and estimates the time left."""

    def __init__(self, job: str, link: WorkerLink, is_compiling: Callable[[], bool] = lambda: False) -> None:
        self._job = job
        self._link = link
        self._is_compiling = is_compiling
        self._stage: tuple[str, int | None] | None = None
        self._stage_began = 0.0
        self._last_sent = 0.0
        self._has_room = False

    def report(self, report: Any) -> None:
        """Send a ``svfr_restore.reports.Report``; safe from any thread of the worker."""
        if report.kind == "progress":
            self._progress(report)
        elif report.kind == "frame":
            self._send("frame", {"frame": report.frame, "path": str(report.path)})
        else:
            self._send("warning", {"message": report.message, "frame": report.frame, "path": report.path})

    def _progress(self, report: Any) -> None:
        if report.is_ending and not self._has_room:
            self._has_room = True
            self._link.send(Message("room", {"job": self._job}))
        now = time.monotonic()
        stage = (report.stage, report.track)
        if stage != self._stage:
            self._stage, self._stage_began = stage, now
        elif now - self._last_sent < PROGRESS_SECONDS and report.done < report.total:
            return
        self._last_sent = now
        left = report.total - report.done
        # of a stage's first report nothing is measured yet
        spent = now - self._stage_began
        eta_s = round(spent * left / report.done, 1) if report.done and spent > 0.0 else None
        steps = {"stage": report.stage, "done": report.done, "total": report.total}
        where = {"track": report.track, "frame": report.frame}
        body = {**steps, **where, "eta_s": eta_s, "overall": report.overall}
        self._send("progress", body | {"compiling": True} if self._is_compiling() else body)

    def _send(self, kind: str, body: dict[str, Any]) -> None:
        self._link.send(Message("report", {"job": self._job, "kind": kind, "body": body}))
