"""Events on their way to clients: each stream a cursor into the store, never a queue in memory.

A client that follows a job is sent at most ``events_ahead`` events beyond its last acknowledgement, and
nothing beyond its byte credit (``credit.py``), so that one that never reads holds up nobody else. Events
are read from the store when they are sent; a stream that is lost begins again wherever the client says.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from svfr_client.protocol.messages import Ack, Event, Follow
from svfr_client.protocol.wire import Message
from svfr_client.records import to_plain
from svfr_server.errors import QueueFull
from svfr_server.job_store.store import JobStore
from svfr_server.settings import Limits

SILENCE_SECONDS = 60.0
Send = Callable[[bytes, Message], bool]
"""Send a message to a client (its routing id); False if it is gone or cannot take more now."""


@dataclass
class _Stream:
    request: str
    sent: int
    acknowledged: int
    last_active: float


class Streams:
    """Every follow request the service is serving, by client (routing id) and job."""

    def __init__(self, store: JobStore, limits: Limits, send: Send) -> None:
        self._store = store
        self._limits = limits
        self._send = send
        self._streams: dict[tuple[bytes, str], _Stream] = {}

    def follow(self, client: bytes, request: str, wanted: Follow) -> None:
        """Begin, or move, the client's stream of a job; nothing is sent before :meth:`pump`."""
        mine = sum(1 for owner, job in self._streams if owner == client and job != wanted.job)
        if mine >= self._limits.streams_per_client:
            raise QueueFull(f"This client follows {mine} jobs already.", remedy="Follow fewer at a time.")
        stream = _Stream(request, wanted.after_seq, wanted.after_seq, time.monotonic())
        self._streams[(client, wanted.job)] = stream

    def unfollow(self, client: bytes, job: str) -> None:
        """End a stream, if there is one."""
        self._streams.pop((client, job), None)

    def acknowledge(self, client: bytes, ack: Ack) -> None:
        """Note what the client has taken, and send what that makes room for."""
        stream = self._streams.get((client, ack.job))
        if stream is not None:
            stream.acknowledged = max(stream.acknowledged, min(ack.seq, stream.sent))
            stream.last_active = time.monotonic()
            self.pump(ack.job)

    def forget(self, client: bytes) -> None:
        """End every stream of a client whose connection is gone."""
        for key in [key for key in self._streams if key[0] == client]:
            del self._streams[key]

    def clear(self) -> None:
        """End every stream; the clients ask again."""
        self._streams.clear()

    def pump(self, job: str) -> None:
        """Send every follower of ``job`` what it may have now."""
        for key in [key for key in self._streams if key[1] == job]:
            self._pump_one(key)

    def pump_client(self, client: bytes) -> None:
        """Send one client what it may have now, of all the jobs that it follows."""
        for key in [key for key in self._streams if key[0] == client]:
            self._pump_one(key)

    def resend(self) -> None:
        """Retry what could not be sent, and forget clients that have been silent for too long."""
        oldest = time.monotonic() - SILENCE_SECONDS
        for key, stream in list(self._streams.items()):
            if stream.sent > stream.acknowledged and stream.last_active < oldest:
                del self._streams[key]
            else:
                self._pump_one(key)

    def __len__(self) -> int:
        return len(self._streams)

    def _pump_one(self, key: tuple[bytes, str]) -> None:
        client, job = key
        stream = self._streams.get(key)
        if stream is None:
            return
        room = self._limits.events_ahead - (stream.sent - stream.acknowledged)
        if room <= 0:
            return
        for event in self._store.events(job, stream.sent, room):
            if not self._send(client, _as_message(event, stream.request)):
                return
            stream.sent = event.seq
            if event.is_last:
                del self._streams[key]
                return


def _as_message(event: Event, request: str) -> Message:
    return Message("event", to_plain(event), re=request)
