"""Requests and answers over one link: sent again until an answer comes, heard of while none does.

A request keeps its id when it is sent again, so that the service does it once. What comes is sorted by the
request that it belongs to: one answer for each, and for a follow request its events. A service that was
started anew elsewhere is found through its connection file. Belongs to one thread, as its link does.
"""

import contextlib
import itertools
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, Generator, Iterable, Iterator, List, Mapping, Optional, Tuple

from .awake_clock import AwakeClock
from .connection import Connection, find_connection
from .errors import (
    NoServer,
    NotAuthorised,
    ServerDoesNotAnswer,
    SvfrError,
    WireError,
    error_from_dict,
)
from .link import Link
from .protocol.messages import Credit, Event
from .protocol.wire import Message, pack, unpack
from .records import from_plain, known_part, to_plain
from .send_window import SendWindow
from .silence import CHECKING_WORDS, PING_EVERY_SECONDS, Say, Silence, say_nothing

REPLY_SECONDS = 5.0
ATTEMPTS = 3
RETRY_SECONDS = 0.2
# How long one try waits for what takes its time on the way, and so, with all tries, how long a server
# elsewhere is waited for once it was reached: by what is sent or fetched and by who follows a job.
LINE_SECONDS = 30.0
CREDIT_EVERY_BYTES = 256 * 1024
# What the service has checked by a process of its own: a roto of megabytes takes seconds there, a share that
# is gone takes as long as it likes, and the service answers within two minutes in any case.
CHECKED_OPS = ("submit", "redo", "missing", "room", "put", "put_local", "assemble", "compare")
CHECK_SECONDS = 180.0
_SILENT_REMEDY = "See whether it still runs with `svfr doctor`, or start one with `svfr serve`."
_ELSEWHERE_REMEDY = "Ask whoever runs it whether it is up at this address, then do the same again."


