"""The client every host, the command line and the farm use: submit, follow, cancel, ask.

Requests are sent again under the same id until an answer comes or the last deadline passes; the service
treats a repeated request as the same one. Events of a job arrive in order and without gaps: the client
counts sequence numbers, asks again where a number is missing, and survives a restart of the service by
reading the connection file anew. All methods belong to the thread that made the client and block it; a
host calls them from a worker thread and takes the results to its own main thread.
"""

import contextlib
import itertools
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Type

import zmq

from .awake_clock import AwakeClock
from .connection import Connection, find_connection
from .errors import (
    NoServer,
    NotAuthorised,
    ServerDoesNotAnswer,
    SvfrError,
    WireError,
    error_from_dict,
    raise_problems,
)
from .job import JobSpec
from .job_checks import job_problems
from .link import Link
from .protocol.bulk import split_bulk
from .protocol.messages import (
    Accepted,
    Ack,
    Credit,
    Event,
    Follow,
    Following,
    Hello,
    JobList,
    JobRequest,
    JobStatus,
    ListJobs,
    ModelOffer,
    Pong,
    Redo,
    Welcome,
    check_job_id,
)
from .protocol.wire import MINOR, Buffer, Message, new_id, pack, unpack
from .records import from_plain, known_part, to_plain
from .send_window import SendWindow

REPLY_SECONDS = 5.0
ATTEMPTS = 3
RETRY_SECONDS = 0.2
QUIET_SECONDS = 5.0
# The first minor version of the protocol in which a server tells its models.
MODELS_MINOR = 3
ACK_EVERY = 16
CREDIT_EVERY_BYTES = 256 * 1024
# What the service has checked by a process of its own: a roto of megabytes takes seconds there, a share that
# is gone takes as long as it likes, and the service answers within two minutes in any case.
CHECKED_OPS = ("submit", "redo", "missing", "put", "put_local", "assemble", "compare")
CHECK_SECONDS = 180.0


@dataclass
class _Stream:
    """Events of one follow request not yet handed out; ``ends_at``: last number of an ended job."""

    waiting: Deque[Event]
    ends_at: Optional[int] = None

    def is_read_to(self, seq: int) -> bool:
        """Return whether the job had ended and ``seq`` is its last event."""
        return self.ends_at is not None and seq >= self.ends_at


