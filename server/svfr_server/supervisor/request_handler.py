"""What the service answers: every request of a client to its reply, every failure to a typed error.

A message is judged by its sender's key and its size before it is parsed. Short ones are read here; long ones,
and all that look at files, go to the checking processes (``check_queue.py``). Lists and events are rendered
a few at a time, connections taking turns, so that a short question never waits for long answers.
"""

import contextlib
import logging
import os
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from svfr_client.errors import MessageTooLarge, SvfrError, WireError, WrongVersion, error_from_dict
from svfr_client.protocol.messages import (
    Accepted,
    Following,
    Hello,
    JobList,
    JobState,
    JobStatus,
    Nothing,
    Pong,
    Redo,
    Welcome,
)
from svfr_client.protocol.wire import MAX_FRAMES, MAX_HEADER_BYTES, MAX_MESSAGE_BYTES, MINOR, Message, unpack
from svfr_client.records import Record, canonical_json, from_plain, to_plain
from svfr_server.checking.bounds import bounded_error
from svfr_server.checking.requests import REQUESTS, read_request
from svfr_server.errors import (
    InternalFailure,
    KeyWasRevoked,
    NoCredit,
    NotAllowed,
    QueueClosed,
    ReferenceIsGone,
    StoreUnavailable,
)
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import references_folder
from svfr_server.job_store.local_files import make_local_folder
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.check_queue import CheckQueue, FromClient, PendingCheck
from svfr_server.supervisor.credit import Accounts
from svfr_server.supervisor.frame_parts import WithData, frame_part
from svfr_server.supervisor.scheduler import QueueState, Scheduler
from svfr_server.supervisor.streams import Send, Streams
from svfr_server.supervisor.zap_keys import LOCAL_CLIENT, KeyRing

SERVER_NAME = "svfr_server"
READ_HERE_BYTES = 4096
_UNANSWERED = ("ack", "unfollow", "credit")
_OWN_USER_ONLY = ("shutdown", "pause", "resume", "drain")
_RENDERED = ("list", "follow", "ack", "credit", "unfollow", "result")
_CHECKED = ("submit", "missing", "room", "put", "put_local", "assemble", "compare", "models")
_LIST_BYTES = 512 * 1024
_PROGRAM_CHARACTERS = 60
_QUEUE_STATES = {"pause": QueueState.PAUSED, "resume": QueueState.OPEN, "drain": QueueState.DRAINING}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Asked(FromClient):
    """A request that was read, and what it is."""

    op: str
    request: str
    body: Any


