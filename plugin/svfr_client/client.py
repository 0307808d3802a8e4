"""The client every host, the command line and the farm use: submit, follow, cancel, ask.

Here stands what a service can be asked; :mod:`svfr_client.exchange` knows how a request gets its answer over
a connection that breaks, :mod:`svfr_client.event_stream` how no event of a job is lost. All methods belong to
the thread that made the client and block it; a host calls them from a worker thread and takes the results to
its own main thread.
"""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Generator, Iterable, Iterator, Mapping, Optional, Tuple, Type

from .arguments import checked
from .connection import Connection
from .errors import NoServer, raise_problems
from .event_stream import EventStream
from .exchange import ATTEMPTS, REPLY_SECONDS, Exchange, raise_if_error
from .job import JobSpec
from .job_checks import job_problems
from .protocol.bulk import split_bulk
from .protocol.messages import (
    Accepted,
    Event,
    Hello,
    JobList,
    JobRequest,
    JobStatus,
    ListJobs,
    ModelOffer,
    ModelOffers,
    Pong,
    Redo,
    Welcome,
    check_job_id,
)
from .protocol.wire import MINOR, Buffer, Message, new_id
from .records import from_plain, known_part, to_plain
from .send_window import SendWindow
from .silence import Say
from .vocabulary import ExistingPolicy

# The first minor version of the protocol in which a redo says what happens to files at its output.
REDO_POLICY_MINOR = 5
# The first minor version of the protocol in which a server tells its models.
MODELS_MINOR = 3


class Client:
    """A conversation with one service. Use it as a context manager, or call :meth:`close`.

        with Client(name="my script") as client:
            job = client.submit(spec).job
            for event in client.follow(job):
                print(event.kind, event.body)

    ``connection``: where to go; None finds this user's own service in ``folder`` (default: the usual
    place), again after each silence, so that a restarted service is found. ``name`` is for its log.
    """

    @checked
    def __init__(
        self,
        connection: Optional[Connection] = None,
        *,
        folder: Optional[Path] = None,
        name: str = "svfr_client",
        reply_seconds: float = REPLY_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._exchange = Exchange(connection, folder, reply_seconds, attempts)
        self._name = name
        self._met: Optional[Tuple[Connection, Welcome]] = None

    def report_silence(self, say: Say) -> None:
        """Let ``say`` hear what to show while the service does not answer, and "" once it does again.

        It is called in the thread of this client, some seconds after the service was last heard.
        """
        self._exchange.report_silence(say)

    def hello(self) -> Welcome:
        """Return who the service is and what it allows; raises code VERSION if it speaks another version."""
        reply = self._exchange.answer(Message("hello", to_plain(Hello(0, MINOR, self._name))))
        welcome = from_plain(Welcome, known_part(Welcome, reply.body), "reply")
        self._met = self._exchange.connection, welcome
        return welcome

    def met(self) -> Welcome:
        """Return what this service said when first asked of itself; one found elsewhere is asked anew."""
        if self._met is None or self._met[0] != self._exchange.connection:
            return self.hello()
        return self._met[1]

    @checked
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

    @checked
    def redo(
        self,
        of: str,
        frames: str,
        *,
        output: Optional[str] = None,
        seed: Optional[int] = None,
        job: Optional[str] = None,
        existing: Optional[ExistingPolicy] = None,
    ) -> Accepted:
        """Hand in ``frames`` of the former job ``of`` again, with the references it made.

        Its other frames are seen as context and not written. The frames on disk are overwritten; files at
        another ``output`` are so too, unless ``existing`` says otherwise, which a service of protocol 1.4 or
        older does not know. Raises code REFERENCE_GONE when the references are no longer kept.
        """
        new = new_id() if job is None else check_job_id(job)
        redo = Redo(job=new, of=check_job_id(of), frames=frames, output=output, seed=seed, existing=existing)
        body = to_plain(redo)
        if existing is None or self.met().minor < REDO_POLICY_MINOR:
            del body["existing"]
        return from_plain(Accepted, known_part(Accepted, self._request("redo", body)), "reply")

    @checked
    def follow(
        self, job: str, after_seq: int = 0, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Event]:
        """Yield the job's events after ``after_seq``, each once, in order, to the last.

        Slow readers are fine: the service sends no more than its window ahead of what was taken. ``wanted``
        is asked a few times a second; once it is false no more is yielded. Raises
        :class:`ServerDoesNotAnswer` when the service stays silent, code NOT_FOUND for an unknown job.
        """
        yield from EventStream(self._exchange, job, after_seq, wanted).events()

    @checked
    def cancel(self, job: str) -> JobStatus:
        """Ask for the job's end and return its status; a job that has ended stays as it is."""
        return self._status_of("cancel", job)

    @checked
    def status(self, job: str) -> JobStatus:
        """Return the job's state, newest progress and error."""
        return self._status_of("status", job)

    @checked
    def jobs(self, limit: int = 100, active_only: bool = False) -> Tuple[JobStatus, ...]:
        """Return the newest jobs, newest first."""
        body = self._request("list", to_plain(ListJobs(limit, active_only)))
        return from_plain(JobList, known_part(JobList, body), "reply").jobs

    def models(self) -> Tuple[ModelOffer, ...]:
        """Return the models that jobs can name, by name; none from a service too old to tell (before 1.3)."""
        return self.model_offers().models

    def model_offers(self) -> ModelOffers:
        """Do as :meth:`models`, and say in ``has_more`` whether there are others that it does not tell."""
        if self.met().minor < MODELS_MINOR:
            return ModelOffers((), has_more=True)
        body = self._request("models", {})
        listed = body.get("models", ())
        offers = tuple(from_plain(ModelOffer, known_part(ModelOffer, one), "reply") for one in listed)
        return ModelOffers(offers, has_more=bool(body.get("has_more")))

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
        self.met()
        with contextlib.suppress(NoServer):
            self._exchange.answer(Message("shutdown", {}), is_last=True)

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
        self.met()
        message = Message(op, body, buffers=buffers or {})
        return self._exchange.answer(message, reply_seconds=reply_seconds)

    def ask_ahead(
        self, requests: Iterable[Message], window: SendWindow, reply_seconds: Optional[float] = None
    ) -> Iterator[int]:
        """Send requests, as many at once as ``window`` allows, and yield the index of each that is answered.

        The iterator ends early, without an error, when the connection breaks or nothing is answered for
        ``reply_seconds``: the requests whose index did not come may have been done or not. Raises the error
        that the service answered to any of them, and what ``requests`` raises.
        """
        with contextlib.closing(self.replies_ahead(requests, window, reply_seconds)) as replies:
            for index, reply in replies:
                raise_if_error(reply)
                yield index

    def replies_ahead(
        self, requests: Iterable[Message], window: SendWindow, reply_seconds: Optional[float] = None
    ) -> Generator[Tuple[int, Message], None, None]:
        """Do as :meth:`ask_ahead` does, and yield each answer, which may be an error, with its index."""
        return self._exchange.replies_ahead(requests, window, reply_seconds)

    def close(self) -> None:
        """Close the socket at once. Jobs belong to the service and go on."""
        self._exchange.close()

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

    def _request(
        self, op: str, body: Mapping[str, Any], buffers: Optional[Mapping[str, Buffer]] = None
    ) -> Mapping[str, Any]:
        return self.ask(op, body, buffers).body