class Exchange:
    """A link to one service, and what was asked over it.

    ``connection``: where to go; None finds this user's own service in ``folder``, again after each silence.
    ``reply_seconds``: how long one try waits for an answer; there are ``attempts`` of them.

    Raises :class:`NoServer` where there is none to find, :class:`BadConnectionFile` as :class:`Link` does.
    """

    def __init__(
        self, connection: Optional[Connection], folder: Optional[Path], reply_seconds: float, attempts: int
    ) -> None:
        self.clock = AwakeClock()
        self._fixed = connection
        self._folder = folder
        self._reply_seconds = reply_seconds
        self._attempts = attempts
        self._replies: Dict[str, Optional[Message]] = {}
        self._events: Dict[str, Deque[Event]] = {}
        self._nameless: Optional[Message] = None
        self._read_bytes = 0
        self._was_reached = False
        self._silence = Silence(say_nothing, self.clock.read)
        self._answered_by: Optional[float] = None  # while an answer is waited for: how long it will be
        self._link = Link(connection or find_connection(folder), self.clock)

    @property
    def connection(self) -> Connection:
        """Where the service is now; another one once it was found elsewhere."""
        return self._link.connection

    @property
    def is_down(self) -> bool:
        """Return whether there is no connection now, though it is tried to make one."""
        return self._link.is_down

    @property
    def line_seconds(self) -> float:
        """How long, with all tries, a service that was reached before is waited for by who follows a job."""
        return self._attempts * (LINE_SECONDS if self.connection.is_elsewhere else self._reply_seconds)

    def report_silence(self, say: Say) -> None:
        """Let ``say`` hear what to show while the service does not answer, and "" once it does again."""
        self._silence = Silence(say, self.clock.read)

    def close(self) -> None:
        """Close the socket at once."""
        self._link.close()

    def keep_events(self, request: str) -> Deque[Event]:
        """Return where the events that answer ``request`` will lie, in the order in which they come."""
        return self._events.setdefault(request, deque())

    def drop_events(self, request: str) -> None:
        """Keep no more events that answer ``request``."""
        self._events.pop(request, None)

    def answer(
        self, message: Message, *, is_last: bool = False, reply_seconds: Optional[float] = None
    ) -> Message:
        """Send ``message`` until its answer comes; raises the error that the service answered.

        ``reply_seconds``: how long one try waits; None: as ever. ``is_last``: this service is not expected to
        come back, nor asked anew where another one runs; once it is gone that is NoServer.
        """
        frames = pack(message)
        self._replies[message.id] = None
        patience = self._reply_seconds if reply_seconds is None else reply_seconds
        give_up = max(self.clock.read() + self._attempts * patience, self._silence.promised)
        is_gone = False
        try:
            with self.waiting(give_up):
                while self.clock.read() < give_up:
                    reply = self._try_once(message, frames, patience)
                    if reply is not None:
                        return reply
                    is_elsewhere = self._find_again()
                    is_gone = is_last and (is_elsewhere or self._link.is_gone)
                    # One that was reached before may be on its way back.
                    is_gone = is_gone or (self._link.is_refused and not self._was_reached)
                    if is_gone:
                        break
                    self._link.rest(min(give_up, self.clock.read() + RETRY_SECONDS))
                    self._note_silence()
        finally:
            self._replies.pop(message.id, None)
        elsewhere = self._link.connection.is_elsewhere
        if elsewhere:
            self._link.connection.require_known_host()
        if is_gone:
            more = "" if self._link.is_refused else " any more"
            text = f"Nothing listens at {self._link.connection.endpoint}{more}."
            remedy = _ELSEWHERE_REMEDY if elsewhere else "Start a service with `svfr serve`."
            raise NoServer(text, remedy=remedy)
        raise self.no_answer(self._attempts * patience)

    def replies_ahead(
        self, requests: Iterable[Message], window: SendWindow, reply_seconds: Optional[float] = None
    ) -> Generator[Tuple[int, Message], None, None]:
        """Send requests, as many at once as ``window`` allows, and yield each answer with its index.

        An answer may be an error. The iterator ends early, without one, when the connection breaks or nothing
        is answered for ``reply_seconds``: the requests whose index did not come may have been done or not.
        Raises what ``requests`` raises.
        """
        patience = self._reply_seconds if reply_seconds is None else reply_seconds
        source = enumerate(requests)
        under_way: Dict[str, Tuple[int, float]] = {}
        quiet_until = self.clock.read() + patience
        try:
            while True:
                for index, message in itertools.islice(source, max(0, window.count - len(under_way))):
                    under_way[message.id] = index, self.clock.read()
                    self._replies[message.id] = None
                    # Whoever sends much asks after a break what has come, which is waited for in its turn.
                    with self.waiting(quiet_until + self._attempts * patience):
                        if not self._send(pack(message), quiet_until):
                            return
                with self.waiting(quiet_until + self._attempts * patience):
                    if not under_way or not self.receive_one(quiet_until):
                        return
                for request in [name for name in under_way if self._replies[name] is not None]:
                    index, sent_at = under_way.pop(request)
                    reply = self._replies.pop(request)
                    window.answered(self.clock.read() - sent_at)
                    quiet_until = self.clock.read() + patience
                    assert reply is not None, "these have come"
                    yield index, reply
        except NotAuthorised:
            if not self._find_again():
                raise
        finally:
            for request in under_way:
                self._replies.pop(request, None)

    def no_answer(self, waited: float) -> ServerDoesNotAnswer:
        """Return the error for a service that was waited for so many seconds in vain."""
        return ServerDoesNotAnswer(
            f"The service at {self._link.connection.endpoint} did not answer for {waited:g} s.",
            remedy=_ELSEWHERE_REMEDY if self._link.connection.is_elsewhere else _SILENT_REMEDY,
        )

    def _try_once(self, message: Message, frames: List[bytes], patience: float) -> Optional[Message]:
        """Send the request and wait for its answer; None if it could not be sent or none came."""
        deadline = self.clock.read() + patience
        try:
            if not self._send(frames, deadline):
                return None
            reply = self._wait_for(message.id, deadline)
            if reply is None and message.op in CHECKED_OPS:
                reply = self._wait_while_checked(message, patience)
            return reply
        except NotAuthorised:
            # Another program may have got the port of a service that was started anew elsewhere.
            if not self._find_again():
                raise
            return None

    def _wait_while_checked(self, request: Message, patience: float) -> Optional[Message]:
        """Wait on for as long as the service answers a ping over the same link; None once it does not."""
        give_up = self.clock.read() + CHECK_SECONDS
        is_job, is_reported = request.op in ("submit", "redo"), False
        while not self._link.is_down and self.clock.read() < give_up:
            ping = Message("ping", {})
            self._replies[ping.id] = None
            try:
                if self._try_once(ping, pack(ping), patience) is None:
                    return None
            finally:
                self._replies.pop(ping.id, None)
            if is_job and not is_reported:
                is_reported = True
                self._silence.is_worked_on(CHECKING_WORDS)
            reply = self._wait_for(request.id, self.clock.read() + patience)
            if reply is not None:
                return reply
        return None

    def _wait_for(self, request: str, deadline: float) -> Optional[Message]:
        while self._replies[request] is None:
            if not self.receive_one(deadline):
                return None
            if self._nameless is not None:  # of a message whose id could not be read: this one's
                nameless, self._nameless = self._nameless, None
                return raise_if_error(nameless)
        return raise_if_error(self._replies[request])

    def tell(self, op: str, body: Mapping[str, Any]) -> None:
        """Send what needs no answer; if it is lost, the silence that follows has it sent again."""
        self._link.send(pack(Message(op, body)), self.clock.read() + 1.0)

    @contextlib.contextmanager
    def waiting(self, until: float) -> Iterator[None]:
        """Count the silence while an answer is waited for; a wait within another counts as part of it."""
        former = self._answered_by
        if former is None:
            self._silence.begin()
            self._answered_by = until
        try:
            yield
        finally:
            self._answered_by = former

    def _send(self, frames: List[bytes], deadline: float) -> bool:
        """Send one message; False if the link is down or does not come up before ``deadline``."""
        while not self._link.send(frames, self._step(deadline)):
            self._note_silence()
            if self._link.is_down or self._link.is_refused or self.clock.read() >= deadline:
                return False
        return True

    def _step(self, deadline: float) -> float:
        return min(deadline, self.clock.read() + PING_EVERY_SECONDS)

    def _note_silence(self) -> None:
        if self._answered_by is not None:
            self._silence.goes_on(self._answered_by)

    def _receive(self, deadline: float) -> Optional[List[bytes]]:
        """Return the next message; None if the link is down or none came before ``deadline``."""
        while True:
            frames = self._link.receive(self._step(deadline))
            if frames is not None:
                self._was_reached = True
                self._silence.ends()
                return frames
            self._note_silence()
            if self._link.is_down or self.clock.read() >= deadline:
                return None
            if self._answered_by is not None and self._silence.is_reported:
                # What takes the service long is not answered soon; whether it lives is.
                self._link.send(pack(Message("ping", {})), self.clock.read())

    def receive_one(self, deadline: float) -> bool:
        """Take in one message and sort it; False if none came before ``deadline``."""
        frames = self._receive(deadline)
        if frames is None:
            return False
        self._read_bytes += sum(len(frame) for frame in frames)
        if self._read_bytes >= CREDIT_EVERY_BYTES:
            self.tell("credit", to_plain(Credit(self._read_bytes)))
            self._read_bytes = 0
        try:
            message = unpack(frames)
        except WireError:
            return True  # not from a service of this version; the missing answer is what gets reported
        if message.op == "event" and message.re in self._events:
            self._events[message.re].append(from_plain(Event, known_part(Event, message.body), "event"))
        elif message.re in self._replies:
            self._replies[message.re] = message
        elif message.op == "error" and message.re is None:
            self._nameless = message
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
        self._link = Link(found, self.clock)
        return True


def raise_if_error(reply: Optional[Message]) -> Optional[Message]:
    """Return the reply; raises the error that it is."""
    if reply is not None and reply.op == "error":
        raise error_from_dict(dict(reply.body))
    return reply
