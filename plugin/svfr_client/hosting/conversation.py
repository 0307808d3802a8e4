"""One job's conversation with the server, in a thread that never touches the host.

The thread hands on what it hears as it comes; whoever takes it passes it to the host's main thread. Sockets
belong to the thread that made them, so cancelling uses a client and thread of its own and takes effect at
once, however busy the conversation is.
"""

import threading
import time
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Optional, Union

from ..errors import NotTheServer, ReportedError, SvfrError
from ..job import JobSpec
from ..protocol.messages import Event, Redo
from ..server_naming import event_with_server, with_server
from ..silence import BACK_WORDS
from ..transfer.progress import TransferProgress
from .server_place import ServerPlace

if TYPE_CHECKING:
    from ..client import Client
    from ..transfer.delivery import Delivery

LOST_CODES = frozenset({"NO_SERVER", "NO_ANSWER"})
_TRANSFER_EVERY_SECONDS = 0.3


@dataclass(frozen=True)
class Transferring:
    """Files travel, to a server elsewhere that does not see them or as frames from there."""

    progress: TransferProgress


@dataclass(frozen=True)
class Line:
    """Something for the artist to read."""

    text: str


class Note(Line):
    """One line for the artist."""


class Reached(Line):
    """The server answers; ``text`` says who it is."""


@dataclass(frozen=True)
class Trouble:
    """Something went wrong."""

    error: SvfrError


class Lost(Trouble):
    """The server does not answer; the conversation goes on once it does."""


class NotCancelled(Trouble):
    """The wish to end the job did not arrive; the conversation goes on."""


class Failed(Trouble):
    """The conversation ended with an error; a job that was accepted may go on at the server."""


Request = Union[JobSpec, Redo]
# What makes a job, where that takes too long for a host's main thread; called once, in the conversation's.
Unmade = Callable[[], Request]
Message = Union[Event, Note, Transferring, Reached, Lost, NotCancelled, Failed]


