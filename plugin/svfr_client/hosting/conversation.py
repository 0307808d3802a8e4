"""One job's conversation with the server, in a thread that never touches the host.

The thread hands on what it hears as it comes; whoever takes it passes it to the host's main thread. Sockets
belong to the thread that made them, so cancelling uses a client and thread of its own and takes effect at
once, however busy the conversation is.
"""

import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional, Union

from ..errors import ReportedError, SvfrError
from ..job import JobSpec
from ..protocol.messages import Event
from .server_place import ServerPlace

if TYPE_CHECKING:
    from ..client import Client

LOST_CODES = frozenset({"NO_SERVER", "NO_ANSWER"})


@dataclass(frozen=True)
class Note:
    """One line for the artist."""

    text: str


@dataclass(frozen=True)
class Reached:
    """The server answers; ``text`` says who it is."""

    text: str


@dataclass(frozen=True)
class Lost:
    """The server does not answer; the conversation goes on once it does."""

    error: SvfrError


@dataclass(frozen=True)
class NotCancelled:
    """The wish to end the job did not arrive; the conversation goes on."""

    error: SvfrError


@dataclass(frozen=True)
class Failed:
    """The conversation ended with an error; a job that was accepted may go on at the server."""

    error: SvfrError


Message = Union[Event, Note, Reached, Lost, NotCancelled, Failed]


class JobConversation(threading.Thread):
    """Start the server if needed, submit ``spec`` under the id ``job`` (None: it is there already), follow.

    ``put`` takes every message, in this thread or in the one that cancels. Paths in the job and in its
    events are the host's own; the place's rules translate both ways. ``retry_s``: come back so many seconds
    after the server was lost; None ends the conversation then.
    """

    def __init__(
        self,
        place: ServerPlace,
        job: str,
        spec: Optional[JobSpec],
        put: Callable[[Message], None],
        retry_s: Optional[float] = None,
    ) -> None:
        super().__init__(name=f"svfr job {job[:8]}", daemon=True)
        self.job = job
        self._place = place
        self._spec = spec
        self._put = put
        self._retry_s = retry_s
        self._seq = 0
        self._was_reached = spec is None
        self._is_submitted = threading.Event()
        self._is_cancelled = threading.Event()
        self._wants_no_more = threading.Event()
        if spec is None:
            self._is_submitted.set()

    @property
    def unsent(self) -> Optional[JobSpec]:
        """Return the job while it is not known to have been accepted."""
        return None if self._is_submitted.is_set() else self._spec

    def run(self) -> None:
        """Talk to the server until the job has ended, or :meth:`stop`."""
        while True:
            try:
                self._talk()
                return
            except SvfrError as error:
                comes_back = self._retry_s is not None and self._was_reached and error.code in LOST_CODES
                self._put(Lost(error) if comes_back else Failed(error))
                if not comes_back or self._wants_no_more.wait(self._retry_s):
                    return
            except Exception as problem:
                # A fault of ours: the artist must see it, and a thread has nobody above it who could show it.
                traceback.print_exc()
                text = f"The plugin has an error of its own ({type(problem).__name__})."
                self._put(Failed(ReportedError("INTERNAL", text, remedy="The host's terminal shows where.")))
                return

    def cancel(self) -> None:
        """Ask the server, from another thread, to end the job; before it is sent it is not sent at all."""
        self._is_cancelled.set()
        if self._is_submitted.is_set():
            threading.Thread(target=self._ask_to_cancel, name="svfr cancel", daemon=True).start()

    def stop(self) -> None:
        """Receive no more of the job, once it is sent; it goes on at the server."""
        self._wants_no_more.set()

    def _talk(self) -> None:
        paths = self._place.path_map()
        spec = None if self.unsent is None else paths.job_to_server(self.unsent)
        if spec is not None and self._place.starts_itself and not self._place.is_remote:
            self._put(Note("Looking for the server"))
            self._place.ensure_running(
                starting=lambda: self._put(Note("Starting the server")),
                keep_waiting=lambda: not self._wants_no_more.is_set(),
            )
        with self._place.client() as client:
            welcome = client.hello()
            self._was_reached = True
            self._put(Reached(f"{welcome.server} on {', '.join(welcome.devices)}"))
            if spec is not None and not self._submit(client, spec):
                return
            for event in client.follow(self.job, self._seq, wanted=lambda: not self._wants_no_more.is_set()):
                self._seq = event.seq
                if event.kind == "frame":
                    body = dict(event.body, path=paths.to_client(str(event.body["path"])))
                    event = Event(event.job, event.seq, event.kind, body)
                self._put(event)

    def _submit(self, client: "Client", spec: JobSpec) -> bool:
        """Hand the job in, again after a loss: the same id and job is the same job. False if cancelled."""
        if self._is_cancelled.is_set():
            self._put(Failed(ReportedError("CANCELLED", "The job was cancelled before it was sent.")))
            return False
        client.submit(spec, self.job)
        self._is_submitted.set()
        if self._is_cancelled.is_set():
            client.cancel(self.job)
        return True

    def _ask_to_cancel(self) -> None:
        try:
            with self._place.client() as client:
                client.cancel(self.job)
        except SvfrError as error:
            self._put(NotCancelled(error))
