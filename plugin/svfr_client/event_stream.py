"""The events of one job, each once, in order and without gaps, whatever becomes of the connection."""

import contextlib
from collections import deque
from typing import Callable, Deque, Iterator, Optional

import zmq

from .errors import ServerDoesNotAnswer, SvfrError
from .exchange import RETRY_SECONDS, Exchange
from .protocol.messages import Ack, Event, Follow, Following, JobRequest, check_job_id
from .protocol.wire import Message
from .records import from_plain, known_part, to_plain

QUIET_SECONDS = 5.0
ACK_EVERY = 16


class EventStream:
    """What a service reports of one job after event ``seq``; a gap or a silence has it asked again.

    ``wanted`` is asked a few times a second; once it is false no more is waited for.
    """

    def __init__(self, exchange: Exchange, job: str, seq: int, wanted: Callable[[], bool]) -> None:
        self._exchange = exchange
        self._job = check_job_id(job)
        self._wanted = wanted
        self._seq = self._acknowledged = seq
        self._ends_at: Optional[int] = None  # the number of the last event of a job that has ended
        self._request: Optional[str] = None
        self._waiting: Deque[Event] = deque()

    def events(self) -> Iterator[Event]:
        """Yield the events to the last; raises what :meth:`svfr_client.client.Client.follow` says."""
        self._open()
        clock = self._exchange.clock
        quiet_until = clock.read() + QUIET_SECONDS
        try:
            while self._wanted() and not self._is_read():
                if not self._waiting:
                    self._acknowledge()
                    if not self._exchange.receive_one(min(quiet_until, clock.read() + RETRY_SECONDS)):
                        if self._exchange.is_down or clock.read() >= quiet_until:
                            self._open_again()
                            quiet_until = clock.read() + QUIET_SECONDS
                        continue
                quiet_until = clock.read() + QUIET_SECONDS
                yield from self._take()
        finally:
            self._forget()
            # Best effort: a service that is gone, or a client that was closed, has forgotten the stream.
            with contextlib.suppress(SvfrError, zmq.ZMQError):
                self._exchange.tell("unfollow", to_plain(JobRequest(self._job)))

    def _is_read(self) -> bool:
        return self._ends_at is not None and self._seq >= self._ends_at

    def _take(self) -> Iterator[Event]:
        """Yield what has come, without what came before; ask again from where a number is missing."""
        waiting = self._waiting
        while waiting:
            event = waiting.popleft()
            if event.seq <= self._seq:
                continue
            if event.seq > self._seq + 1:
                self._open_again()
                return
            self._seq = event.seq
            if event.is_last:
                self._ends_at = event.seq
            yield event
            if event.is_last:
                return
            if self._seq - self._acknowledged >= ACK_EVERY:
                self._acknowledge()

    def _acknowledge(self) -> None:
        if self._seq > self._acknowledged:
            self._exchange.tell("ack", to_plain(Ack(self._job, self._seq)))
            self._acknowledged = self._seq

    def _open(self) -> None:
        """Ask for the events from here on, in place of what was asked before."""
        self._forget()
        message = Message("follow", to_plain(Follow(self._job, self._seq)))
        self._request, self._waiting = message.id, self._exchange.keep_events(message.id)
        try:
            reply = self._exchange.answer(message)
        except BaseException:
            self._forget()
            raise
        following = from_plain(Following, known_part(Following, reply.body), "reply")
        self._ends_at = following.last_seq if following.is_final else None

    def _open_again(self) -> None:
        """Do as :meth:`_open`, and wait for a server elsewhere as long as a transfer does."""
        clock, patience = self._exchange.clock, self._exchange.line_seconds
        give_up = clock.read() + patience
        with self._exchange.waiting(give_up):
            while True:
                try:
                    return self._open()
                except ServerDoesNotAnswer as problem:
                    if not self._wanted():
                        raise
                    if clock.read() >= give_up:
                        raise self._exchange.no_answer(patience) from problem

    def _forget(self) -> None:
        if self._request is not None:
            self._exchange.drop_events(self._request)
            self._request = None
