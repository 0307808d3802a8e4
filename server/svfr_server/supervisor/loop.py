"""The process that owns the jobs: sockets, authentication, and the loop that joins everything.

It never loads torch, so it starts in a moment, stays small and survives whatever the workers do. One
thread, no step of the loop blocks: a client that sends malformed data, reads nothing or dies costs the others
nothing. The endpoints are ROUTER sockets with CURVE; one for clients, one on loopback for workers.
"""

import logging
import os
import signal
import socket
import time
import uuid
from collections import deque
from typing import Any

import zmq

from svfr_client.connection import CONNECTION_FILE, Connection, KeyPair
from svfr_client.errors import WireError
from svfr_client.protocol.messages import JobState
from svfr_client.protocol.wire import MAX_FRAME_BYTES, Message, pack, unpack
from svfr_server.errors import BadSettings, StoreUnavailable
from svfr_server.job_store.store import JobStore
from svfr_server.logs import log_to_folder, log_to_stderr
from svfr_server.settings import LOOPBACK, ServerSettings
from svfr_server.supervisor.credit import MAX_SENT_BYTES, SEND_MESSAGES, Accounts
from svfr_server.supervisor.lock import InstanceLock
from svfr_server.supervisor.memory_watch import give_back, resident_bytes
from svfr_server.supervisor.request_handler import RequestHandler
from svfr_server.supervisor.scheduler import Scheduler
from svfr_server.supervisor.streams import Streams
from svfr_server.supervisor.worker_process import WORKER_EXITS, WorkerProcess
from svfr_server.supervisor.zap_keys import CLIENT_DOMAIN, LOCAL_CLIENT, WORKER_DOMAIN, KeyCheck, KeyRing