@dataclass(kw_only=True, eq=False, repr=False)
class RequestHandler:
    """Answers the clients of one service. ``send`` delivers to a client, ``stop`` ends the service."""

    store: JobStore
    scheduler: Scheduler
    streams: Streams
    settings: ServerSettings
    ring: KeyRing
    accounts: Accounts
    boot: str
    send: Send
    stop: Callable[[], None]

    def __post_init__(self) -> None:
        self.checks: CheckQueue | None = None
        self._rendered: OrderedDict[bytes, deque[_Asked]] = OrderedDict()

    def receive(self, route: bytes, client: str, frames: Sequence[Any]) -> None:
        """Judge a message by its key and size, then read it here or have it checked."""
        self._guarded(route, None, "message", lambda: self._receive(route, client, frames))

    def render_some(self) -> bool:
        """Answer the oldest waiting list or stream request of one connection; returns whether more wait."""
        if not self._rendered:
            return False
        route, waiting = next(iter(self._rendered.items()))
        asked = waiting.popleft()
        self._rendered.move_to_end(route)
        if not waiting:
            del self._rendered[route]
        self._answer(asked)
        return bool(self._rendered)

    def checked(self, pending: PendingCheck, found: dict[str, Any]) -> None:
        """Answer a request that a checking process has read."""
        request = found.get("id") or pending.request

        def asked(op: str, body: Any) -> _Asked:
            return _Asked(route=pending.route, client=pending.client, op=op, request=str(request), body=body)

        def answer() -> None:
            """Send the reply, or raise why there is none."""
            if "error" in found:
                raise error_from_dict(found["error"])
            if self.ring.name_of(pending.client) is None:
                raise KeyWasRevoked("This client's key was revoked.", remedy="Ask for another one.")
            if "entry" in found:
                entry = JobEntry(**found["entry"])
                name = str(self.ring.name_of(pending.client))
                sender = self._sender(pending.route, pending.client, name)
                try:
                    accepted = self._add(str(found["job"]), entry, sender, pending.redo_of)
                finally:
                    with contextlib.suppress(StoreUnavailable):  # what is left of it is swept
                        self.store.release(str(found["job"]), entry)
                self._reply(asked("submit", None), accepted)
                return
            if "ok" in found:
                self.send(pending.route, Message("ok", found["ok"], re=request))
                return
            body = from_plain(REQUESTS[found["op"]], found["body"], "request")
            self._take(asked(found["op"], body))

        self._guarded(pending.route, request, str(found.get("op", "check")), answer)

    def clear(self) -> None:
        """Forget what waits for an answer: the connections are gone."""
        self._rendered.clear()

    def _receive(self, route: bytes, client: str, frames: Sequence[Any]) -> None:
        account = self.accounts.of(route)
        account.client = client
        if self.ring.name_of(client) is None:
            self.streams.forget(route)
            raise KeyWasRevoked("This client's key was revoked.", remedy="Ask for another one.")
        size = sum(len(frame) for frame in frames)
        if size > MAX_MESSAGE_BYTES + MAX_HEADER_BYTES or len(frames) > MAX_FRAMES:
            raise MessageTooLarge(
                f"The message has {len(frames)} frames of {size} bytes, more than is allowed."
            )
        if size > READ_HERE_BYTES:
            self._check(PendingCheck(route=route, client=client, kind=b"message", frames=list(frames)))
            return
        message = unpack([bytes(frame) for frame in frames])
        if message.op in _CHECKED:
            pending = PendingCheck(
                route=route,
                client=client,
                kind=b"message",
                frames=list(frames),
                request=message.id,
                is_transfer=message.op != "submit",
            )
            self._guarded(route, message.id, message.op, lambda: self._check(pending))
            return
        self._guarded(route, message.id, message.op, lambda: self._read(route, client, message))

    def _read(self, route: bytes, client: str, message: Message) -> None:
        if message.op in _OWN_USER_ONLY and self.ring.name_of(client) != LOCAL_CLIENT:
            raise _only_for_its_user(message.op)
        self._take(
            _Asked(route=route, client=client, op=message.op, request=message.id, body=read_request(message))
        )

    def _take(self, asked: _Asked) -> None:
        """Answer a request that was read, or let it wait for its turn to be rendered."""
        if asked.op in _OWN_USER_ONLY and self.ring.name_of(asked.client) != LOCAL_CLIENT:
            raise _only_for_its_user(asked.op)
        if asked.op in _RENDERED:
            self._rendered.setdefault(asked.route, deque()).append(asked)
        elif asked.op == "redo":
            self._redo(asked)
        else:
            self._answer(asked)

    def _answer(self, asked: _Asked) -> None:
        self._guarded(asked.route, asked.request, asked.op, lambda: self._reply(asked, self._handle(asked)))

    def _guarded(self, route: bytes, request: str | None, op: str, work: Callable[[], None]) -> None:
        """Do ``work``; whatever it raises ends this request alone and is answered."""
        try:
            work()
        except WireError as problem:
            self.send(route, Message("error", bounded_error(problem), re=problem.request_id or request))
        except SvfrError as problem:
            self.send(route, Message("error", bounded_error(problem), re=request))
        except Exception as problem:
            _log.exception("the request %s failed", op)
            failure = InternalFailure(
                f"The service failed through an error of its own ({type(problem).__name__}).",
                remedy="See the server's log.",
            )
            self.send(route, Message("error", bounded_error(failure), re=request))

    def _reply(self, asked: _Asked, reply: Record | WithData) -> None:
        if asked.op in _UNANSWERED:
            return
        buffers = reply.buffers if isinstance(reply, WithData) else {}
        record = reply.record if isinstance(reply, WithData) else reply
        if not self.send(asked.route, Message("ok", to_plain(record), re=asked.request, buffers=buffers)):
            unread = self.accounts.of(asked.route).unread_bytes
            text = f"{unread} bytes sent to this client are not known to be read."
            raise NoCredit(text, remedy="Read them, and say so with `credit`.")
        if asked.op == "follow":
            self.streams.pump(asked.body.job)

    def _handle(self, asked: _Asked) -> Record | WithData:
        route, request = asked.route, asked.body
        match asked.op:
            case "hello":
                self.accounts.of(route).program = request.client[:_PROGRAM_CHARACTERS]
                return self._welcome(request)
            case "status":
                return self.store.status(request.job)
            case "list":
                return self._list(request.limit, request.active_only)
            case "result":
                self._check_owner(asked.client, request.job)
                return frame_part(self.store, request)
            case "cancel":
                self._check_owner(asked.client, request.job)
                return self.scheduler.cancel(request.job)
            case "follow":
                status = self.store.status(request.job)
                self.streams.follow(route, asked.request, request)
                return Following(status.last_seq, status.state.is_final)
            case "unfollow":
                self.streams.unfollow(route, request.job)
            case "ack":
                self.streams.acknowledge(route, request)
            case "credit":
                self.accounts.grant(route, request.bytes)
                self.streams.pump_client(route)
            case "pause" | "resume" | "drain":
                self.scheduler.set_queue(_QUEUE_STATES[asked.op])
                return self._pong()
            case "ping":
                return self._pong()
            case "shutdown":
                _log.info("a client asks the service to stop")
                self.stop()
        return Nothing()

    def _check_owner(self, client: str, job: str) -> None:
        if self.ring.name_of(client) != LOCAL_CLIENT and self.store.owner(job) != client:
            remedy = "Ask who handed it in, or do it as the server's own user on its machine."
            raise NotAllowed("The job was handed in by somebody else.", remedy=remedy)

    def _check(self, pending: PendingCheck) -> None:
        assert self.checks is not None
        self.checks.add(pending)

    def _redo(self, asked: _Asked) -> None:
        """Have a job made of some frames of an earlier one, which must be the client's own."""
        redo: Redo = asked.body
        self._check_owner(asked.client, redo.of)
        former = self.store.spec_text(redo.of)
        if not references_folder(self.settings.home, redo.of).is_dir():
            raise ReferenceIsGone(
                f"The references of job {redo.of} are not kept: it never ran, or it was long ago.",
                remedy="Hand in the whole job again.",
            )
        written = os.fsencode(self.store.first_written(redo.of) or "")
        frames = [canonical_json(to_plain(redo)).encode("ascii"), former.encode("utf-8"), written]
        self._check(
            PendingCheck(
                route=asked.route,
                client=asked.client,
                kind=b"redo",
                frames=frames,
                request=asked.request,
                redo_of=redo.of,
            )
        )

    def _pong(self) -> Pong:
        queued, running = self.store.count(JobState.QUEUED), self.store.count(JobState.RUNNING)
        return Pong(self.boot, queued, running, self.scheduler.queue.value)

    def _sender(self, route: bytes, client: str, name: str) -> Sender:
        """Return whose job it is; programs of the service's own user take turns with each other."""
        program = self.accounts.of(route).program if name == LOCAL_CLIENT else ""
        return Sender(client, f"{client} {program}")

    def _list(self, limit: int, active_only: bool) -> JobList:
        """Return as many of the newest jobs as one answer holds."""
        listed: list[JobStatus] = []
        size = 0
        for status in self.store.list(limit, active_only):
            size += len(canonical_json(to_plain(status)))
            if size > _LIST_BYTES:
                return JobList(tuple(listed), has_more=True)
            listed.append(status)
        return JobList(tuple(listed))

    def _welcome(self, hello: Hello) -> Welcome:
        minor = min(MINOR, hello.max_minor)
        if minor < hello.min_minor:
            text = f"{hello.client[:60]} speaks 1.{hello.min_minor} or newer, the service 1.{MINOR}."
            raise WrongVersion(text, remedy="Update the service.")
        settings = self.settings
        return Welcome(
            minor=minor,
            server=SERVER_NAME,
            boot=self.boot,
            pid=os.getpid(),
            devices=settings.devices,
            read_roots=tuple(str(root) for root in settings.read_roots),
            write_roots=tuple(str(root) for root in settings.write_roots),
            limits=settings.limits.to_json(),
            local_folder=make_local_folder(settings.home),
        )

    def _add(self, job: str, entry: JobEntry, sender: Sender, redo_of: str | None) -> Accepted:
        known = self.store.accepted(job, entry, redo_of)
        if known is not None:
            return known
        if self.scheduler.queue is QueueState.DRAINING:
            raise QueueClosed(
                "The service is about to be stopped and takes no new jobs.",
                remedy="Hand the job in again when it is back.",
            )
        accepted = self.store.add(job, entry, sender, self.settings.limits, redo_of)
        _log.info("job is queued", extra={"job": job})
        self.streams.pump(job)
        return accepted


def _only_for_its_user(op: str) -> NotAllowed:
    remedy = "Do it on the server's machine as that user, or ask who keeps the server."
    return NotAllowed(f"Only the service's own user may ask for {op}.", remedy=remedy)