class Client:
    """A conversation with one service. Use it as a context manager, or call :meth:`close`.

        with Client(name="my script") as client:
            job = client.submit(spec).job
            for event in client.follow(job):
                print(event.kind, event.body)

    ``connection``: where to go; None finds this user's own service in ``folder`` (default: the usual
    place), again after each silence, so that a restarted service is found. ``name`` is for its log.
    """

    def __init__(
        self,
        connection: Optional[Connection] = None,
        *,
        folder: Optional[Path] = None,
        name: str = "svfr_client",
        reply_seconds: float = REPLY_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._fixed = connection
        self._folder = folder
        self._name = name
        self._reply_seconds = reply_seconds
        self._attempts = attempts
        self._replies: Dict[str, Optional[Message]] = {}
        self._streams: Dict[str, _Stream] = {}
        self._read_bytes = 0
        self._clock = AwakeClock()
        self._link = Link(connection or find_connection(folder), self._clock)
        self._welcome: Optional[Welcome] = None

    def hello(self) -> Welcome:
        """Return who the service is and what it allows; raises code VERSION if it speaks another version."""
        body = to_plain(Hello(0, MINOR, self._name))
        self._welcome = from_plain(Welcome, known_part(Welcome, self._request("hello", body)), "reply")
        return self._welcome

    def submit(self, spec: JobSpec, job: Optional[str] = None) -> Accepted:
        """Hand in a job and return once it is committed.

        ``job``: its id, 32 hexadecimal digits; None makes a fresh one. Handing in the same id and job
        again returns the job that is there; the same id with another job raises code CONFLICT. Everything
        that is wrong with the job and can be seen without its files is raised before anything is sent.
        """
        raise_problems(job_problems(spec))
        plain, buffers = split_bulk(spec)
        body = {"job": new_id() if job is None else check_job_id(job), "spec": plain}
        return from_plain(Accepted, known_part(Accepted, self._request("submit", body, buffers)), "reply")

    def redo(
        self,
        of: str,
        frames: str,
        *,
        output: Optional[str] = None,
        seed: Optional[int] = None,
        job: Optional[str] = None,
    ) -> Accepted:
        """Hand in ``frames`` of the former job ``of`` again, with the references it made.

        Its other frames are seen as context and not written. The frames on disk are overwritten, or those
        of another ``output``. Raises code REFERENCE_GONE when the references are no longer kept.
        """
        new = new_id() if job is None else check_job_id(job)
        body = to_plain(Redo(job=new, of=check_job_id(of), frames=frames, output=output, seed=seed))
        return from_plain(Accepted, known_part(Accepted, self._request("redo", body)), "reply")

    def follow(
        self, job: str, after_seq: int = 0, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Event]:
        """Yield the job's events after ``after_seq``, each once, in order, to the last.

        Slow readers are fine: the service sends no more than its window ahead of what was taken. ``wanted``
        is asked a few times a second; once it is false no more is yielded. Raises
        :class:`ServerDoesNotAnswer` when the service stays silent, code NOT_FOUND for an unknown job.
        """
        seq = acked = after_seq
        stream = self._open_stream(job, seq)
        quiet_until = self._clock.read() + QUIET_SECONDS
        try:
            while wanted() and not self._streams[stream].is_read_to(seq):
                events = self._streams[stream].waiting
                if not events and seq > acked:
                    self._tell("ack", to_plain(Ack(job, seq)))
                    acked = seq
                if not events and not self._receive_one(min(quiet_until, self._clock.read() + RETRY_SECONDS)):
                    if self._link.is_down or self._clock.read() >= quiet_until:
                        stream = self._open_stream(job, seq, stream)
                        quiet_until = self._clock.read() + QUIET_SECONDS
                    continue
                quiet_until = self._clock.read() + QUIET_SECONDS
                while events:
                    event = events.popleft()
                    if event.seq <= seq:
                        continue
                    if event.seq > seq + 1:
                        stream = self._open_stream(job, seq, stream)
                        break
                    seq = event.seq
                    yield event
                    if event.is_last:
                        return
                    if seq - acked >= ACK_EVERY:
                        self._tell("ack", to_plain(Ack(job, seq)))
                        acked = seq
        finally:
            self._streams.pop(stream, None)
            # Best effort: a service that is gone, or a client that was closed, has forgotten the stream.
            with contextlib.suppress(SvfrError, zmq.ZMQError):
                self._tell("unfollow", to_plain(JobRequest(job)))

    def cancel(self, job: str) -> JobStatus:
        """Ask for the job's end and return its status; a job that has ended stays as it is."""
        return self._status_of("cancel", job)

    def status(self, job: str) -> JobStatus:
        """Return the job's state, newest progress and error."""
        return self._status_of("status", job)

    def jobs(self, limit: int = 100, active_only: bool = False) -> Tuple[JobStatus, ...]:
        """Return the newest jobs, newest first."""
        body = self._request("list", to_plain(ListJobs(limit, active_only)))
        return from_plain(JobList, known_part(JobList, body), "reply").jobs

    def models(self) -> Tuple[ModelOffer, ...]:
        """Return the models that jobs can name, by name; none from a service too old to tell (before 1.3)."""
        welcome = self._welcome or self.hello()
        if welcome.minor < MODELS_MINOR:
            return ()
        listed = self._request("models", {}).get("models", ())
        return tuple(from_plain(ModelOffer, known_part(ModelOffer, one), "reply") for one in listed)

    def ping(self) -> Pong:
        """Return at once if the service lives."""
        return self._pong_of("ping")

    def pause(self) -> Pong:
        """Start no further job until :meth:`resume`, also after a restart; what runs goes on."""
        return self._pong_of("pause")

    def resume(self) -> Pong:
        """Start waiting jobs again, after a pause or in place of a drain that is not over yet."""
        return self._pong_of("resume")

    def drain(self) -> Pong:
        """Take no more jobs, let what runs end, then stop; waiting jobs go on after the next start."""
        return self._pong_of("drain")

    def shutdown(self) -> None:
        """Ask the service to stop; what runs is parked and goes on after the next start.

        A service that is gone once it was asked has stopped: it hangs up after its answer, and libzmq (4.3.5)
        drops what was not read by then where ZMQ_IMMEDIATE is set.
        """
        if self._welcome is None:
            self.hello()
        with contextlib.suppress(NoServer):
            self._exchange(Message("shutdown", {}), is_last=True)

    def ask(
        self,
        op: str,
        body: Mapping[str, Any],
        buffers: Optional[Mapping[str, Buffer]] = None,
        reply_seconds: Optional[float] = None,
    ) -> Message:
        """Return the answer to any request, with its buffers; raises the error that the service answered.

        ``reply_seconds``: how long one try waits, for what takes its time on the way; None: as ever. A
        connection that breaks is made again and the request sent again within all tries together.
        """
        if self._welcome is None and op != "hello":
            self.hello()
        return self._exchange(Message(op, body, buffers=buffers or {}), reply_seconds=reply_seconds)

    def ask_ahead(
        self, requests: Iterable[Message], window: SendWindow, reply_seconds: Optional[float] = None
    ) -> Iterator[int]:
        """Send requests, as many at once as ``window`` allows, and yield the index of each that is answered.

        The iterator ends early, without an error, when the connection breaks or nothing is answered for
        ``reply_seconds``: the requests whose index did not come may have been done or not. Raises the error
        that the service answered to any of them, and what ``requests`` raises.
        """
        patience = self._reply_seconds if reply_seconds is None else reply_seconds
        source = enumerate(requests)
        under_way: Dict[str, Tuple[int, float]] = {}
        quiet_until = self._clock.read() + patience
        try:
            while True:
                for index, message in itertools.islice(source, max(0, window.count - len(under_way))):
                    under_way[message.id] = index, self._clock.read()
                    self._replies[message.id] = None
                    if not self._link.send(pack(message), quiet_until):
                        return
                if not under_way or not self._receive_one(quiet_until):
                    return
                for request in [name for name in under_way if self._replies[name] is not None]:
                    index, sent_at = under_way.pop(request)
                    _raise_if_error(self._replies.pop(request))
                    window.answered(self._clock.read() - sent_at)
                    quiet_until = self._clock.read() + patience
                    yield index
        except NotAuthorised:
            if not self._find_again():
                raise
        finally:
            for request in under_way:
                self._replies.pop(request, None)

    def close(self) -> None:
        """Close the socket at once. Jobs belong to the service and go on."""
        self._link.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        problem: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _status_of(self, op: str, job: str) -> JobStatus:
        body = self._request(op, to_plain(JobRequest(check_job_id(job))))
        return from_plain(JobStatus, known_part(JobStatus, body), "reply")

    def _pong_of(self, op: str) -> Pong:
        return from_plain(Pong, known_part(Pong, self._request(op, {})), "reply")

    def _open_stream(self, job: str, after_seq: int, former: Optional[str] = None) -> str:
        """Ask for the events after ``after_seq`` and return the new stream's id; the former is forgotten."""
        if former is not None:
            self._streams.pop(former, None)
        message = Message("follow", to_plain(Follow(check_job_id(job), after_seq)))
        self._streams[message.id] = _Stream(deque())
        try:
            reply = self._exchange(message)
        except BaseException:
            self._streams.pop(message.id, None)
            raise
        following = from_plain(Following, known_part(Following, reply.body), "reply")
        if following.is_final:
            self._streams[message.id].ends_at = following.last_seq
        return message.id

    def _request(
        self, op: str, body: Mapping[str, Any], buffers: Optional[Mapping[str, Buffer]] = None
    ) -> Mapping[str, Any]:
        return self.ask(op, body, buffers).body

    def _exchange(
        self, message: Message, is_last: bool = False, reply_seconds: Optional[float] = None
    ) -> Message:
        """Send ``message`` until its answer comes; raises the error that the service answered.

        ``is_last``: this service is not expected to come back, nor asked anew where another one runs; once it
        is gone that is NoServer.
        """
        frames = pack(message)
        self._replies[message.id] = None
        patience = self._reply_seconds if reply_seconds is None else reply_seconds
        give_up = self._clock.read() + self._attempts * patience
        is_gone = False
        try:
            while self._clock.read() < give_up:
                reply = self._try_once(message, frames, patience)
                if reply is not None:
                    return reply
                is_elsewhere = self._find_again()
                is_gone = is_last and (is_elsewhere or self._link.is_gone)
                if is_gone or self._link.is_refused:
                    break
                self._link.rest(min(give_up, self._clock.read() + RETRY_SECONDS))
        finally:
            self._replies.pop(message.id, None)
        if is_gone or self._link.is_refused:
            text = f"Nothing listens at {self._link.connection.endpoint} any more."
            raise NoServer(text, remedy="Start a service with `svfr serve`.")
        waited = self._attempts * patience
        raise ServerDoesNotAnswer(
            f"The service at {self._link.connection.endpoint} did not answer for {waited:g} s.",
            remedy="See whether it still runs with `svfr doctor`, or start one with `svfr serve`.",
        )

    def _try_once(self, message: Message, frames: List[bytes], patience: float) -> Optional[Message]:
        """Send the request and wait for its answer; None if it could not be sent or none came."""
        deadline = self._clock.read() + patience
        try:
            if not self._link.send(frames, deadline):
                return None
            reply = self._wait_for(message.id, deadline)
            if reply is None and message.op in CHECKED_OPS:
                reply = self._wait_while_checked(message.id, patience)
            return reply
        except NotAuthorised:
            # Another program may have got the port of a service that was started anew elsewhere.
            if not self._find_again():
                raise
            return None

    def _wait_while_checked(self, request: str, patience: float) -> Optional[Message]:
        """Wait on for as long as the service answers a ping over the same link; None once it does not."""
        give_up = self._clock.read() + CHECK_SECONDS
        while not self._link.is_down and self._clock.read() < give_up:
            ping = Message("ping", {})
            self._replies[ping.id] = None
            try:
                if self._try_once(ping, pack(ping), patience) is None:
                    return None
            finally:
                self._replies.pop(ping.id, None)
            reply = self._wait_for(request, self._clock.read() + patience)
            if reply is not None:
                return reply
        return None

    def _wait_for(self, request: str, deadline: float) -> Optional[Message]:
        while self._replies[request] is None:
            if not self._receive_one(deadline):
                return None
        return _raise_if_error(self._replies[request])

    def _tell(self, op: str, body: Mapping[str, Any]) -> None:
        """Send what needs no answer; if it is lost, the silence that follows has it sent again."""
        self._link.send(pack(Message(op, body)), self._clock.read() + 1.0)

    def _receive_one(self, deadline: float) -> bool:
        """Take in one message and sort it; False if none came before ``deadline``."""
        frames = self._link.receive(deadline)
        if frames is None:
            return False
        self._read_bytes += sum(len(frame) for frame in frames)
        if self._read_bytes >= CREDIT_EVERY_BYTES:
            self._tell("credit", to_plain(Credit(self._read_bytes)))
            self._read_bytes = 0
        try:
            message = unpack(frames)
        except WireError:
            return True  # not from a service of this version; the missing answer is what gets reported
        if message.op == "event" and message.re in self._streams:
            event = from_plain(Event, known_part(Event, message.body), "event")
            self._streams[message.re].waiting.append(event)
        elif message.re in self._replies:
            self._replies[message.re] = message
        return True

    def _find_again(self) -> bool:
        """Go where the service now is; returns whether that is elsewhere than before."""
        if self._fixed is not None:
            return False
        try:
            found = find_connection(self._folder)
        except SvfrError:
            return False  # it is gone or being started; the caller's deadlines decide
        if found == self._link.connection:
            return False
        self._link.close()
        self._link = Link(found, self._clock)
        self._welcome = None
        return True


def _raise_if_error(reply: Optional[Message]) -> Optional[Message]:
    """Return the reply; raises the error that it is."""
    if reply is not None and reply.op == "error":
        raise error_from_dict(dict(reply.body))
    return reply