TICK_SECONDS = 0.5
CLOSING_MS = 1000
MOST_MESSAGES_A_TURN = 200
# No high-water mark: libzmq (4.3.5) stops a connection's input at one, and ends the process with an assertion
# in stream_engine_base.cpp when that connection then breaks. Memory has a guard of its own.
RECEIVE_MESSAGES = 0
REPORT_EVERY_SECONDS = 60.0
STORE_PAUSE_SECONDS = 0.05
DROP_EVERY_SECONDS = 5.0
REBIND_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Supervisor:
    """One service. Construct it, then :meth:`run` until it is asked to stop.

    Raises :class:`~svfr_server.errors.AnotherServerRuns` if the folder is taken.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._ring = KeyRing(settings.home)
        self._lock = InstanceLock(settings.home / "server.lock")
        self.boot = uuid.uuid4().hex
        self._server_keys = self._ring.server_keys()
        self._local_keys = self._ring.local_keys()
        if settings.listen != LOOPBACK and set(self._ring.authorised().values()) == {LOCAL_CLIENT}:
            raise BadSettings(
                f"Listening at {settings.listen} needs clients with keys of their own.",
                remedy="Authorise one with `svfr key authorize`.",
            )
        self._store = JobStore(settings.home / "jobs.sqlite")
        self._worker_server_keys = KeyPair.new()
        self._context: zmq.Context[Any] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 4096)
        self._key_check = KeyCheck(self._context, self._ring)
        self._clients = self._bind(settings.listen, settings.port, self._server_keys, CLIENT_DOMAIN)
        self._inner = self._bind(LOOPBACK, 0, self._worker_server_keys, WORKER_DOMAIN)
        self._exits = self._context.socket(zmq.PULL)
        self._exits.bind(WORKER_EXITS)
        self._poller = zmq.Poller()
        for each in (self._key_check.socket, self._clients, self._inner, self._exits):
            self._poller.register(each, zmq.POLLIN)
        self._streams = Streams(self._store, settings.limits, self._send)
        self._scheduler = Scheduler(self._store, settings, self._spawn, self._tell, self._streams.pump)
        self._accounts = Accounts(settings.limits.credit_bytes)
        self._requests = RequestHandler(
            self._store,
            self._scheduler,
            self._streams,
            settings,
            self._ring,
            self._accounts,
            self.boot,
            self._send,
            self.stop,
        )
        self._unhandled: deque[tuple[WorkerProcess, Message]] = deque()
        self._exited: deque[int] = deque()
        self._next_report_at = 0.0
        self._next_drop = 0.0
        self._stopping = False
        self._busy_at = self._next_tick = time.monotonic()

    def run(self) -> None:
        """Serve until a shutdown request, SIGTERM, SIGINT or the idle limit; then stop and tidy up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        for job in self._store.requeue_interrupted():
            _log.info("job was interrupted and is taken up again", extra={"job": job})
        self._write_connection()
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._close()

    def stop(self) -> None:
        """End :meth:`run` after the current turn."""
        self._stopping = True

    def _bind(self, address: str, port: int, keys: KeyPair, domain: str) -> "zmq.Socket[bytes]":
        router = self._context.socket(zmq.ROUTER)
        router.linger = 0
        router.curve_server = True
        router.curve_publickey = keys.public.encode("ascii")
        router.curve_secretkey = keys.secret.encode("ascii")
        router.zap_domain = domain.encode("ascii")
        options = {
            zmq.ROUTER_MANDATORY: 1,
            zmq.MAXMSGSIZE: MAX_FRAME_BYTES,
            zmq.SNDHWM: SEND_MESSAGES,
            zmq.RCVHWM: RECEIVE_MESSAGES,
            zmq.HANDSHAKE_IVL: 3000,
            zmq.HEARTBEAT_IVL: 2000,
            zmq.HEARTBEAT_TIMEOUT: 6000,
            zmq.HEARTBEAT_TTL: 6000,
            zmq.BACKLOG: 512,
        }
        for option, value in options.items():
            router.setsockopt(option, value)
        give_up = time.monotonic() + (REBIND_SECONDS if port else 0.0)
        while True:
            try:
                router.bind(f"tcp://{address}:{port or '*'}")
                return router
            except zmq.ZMQError as problem:
                # The socket that had the port before may still be closing.
                if problem.errno != zmq.EADDRINUSE or time.monotonic() >= give_up:
                    raise BadSettings(f"Cannot listen at {address}:{port}: {problem}.") from problem
                time.sleep(0.01)

    def _write_connection(self) -> None:
        endpoint = _endpoint(self._clients)
        host = socket.gethostname()
        connection = Connection(
            endpoint, self._server_keys.public, self._local_keys, self.boot, os.getpid(), host
        )
        connection.save(self._settings.home / CONNECTION_FILE)
        _log.info("listening at %s, folder %s", endpoint, self._settings.home)

    def _turn(self) -> None:
        ready = dict(self._poller.poll(int(TICK_SECONDS * 1000)))
        if self._key_check.socket in ready:
            self._key_check.answer()
        if self._exits in ready:
            self._exited.append(int(self._exits.recv()))
        try:
            if self._clients in ready:
                self._receive_from_clients()
            self._work(self._inner in ready)
        except StoreUnavailable as problem:
            self._wait_for_store(problem)

    def _work(self, workers_speak: bool) -> None:
        """Do what changes jobs. What could not be stored is done again in the next turn."""
        if workers_speak or self._unhandled or self._exited:
            self._handle_workers()
        self._scheduler.assign()
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_SECONDS
            self._scheduler.check_workers()
            self._streams.resend()
            self._watch_idleness()
            self._watch_memory()

    def _wait_for_store(self, problem: StoreUnavailable) -> None:
        """Say why nothing goes on. Workers wait too: what they say is left in their sockets."""
        now = time.monotonic()
        if now >= self._next_report_at:
            self._next_report_at = now + REPORT_EVERY_SECONDS
            _log.error("%s", problem)
        time.sleep(STORE_PAUSE_SECONDS)

    def _receive_from_clients(self) -> None:
        for _ in range(MOST_MESSAGES_A_TURN):
            try:
                route, *frames = self._clients.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._busy_at = time.monotonic()
            client = str(route.get("User-Id"))
            self._requests.answer(route.bytes, client, [frame.bytes for frame in frames])

    def _handle_workers(self) -> None:
        """Take in what workers have said, then their exits: what one said before it died comes first."""
        while self._unhandled or self._receive_from_worker():
            worker, message = self._unhandled[0]
            try:
                self._scheduler.handle(worker, message)
            except StoreUnavailable:
                raise
            except Exception:
                _log.exception("process %d sent something that could not be handled", worker.pid)
            self._unhandled.popleft()
        while self._exited:
            self._worker_exited(self._exited[0])
            self._exited.popleft()

    def _receive_from_worker(self) -> bool:
        """Put the next message of a living worker into ``_unhandled``; False if there is none."""
        while True:
            try:
                route, *frames = self._inner.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return False
            key = str(route.get("User-Id"))
            worker = next((w for w in self._scheduler.workers if w.keys.public == key), None)
            if worker is None:
                continue  # it has exited, or is stopping after an error
            worker.route = route.bytes
            try:
                self._unhandled.append((worker, unpack([frame.bytes for frame in frames])))
            except WireError:
                _log.exception("process %d sent something that could not be read", worker.pid)
                continue
            return True

    def _worker_exited(self, serial: int) -> None:
        gone = next((w for w in self._scheduler.workers if w.serial == serial), None)
        if gone is not None:
            self._key_check.worker_keys.discard(gone.keys.public)
        self._scheduler.worker_exited(serial)

    def _spawn(self, device: str, low_memory: bool) -> WorkerProcess:
        endpoint, key = _endpoint(self._inner), self._worker_server_keys.public
        worker = WorkerProcess(device, self._settings, endpoint, key, self._context, low_memory)
        self._key_check.worker_keys.add(worker.keys.public)
        return worker

    def _tell(self, worker: WorkerProcess, message: Message) -> None:
        if worker.route is None:
            return
        try:
            self._inner.send_multipart([worker.route, *pack(message)], zmq.NOBLOCK)
        except zmq.ZMQError as problem:
            _log.warning("process %d cannot be told %s: %s", worker.pid, message.op, problem)

    def _send(self, route: bytes, message: Message) -> bool:
        """Send to a client; False if it is gone, cannot take more now, or has no credit for it.

        Errors need no credit: they are short, and the number of messages is bounded in any case.
        """
        frames = pack(message)
        size = sum(len(frame) for frame in frames)
        if message.op != "error" and not self._accounts.has_room(route, size):
            return False
        if size > MAX_SENT_BYTES:
            _log.error("%s of %d bytes is over the limit and is not sent", message.op, size)
            return False
        try:
            self._clients.send_multipart([route, *frames], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError:
            self._streams.forget(route)
            self._accounts.forget(route)
            return False
        self._accounts.spend(route, size)
        return True

    def _watch_idleness(self) -> None:
        if self._scheduler.is_drained:
            _log.info("nothing runs any more, the drained service stops")
            self.stop()
        active = self._store.count(JobState.QUEUED) + self._store.count(JobState.RUNNING)
        now = time.monotonic()
        if active:
            self._busy_at = now
        limit = self._settings.idle_exit_s
        if limit is not None and now - self._busy_at > limit:
            _log.info("idle for %g s, stopping", limit)
            self.stop()

    def _watch_memory(self) -> None:
        """Drop all connections when one of them has made this process too large."""
        held = resident_bytes()
        now = time.monotonic()
        if held <= self._settings.memory_limit_bytes or now < self._next_drop:
            return
        self._next_drop = now + DROP_EVERY_SECONDS
        _log.error("%d MiB are held for clients; all connections are dropped", held >> 20)
        port = int(_endpoint(self._clients).rsplit(":", 1)[1])
        self._poller.unregister(self._clients)
        self._clients.close(linger=0)
        self._streams.clear()
        self._accounts.clear()
        self._clients = self._bind(self._settings.listen, port, self._server_keys, CLIENT_DOMAIN)
        self._poller.register(self._clients, zmq.POLLIN)
        give_back()

    def _close(self) -> None:
        self._scheduler.stop_workers()
        (self._settings.home / CONNECTION_FILE).unlink(missing_ok=True)
        self._clients.close(linger=CLOSING_MS)  # the answer to a shutdown request still goes out
        for each in (self._inner, self._exits, self._key_check.socket):
            each.close()
        self._context.term()
        self._store.close()
        self._lock.release()
        _log.info("stopped")


def _endpoint(router: "zmq.Socket[bytes]") -> str:
    return bytes(router.getsockopt(zmq.LAST_ENDPOINT)).decode("ascii").rstrip("\0")


def run(**choices: Any) -> None:
    """Run a service in this process until it is stopped; ``choices`` are fields of ServerSettings.

    Logs to standard error and to ``logs/server.log`` in the service's folder. Raises BadSettings and
    AnotherServerRuns before anything is served.
    """
    settings = ServerSettings(**choices)
    log_to_stderr()
    supervisor = Supervisor(settings)
    log_to_folder(settings.home / "logs")
    _log.info("service starts, devices %s", ", ".join(settings.devices))
    supervisor.run()