class JobConversation(threading.Thread):
    """Start the server if needed, send ``request`` under the id ``job`` (None: it is there already), follow.

    A request is a job, or some frames of a former one again, or what makes one. ``put`` takes every message,
    in this thread or in the one that cancels. Paths in the job and in its events are the host's own; the
    place's rules translate both ways. A server elsewhere is sent the files that it does not see, and its
    frames are fetched before their events are put. ``retry_s``: come back so many seconds after the server
    was lost; None ends the conversation then.
    """

    def __init__(
        self,
        place: ServerPlace,
        job: str,
        request: Union[Request, Unmade, None],
        put: Callable[[Message], None],
        retry_s: Optional[float] = None,
    ) -> None:
        super().__init__(name=f"svfr job {job[:8]}", daemon=True)
        self.job = job
        self._place = place
        self._request = request
        self._hand_on = put
        self._retry_s = retry_s
        self._seq = 0
        self._server = ""
        self._delivery: Optional[Delivery] = None
        self._next_progress = 0.0
        self._has_named_place = False
        self._was_reached = request is None
        self._is_submitted = threading.Event()
        self._is_cancelled = threading.Event()
        self._wants_no_more = threading.Event()
        if request is None:
            self._is_submitted.set()

    @property
    def unsent(self) -> Union[Request, Unmade, None]:
        """Return the request while it is not known to have been accepted."""
        return None if self._is_submitted.is_set() else self._request

    def run(self) -> None:
        """Talk to the server until the job has ended, or :meth:`stop`."""
        while True:
            try:
                self._talk()
                return
            except SvfrError as error:
                comes_back = self._retry_s is not None and self._was_reached and self._is_loss(error)
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

    def _is_loss(self, error: SvfrError) -> bool:
        """Return whether the server may be back; a tunnel through which it was reached hangs up meanwhile."""
        return error.code in LOST_CODES or (isinstance(error, NotTheServer) and bool(self._server))

    def _talk(self) -> None:
        request = self.unsent
        if request is not None and not isinstance(request, (JobSpec, Redo)):
            self._request = request()
        if self.unsent is not None and self._place.starts_itself and not self._place.is_remote:
            self._put(Note("Looking for the server"))
            self._place.ensure_running(
                starting=lambda: self._put(Note("Starting the server")),
                keep_waiting=lambda: not self._wants_no_more.is_set(),
            )
        with self._place.client() as client:
            client.report_silence(self._put_silence)
            welcome = client.hello()
            self._was_reached = True
            self._server = f"{welcome.server} on {', '.join(welcome.devices)}"
            self._put(Reached(self._server))
            # After a loss the same one: it knows what is not here.
            delivery = self._delivery = self._delivery or self._submit(client)
            if delivery is None:
                return
            if delivery.unnoted:
                text = "After a restart the frames are not fetched by themselves: where they go is not noted."
                self._put(Note(f"{text} {delivery.unnoted}"))
            for event in client.follow(self.job, self._seq, wanted=lambda: not self._wants_no_more.is_set()):
                here = delivery.bring(client, event, self._put_progress, self._keeps_transferring)
                if self._wants_no_more.is_set() and delivery.left_out:
                    return  # frames are left for the host's next start, which is no trouble of the job
                self._seq = event.seq
                if delivery.stays_there and not self._has_named_place:
                    self._has_named_place = True
                    self._put(Note("The frames are on the server's disk, which this machine does not see."))
                if here is not None:
                    self._put(here)

    def _submit(self, client: "Client") -> Optional["Delivery"]:
        """Hand the request in, again after a loss: the same id and request is the same job.

        Returns how its frames come to this machine, also for a job that is there already; None if cancelled.
        """
        from ..transfer.delivery import Delivery
        from ..transfer.hand_in import hand_in, hand_in_again

        request, paths = self.unsent, self._place.path_map()
        assert request is None or isinstance(request, (JobSpec, Redo)), "made when the conversation began"
        if request is None:
            return Delivery.noted(self.job, paths) if self._place.is_remote else Delivery(self.job)
        if self._is_cancelled.is_set():
            self._put(Failed(ReportedError("CANCELLED", "The job was cancelled before it was sent.")))
            return None
        delivery = Delivery(self.job)
        if isinstance(request, Redo):
            delivery = hand_in_again(client, replace(request, job=self.job), paths)
        elif self._place.is_remote:
            progress, keep_going = self._put_progress, self._keeps_transferring
            delivery = hand_in(client, request, self.job, paths, tell=progress, keep_going=keep_going)
        else:
            client.submit(request, self.job)
        self._is_submitted.set()
        if self._is_cancelled.is_set():
            client.cancel(self.job)
        return delivery

    def _put(self, message: Message) -> None:
        """Hand a message on; commands that an error leads on to are for the server of this place."""
        server = self._place.connection_file
        if isinstance(message, Event):
            message = event_with_server(message, server)
        elif isinstance(message, (Lost, NotCancelled, Failed)):
            message = replace(message, error=with_server(message.error, server))
        self._hand_on(message)

    def _put_silence(self, text: str) -> None:
        self._put(Note(text or BACK_WORDS))
        if not text:
            self._put(Reached(self._server))

    def _keeps_transferring(self) -> bool:
        return not self._is_cancelled.is_set() and not self._wants_no_more.is_set()

    def _put_progress(self, progress: TransferProgress) -> None:
        """Put the beginning and the end of a transfer, and some of what is between."""
        is_between = 0 < progress.done_bytes < progress.total_bytes
        if not is_between or time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + _TRANSFER_EVERY_SECONDS
            self._put(Transferring(progress))

    def _ask_to_cancel(self) -> None:
        try:
            with self._place.client() as client:
                client.cancel(self.job)
        except SvfrError as error:
            self._put(NotCancelled(error))
