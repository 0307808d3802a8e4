"""One job's conversation with the service, in a thread that never touches Nuke.

The thread puts what it hears into a queue and calls ``notify``; whoever owns the queue empties it in the
main thread. Sockets belong to the thread that made them, so cancelling uses a client and thread of its own
and takes effect at once, however busy the conversation is.
"""

import queue
import threading
from dataclasses import dataclass
from typing import Callable, Optional, Union

from svfr_client.errors import ReportedError, SvfrError
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Event

from .server_link import ServerLink


@dataclass(frozen=True)
class Said:
    """One line for the artist."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The conversation ended with an error; the job itself may go on at the service."""

    error: SvfrError


Message = Union[Event, Said, Failed]


class JobThread(threading.Thread):
    """Start the server if needed, submit ``spec`` under the id ``job`` (None: it is there already), follow.

    Paths in the job and in its events are the client's own; the link's rules translate both ways.
    """

    def __init__(
        self, link: ServerLink, job: str, spec: Optional[JobSpec], notify: Callable[[], None]
    ) -> None:
        super().__init__(name=f"svfr job {job[:8]}", daemon=True)
        self.link = link
        self.job = job
        self.messages: "queue.Queue[Message]" = queue.Queue()
        self._spec = spec
        self._notify = notify
        self._is_submitted = threading.Event()
        self._is_cancelled = threading.Event()
        if spec is None:
            self._is_submitted.set()

    def run(self) -> None:
        """Talk to the service until the job has ended."""
        try:
            self._talk()
        except SvfrError as error:
            self._put(Failed(error))
        except Exception as problem:
            # A fault of ours: the artist must see it, and a thread has nobody above it who could show it.
            self._put(Failed(ReportedError("INTERNAL", f"{type(problem).__name__}: {problem}")))

    def cancel(self) -> None:
        """Ask the service, from another thread, to end the job; before it is sent it is not sent at all."""
        self._is_cancelled.set()
        if self._is_submitted.is_set():
            threading.Thread(target=self._ask_to_cancel, name="svfr cancel", daemon=True).start()

    def _talk(self) -> None:
        paths = self.link.path_map()
        spec = None if self._spec is None else paths.job_to_server(self._spec)
        if spec is not None and self.link.is_local:
            self._put(Said("Looking for the server"))
            self.link.ensure_running()
        with self.link.client() as client:
            if self._is_cancelled.is_set():
                self._put(Failed(ReportedError("CANCELLED", "The job was cancelled before it was sent.")))
                return
            if spec is not None:
                client.submit(spec, self.job)
                self._is_submitted.set()
                if self._is_cancelled.is_set():
                    client.cancel(self.job)
            for event in client.follow(self.job):
                if event.kind == "frame":
                    body = dict(event.body, path=paths.to_client(str(event.body["path"])))
                    event = Event(event.job, event.seq, event.kind, body)
                self._put(event)

    def _ask_to_cancel(self) -> None:
        try:
            with self.link.client() as client:
                client.cancel(self.job)
        except SvfrError as error:
            self._put(Said(f"The job could not be cancelled: {error}"))

    def _put(self, message: Message) -> None:
        self.messages.put(message)
        self._notify()
