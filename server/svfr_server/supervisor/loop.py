"""The process that owns the jobs: the loop that joins sockets, queue, workers and store.

It never loads torch, so it starts in a moment, stays small and survives whatever the workers do. One thread,
no step of the loop blocks or takes long: what clients send is judged by key and size here and read elsewhere.
What nobody foresaw in one step is logged with its traceback and ends that step alone.
"""

import logging
import os
import signal
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from svfr_client.awake_clock import MOST_SECONDS_A_TURN, AwakeClock
from svfr_client.connection import CONNECTION_FILE, Connection, find_connection, require_own_folder
from svfr_client.errors import SvfrError
from svfr_client.files import is_there
from svfr_client.protocol.messages import JobState
from svfr_client.protocol.wire import unpack
from svfr_server.errors import BadSettings, StoreUnavailable
from svfr_server.job_store.folders import store_file
from svfr_server.job_store.store import JobStore
from svfr_server.logs import log_to_folder, log_to_stderr
from svfr_server.settings import LOOPBACK, ServerSettings
from svfr_server.supervisor.check_queue import CheckQueue
from svfr_server.supervisor.child_endpoint import ChildEndpoint
from svfr_server.supervisor.child_process import ChildProcess
from svfr_server.supervisor.client_endpoint import ClientEndpoint
from svfr_server.supervisor.connections import READ_EVERY_SECONDS
from svfr_server.supervisor.idleness import IdleWatch
from svfr_server.supervisor.lock import LOCK_FILE, InstanceLock
from svfr_server.supervisor.request_handler import RequestHandler
from svfr_server.supervisor.scheduler import Scheduler
from svfr_server.supervisor.streams import Streams
from svfr_server.supervisor.survey_ahead import SurveyAhead, SurveyProcess
from svfr_server.supervisor.worker_process import WorkerProcess
from svfr_server.supervisor.zap_keys import LOCAL_CLIENT, KeyCheck, KeyRing

TICK_SECONDS = 0.5
RENDER_SECONDS = 0.01
MOST_CHILD_MESSAGES_A_TURN = 500
REPORT_EVERY_SECONDS = 60.0
STORE_CHECK_SECONDS = 2.0
STORE_PAUSE_SECONDS = 0.05
_log = logging.getLogger(__name__)


