"""What the service answers: every request of a client to its reply, every failure to a typed error."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from svfr_client.errors import SvfrError, WireError, WrongVersion, raise_problems
from svfr_client.job import JobSpec
from svfr_client.job_checks import job_problems
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
    Submit,
    Welcome,
)
from svfr_client.protocol.wire import MINOR, Message, unpack
from svfr_client.records import Record, canonical_json, to_plain
from svfr_server.errors import (
    InternalFailure,
    KeyWasRevoked,
    NoCredit,
    NotAllowed,
    QueueClosed,
    ReferenceIsGone,
)
from svfr_server.job_store.folders import references_folder
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.job_store.transfers import Transfers, transfers_folder
from svfr_server.roots import PathRoots, named_inputs
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.credit import Accounts
from svfr_server.supervisor.requests import read_request
from svfr_server.supervisor.scheduler import QueueState, Scheduler
from svfr_server.supervisor.streams import Send, Streams
from svfr_server.supervisor.transfer_requests import TransferRequests, WithData
from svfr_server.supervisor.zap_keys import LOCAL_CLIENT, KeyRing

SERVER_NAME = "svfr_server"
_UNANSWERED = ("ack", "unfollow", "credit")
_OWN_USER_ONLY = ("shutdown", "pause", "resume", "drain")
_LIST_BYTES = 512 * 1024
_PROGRAM_CHARACTERS = 60
_QUEUE_STATES = {"pause": QueueState.PAUSED, "resume": QueueState.OPEN, "drain": QueueState.DRAINING}
_log = logging.getLogger(__name__)


class RequestHandler:
    """Answers the clients of one service. ``send`` delivers to a client, ``stop`` ends the service."""

    def __init__(
        self,
        store: JobStore,
        scheduler: Scheduler,
        streams: Streams,
        settings: ServerSettings,
        ring: KeyRing,
        accounts: Accounts,
        boot: str,
        send: Send,
        stop: Callable[[], None],
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._streams = streams
        self._settings = settings
        self._ring = ring
        self._accounts = accounts
        self._boot = boot
        self._send = send
        self._stop = stop
        self._roots = PathRoots(
            settings.read_roots,
            settings.write_roots,
            settings.protected,
            (transfers_folder(settings.home),),
        )
        self._sent = Transfers(settings.home)
        self._transfers = TransferRequests(self._sent, store)

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
        buffers = reply.buffers if isinstance(reply, WithData) else {}
        record = reply.record if isinstance(reply, WithData) else reply
        ok = Message("ok", to_plain(record), re=message.id, buffers=buffers)
        if message.op not in _UNANSWERED and not self._send(route, ok):
            unread = self._accounts.of(route).unread_bytes
            text = f"{unread} bytes sent to this client are not known to be read."
            refusal = NoCredit(text, remedy="Read them, and say so with `credit`.")
            self._send(route, Message("error", refusal.to_dict(), re=message.id))
            return
        if message.op == "follow":
            self._streams.pump(str(message.body["job"]))

    def _handle(self, route: bytes, client: str, message: Message) -> Record | WithData:
        name = self._ring.name_of(client)
        if name is None:
            self._streams.forget(route)
            raise KeyWasRevoked("This client's key was revoked.", remedy="Ask for another one.")
        if message.op in _OWN_USER_ONLY and name != LOCAL_CLIENT:
            raise NotAllowed(f"Only the service's own user may ask for {message.op}.")
        request: Any = read_request(message)
        match message.op:
            case "hello":
                self._accounts.of(route).program = request.client[:_PROGRAM_CHARACTERS]
                return self._welcome(request)
            case "submit":
                return self._submit(request, self._sender(route, client, name))
            case "redo":
                return self._redo(request, self._sender(route, client, name))
            case "missing" | "put" | "assemble":
                return self._transfers.answer(client, request)
            case "result":
                if name != LOCAL_CLIENT and self._store.owner(request.job) != client:
                    raise NotAllowed("The job was handed in by somebody else.")
                return self._transfers.result(request)
            case "status":
                return self._store.status(request.job)
            case "list":
                return self._list(request.limit, request.active_only)
            case "cancel":
                if name != LOCAL_CLIENT and self._store.owner(request.job) != client:
                    raise NotAllowed("The job was handed in by somebody else.")
                return self._scheduler.cancel(request.job)
            case "follow":
                status = self._store.status(request.job)
                self._streams.follow(route, message.id, request)
                return Following(status.last_seq, status.state.is_final)
            case "unfollow":
                self._streams.unfollow(route, request.job)
            case "ack":
                self._streams.acknowledge(route, request)
            case "credit":
                self._accounts.grant(route, request.bytes)
                self._streams.pump_client(route)
            case "pause" | "resume" | "drain":
                self._scheduler.set_queue(_QUEUE_STATES[message.op])
                return self._pong()
            case "ping":
                return self._pong()
            case "shutdown":
                _log.info("a client asks the service to stop")
                self._stop()
        return Nothing()

    def _pong(self) -> Pong:
        queued, running = self._store.count(JobState.QUEUED), self._store.count(JobState.RUNNING)
        return Pong(self._boot, queued, running, self._scheduler.queue.value)

    def _sender(self, route: bytes, client: str, name: str) -> Sender:
        """Return whose job it is; programs of the service's own user take turns with each other."""
        program = self._accounts.of(route).program if name == LOCAL_CLIENT else ""
        return Sender(client, f"{client} {program}")

    def _list(self, limit: int, active_only: bool) -> JobList:
        """Return as many of the newest jobs as one answer holds."""
        listed: list[JobStatus] = []
        size = 0
        for status in self._store.list(limit, active_only):
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

    def _submit(self, submit: Submit, sender: Sender) -> Accepted:
        return self._add(submit.job, submit.spec, sender, None)

    def _redo(self, redo: Redo, sender: Sender) -> Accepted:
        """Make a job of some frames of an earlier one, with its references and in its context."""
        former = self._store.spec(redo.of)
        if not references_folder(self._settings.home, redo.of).is_dir():
            raise ReferenceIsGone(
                f"The references of job {redo.of} are not kept: it made none, or it was long ago.",
                remedy="Hand in the whole job again.",
            )
        spec = replace(
            former,
            frames=redo.frames,
            context=former.context or former.frames,
            write_handles=False,
            existing="overwrite",
            output=redo.output or former.output,
            seed=former.seed if redo.seed is None else redo.seed,
        )
        raise_problems(job_problems(spec))
        return self._add(redo.job, spec, sender, redo.of)

    def _add(self, job: str, spec: JobSpec, sender: Sender, redo_of: str | None) -> Accepted:
        if self._scheduler.queue is QueueState.DRAINING:
            raise QueueClosed(
                "The service is about to be stopped and takes no new jobs.",
                remedy="Hand the job in again when it is back.",
            )
        raise_problems(self._roots.problems(spec))
        refusal = self._sent.foreign_path(sender.owner, [*named_inputs(spec), spec.output])
        if refusal is not None:
            raise refusal
        accepted = self._store.add(job, spec, sender, self._settings.limits, redo_of)
        if accepted.is_new:
            _log.info("job is queued", extra={"job": job})
            self._streams.pump(job)
        return accepted
