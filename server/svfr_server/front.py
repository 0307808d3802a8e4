"""What the service answers: every request of a client to its reply, every failure to a typed error."""

import logging
import os
from collections.abc import Callable
from typing import Any

from svfr_client.errors import SvfrError, WireError, WrongVersion, raise_problems
from svfr_client.messages import Accepted, Following, Hello, JobList, JobState, Nothing, Pong, Submit, Welcome
from svfr_client.records import Record, to_plain
from svfr_client.wire import MINOR, Message, unpack
from svfr_server.errors import InternalFailure
from svfr_server.job_store.store import JobStore
from svfr_server.requests import read_request
from svfr_server.roots import PathRoots
from svfr_server.scheduler import Scheduler
from svfr_server.settings import ServerSettings
from svfr_server.streams import Send, Streams

SERVER_NAME = "svfr_server"
_UNANSWERED = ("ack", "unfollow")
_log = logging.getLogger(__name__)


class Front:
    """The desk of one service. ``send`` delivers to a client, ``stop`` ends the service."""

    def __init__(
        self,
        store: JobStore,
        scheduler: Scheduler,
        streams: Streams,
        settings: ServerSettings,
        boot: str,
        send: Send,
        stop: Callable[[], None],
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._streams = streams
        self._settings = settings
        self._boot = boot
        self._send = send
        self._stop = stop
        self._roots = PathRoots(settings.read_roots, settings.write_roots, (settings.home,))

    def answer(self, route: bytes, client: str, frames: list[bytes]) -> None:
        """Do what the client with public key ``client`` asks and answer it at ``route``."""
        try:
            message = unpack(frames)
        except WireError as problem:
            self._send(route, Message("error", problem.to_dict(), re=problem.request_id))
            return
        try:
            reply = self._handle(route, client, message)
        except SvfrError as problem:
            self._send(route, Message("error", problem.to_dict(), re=message.id))
            return
        except Exception as problem:
            _log.exception("the request %s failed", message.op)
            failure = InternalFailure(f"The service failed: {problem!r}.", remedy="See the server's log.")
            self._send(route, Message("error", failure.to_dict(), re=message.id))
            return
        if message.op not in _UNANSWERED:
            self._send(route, Message("ok", to_plain(reply), re=message.id))
        if message.op == "follow":
            self._streams.pump(str(message.body["job"]))

    def _handle(self, route: bytes, client: str, message: Message) -> Record:
        request: Any = read_request(message)
        match message.op:
            case "hello":
                return self._welcome(request)
            case "submit":
                return self._submit(request, client)
            case "status":
                return self._store.status(request.job)
            case "list":
                return JobList(self._store.list(request.limit, request.active_only))
            case "cancel":
                return self._scheduler.cancel(request.job)
            case "follow":
                status = self._store.status(request.job)
                self._streams.follow(route, message.id, request)
                return Following(status.last_seq, status.state.is_final)
            case "unfollow":
                self._streams.unfollow(route, request.job)
            case "ack":
                self._streams.acknowledge(route, request)
            case "ping":
                return Pong(
                    self._boot, self._store.count(JobState.QUEUED), self._store.count(JobState.RUNNING)
                )
            case "shutdown":
                _log.info("a client asks the service to stop")
                self._stop()
        return Nothing()

    def _welcome(self, hello: Hello) -> Welcome:
        minor = min(MINOR, hello.max_minor)
        if minor < hello.min_minor:
            text = f"{hello.client[:60]} speaks 1.{hello.min_minor} or newer, the service 1.{MINOR}."
            raise WrongVersion(text, remedy="Update the service.")
        settings = self._settings
        return Welcome(
            minor=minor,
            server=SERVER_NAME,
            boot=self._boot,
            pid=os.getpid(),
            devices=settings.devices,
            read_roots=tuple(str(root) for root in settings.read_roots),
            write_roots=tuple(str(root) for root in settings.write_roots),
            limits=settings.limits.to_json(),
        )

    def _submit(self, submit: Submit, client: str) -> Accepted:
        raise_problems(self._roots.problems(submit.spec))
        accepted = self._store.add(submit.job, submit.spec, client, self._settings.limits.queued_jobs)
        if accepted.is_new:
            _log.info("job is queued", extra={"job": submit.job})
            self._streams.pump(submit.job)
        return accepted