class Supervisor:
    """One service. Construct it, then :meth:`run` until it is asked to stop.

    Raises :class:`~svfr_server.errors.AnotherServerRuns` if the folder is taken, and
    :class:`~svfr_client.errors.NoServer` if it is joined to a server elsewhere.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        require_own_folder(settings.home)
        self._ring = KeyRing(settings.home)
        self._lock = InstanceLock(settings.home / LOCK_FILE)
        self.boot = uuid.uuid4().hex
        self._server_keys, self._local_keys = self._ring.server_keys(), self._ring.local_keys()
        if settings.listen != LOOPBACK and set(self._ring.authorised().values()) == {LOCAL_CLIENT}:
            raise BadSettings(
                f"Listening at {settings.listen} needs clients with keys of their own.",
                remedy="Authorise one with `svfr key authorize`.",
            )
        self._store = JobStore(store_file(settings.home))
        self._context: zmq.Context[Any] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 4096)
        self._key_check = KeyCheck(self._context, self._ring)
        self._clients = ClientEndpoint(
            context=self._context, settings=settings, ring=self._ring, keys=self._server_keys
        )
        self._children = ChildEndpoint(context=self._context, settings=settings, key_check=self._key_check)
        self._clock = AwakeClock()
        self._join_parts()
        self._idle = IdleWatch(settings.idle_exit_s)
        self._unhandled: deque[tuple[ChildProcess, list[bytes]]] = deque()
        self._exited: deque[int] = deque()
        self._next_report_at = 0.0
        self._stopping = False
        self._next_tick = self._next_reading = self._next_store_check = time.monotonic()

    def _join_parts(self) -> None:
        """Make the parts that answer clients and run jobs."""
        settings, clients = self._settings, self._clients
        self._streams = Streams(self._store, settings.limits, clients.send)
        self._scheduler = Scheduler(
            store=self._store,
            settings=settings,
            spawn=self._children.start_worker,
            tell=self._children.tell,
            changed=self._streams.pump,
            clock=self._clock,
        )
        self._ahead = SurveyAhead(
            store=self._store,
            settings=settings,
            clock=self._clock,
            spawn=self._children.start_surveyor,
            tell=self._children.tell,
            next_waiting=self._scheduler.next_waiting,
        )
        self._requests = RequestHandler(
            store=self._store,
            scheduler=self._scheduler,
            streams=self._streams,
            settings=settings,
            ring=self._ring,
            accounts=clients.accounts,
            boot=self.boot,
            send=clients.send,
            stop=self.stop,
        )
        self._checks = CheckQueue(
            start=self._children.start_checker,
            send=self._children.send,
            answered=self._requests.checked,
            clock=self._clock,
        )
        self._requests.checks = self._checks

    def run(self) -> None:
        """Serve until a shutdown request, SIGTERM, SIGINT or the idle limit; then tidy up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        for job in self._store.requeue_interrupted():
            _log.info("job was interrupted and is taken up again", extra={"job": job})
        self._checks.prepare()
        self._write_connection()
        is_more = False
        try:
            while not self._stopping:
                rest = READ_EVERY_SECONDS if len(self._clients.connections) else TICK_SECONDS
                is_more = self._turn(0 if is_more else int(rest * 1000))
        finally:
            self._close()

    def stop(self) -> None:
        """End :meth:`run` after the current turn."""
        self._stopping = True

    def _write_connection(self) -> None:
        endpoint = self._clients.endpoint
        host = socket.gethostname()
        connection = Connection(
            endpoint=endpoint,
            server_key=self._server_keys.public,
            keys=self._local_keys,
            boot=self.boot,
            pid=os.getpid(),
            host=host,
        )
        connection.save(self._settings.home / CONNECTION_FILE)
        _log.info("listening at %s, folder %s", endpoint, self._settings.home)

    def _turn(self, wait_ms: int) -> bool:
        """Handle what is ready; returns whether more waits to be rendered."""
        ready = self._wait(wait_ms)
        took = self._clock.tick()
        if took > TICK_SECONDS + MOST_SECONDS_A_TURN:
            _log.warning("the service did not run for %.1f s; nobody is judged for that time", took)
        if self._key_check.socket in ready:
            self._guarded("checking a key", self._key_check.answer)
        if self._clients.connections.monitor in ready:
            self._guarded("watching connections", self._clients.connections.handle_events)
        while self._children.exits.poll(0):
            self._exited.append(self._children.exited())
        if self._clients.socket in ready:
            self._guarded("receiving from clients", self._receive_from_clients)
        if time.monotonic() >= self._next_reading:
            self._next_reading = time.monotonic() + READ_EVERY_SECONDS
            self._guarded("looking at connections", self._clients.connections.cut_pouring)
        self._guarded("handling the service's own processes", self._handle_children)
        self._guarded("starting jobs", self._scheduler.assign)
        if time.monotonic() >= self._next_tick and not self._unhandled:
            self._next_tick = time.monotonic() + TICK_SECONDS
            for name, work in self._periodic():
                self._guarded(name, work)
        return self._render()

    def _wait(self, wait_ms: int) -> dict[Any, int]:
        poller = zmq.Poller()
        sockets = (self._key_check.socket, self._clients.socket, self._clients.connections.monitor)
        for each in (*sockets, self._children.socket, self._children.exits):
            poller.register(each, zmq.POLLIN)
        return dict(poller.poll(wait_ms))

    def _periodic(self) -> tuple[tuple[str, Callable[[], Any]], ...]:
        return (
            ("watching workers", self._scheduler.check_workers),
            ("watching checks", self._checks.check_time),
            ("surveying ahead", self._ahead.check),
            ("sending events", self._streams.resend),
            ("cutting revoked clients", self._clients.cut_revoked),
            ("watching idleness", self._watch_idleness),
            ("watching memory", self._watch_memory),
            ("watching the job store", self._watch_store),
        )

    def _guarded(self, what: str, work: Callable[[], Any]) -> None:
        """Do one step of a turn; a store without room makes all wait, anything else ends the step alone."""
        try:
            work()
        except StoreUnavailable as problem:
            self._wait_for_store(problem)
        except Exception:
            self._report(f"{what} failed", with_traceback=True)

    def _wait_for_store(self, problem: StoreUnavailable) -> None:
        """Log why nothing goes on. Workers wait too: what they say is left in their sockets."""
        self._report(str(problem), with_traceback=False)
        time.sleep(STORE_PAUSE_SECONDS)

    def _report(self, text: str, *, with_traceback: bool) -> None:
        now = time.monotonic()
        if with_traceback or now >= self._next_report_at:
            self._next_report_at = now + REPORT_EVERY_SECONDS
            _log.error("%s", text, exc_info=with_traceback)

    def _receive_from_clients(self) -> None:
        for route, client, frames in self._clients.receive():
            self._idle.note()
            self._requests.receive(route, client, frames)

    def _render(self) -> bool:
        """Render lists and events that wait, for a slice of time; returns whether more wait."""
        until = time.monotonic() + RENDER_SECONDS
        while is_more := self._requests.render_some():
            if time.monotonic() >= until:
                break
        return is_more

    def _handle_children(self) -> None:
        """Handle what processes have said, then their exits: what one said before it exited comes first."""
        for _ in range(MOST_CHILD_MESSAGES_A_TURN):
            if not self._unhandled:
                received = self._children.receive()
                if received is None:
                    break
                self._unhandled.append(received)
            self._handle_child(*self._unhandled[0])
            self._unhandled.popleft()
        else:
            return  # more may wait, and an exit is judged after all of it
        while self._exited:
            serial = self._exited[0]
            self._children.forget(serial)
            self._checks.process_exited(serial)
            self._ahead.process_exited(serial)
            self._scheduler.worker_exited(serial)
            self._exited.popleft()

    def _handle_child(self, child: ChildProcess, frames: list[bytes]) -> None:
        if isinstance(child, SurveyProcess):
            self._ahead.handle(child, frames)
            return
        if not isinstance(child, WorkerProcess):
            self._checks.handle(child, frames)
            return
        if child not in self._scheduler.workers:
            return
        try:
            self._scheduler.handle(child, unpack(frames))
        except StoreUnavailable:
            raise
        except Exception as problem:
            _log.exception("process %d sent something that could not be handled", child.pid)
            self._scheduler.fail_unintelligible(child, str(problem)[:200])

    def _watch_idleness(self) -> None:
        if self._scheduler.is_drained:
            _log.info("nothing runs any more, the drained service stops")
            self.stop()
        is_at_work = self._store.count(JobState.QUEUED) + self._store.count(JobState.RUNNING)
        if is_at_work or self._scheduler.is_compiling:
            self._idle.note()
        if self._idle.is_over:
            _log.info("idle for %g s, stopping", self._settings.idle_exit_s)
            self.stop()

    def _watch_store(self) -> None:
        """Check every few seconds whether the store's file is still the store, in a folder still ours.

        A connection file that somebody deleted is written again: without it nobody finds this service, and
        no other can be started.
        """
        if time.monotonic() < self._next_store_check:
            return
        self._next_store_check = time.monotonic() + STORE_CHECK_SECONDS
        if not self._lock.holds_folder():
            _log.error("another folder lies in the place of %s: this service stops", self._settings.home)
            self.stop()
            return
        self._store.check()
        if not is_there(self._settings.home / CONNECTION_FILE):
            _log.warning("the connection file was gone and is written again")
            self._write_connection()

    def _watch_memory(self) -> None:
        if self._clients.drop_if_too_large():
            self._streams.clear()
            self._requests.clear()
            self._checks.clear()

    def _close(self) -> None:
        self._scheduler.stop_workers()
        self._checks.end()
        self._ahead.end()
        self._remove_connection()
        self._clients.close()  # the answer to a shutdown request still goes out
        self._children.close()
        self._key_check.socket.close()
        self._context.term()
        self._store.close()
        self._lock.release()
        _log.info("stopped")

    def _remove_connection(self) -> None:
        """Remove the connection file if it is still this service's own."""
        try:
            is_own = find_connection(self._settings.home).boot == self.boot
        except SvfrError:
            return
        if is_own:
            (self._settings.home / CONNECTION_FILE).unlink(missing_ok=True)


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
