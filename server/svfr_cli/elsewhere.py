"""Jobs at a server elsewhere: files there and back where it does not see them, and the progress of that."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from svfr_client.client import Client
from svfr_client.connection import Connection, joined_connection, service_folder
from svfr_client.errors import SvfrError
from svfr_client.hosting.server_place import ServerPlace
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Event, Pong
from svfr_client.protocol.wire import new_id
from svfr_client.server_naming import option_of
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.hand_in import hand_in
from svfr_client.transfer.progress import TransferProgress

from .colour_check import refuse_unknown_colour
from .output import Output

_PRINT_EVERY_SECONDS = 2.0


def place_of(server: str | None) -> ServerPlace:
    """Return the place of a connection file, or of the folder that holds one.

    None is this user's own folder, which SVFR_HOME names: the place of this machine's server, or of the one
    elsewhere that the folder has joined.
    """
    if server is not None:
        return ServerPlace(str(Path(server).expanduser().absolute()))
    folder = service_folder()
    return ServerPlace("" if joined_connection(folder) is None else str(folder))


def client_at(server: str | None, name: str) -> Client:
    """Return a client of the server of :func:`place_of`; ``name`` is for its log."""
    place = place_of(server)
    return Client(Connection.load(place.file) if place.is_remote else None, name=name)


def warn_unnoted(output: Output, reason: str) -> None:
    """Write that a place of frames is not noted, unless ``reason`` is "" and it is."""
    if reason:
        text = f"Where the frames go cannot be noted here: {reason.rstrip('.')}."
        output.result("warning", {"message": text}, "")
        output.note(f"Warning: {text}")


class TransferPrinter:
    """Prints what travels: the amount before it does, then a line every few seconds, then the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next = 0.0

    def note(self, text: str) -> None:
        """Print a line for people."""
        self._output.note(text)

    def __call__(self, progress: TransferProgress) -> None:
        """Print one state, unless the last one was printed just now."""
        now = time.monotonic()
        is_first, is_last = not progress.done_bytes, progress.done_bytes == progress.total_bytes
        is_small = progress.stage != "send"  # reading and fetching are worth a line only when they take long
        if (is_small or not (is_first or is_last)) and now < self._next:
            return
        if not is_small or not is_first:
            self._output.result("transfer", vars(progress), "")
            self._output.note(progress.text)
        self._next = now + _PRINT_EVERY_SECONDS


class JobElsewhere:
    """One job at a server elsewhere, followed as any other; its frames are here when its events say so."""

    def __init__(
        self, client: Client, delivery: Delivery, printer: TransferPrinter, *, server: str | None = None
    ) -> None:
        self._client = client
        self._delivery = delivery
        self._printer = printer
        self._server = server
        self._has_named_place = False
        self._is_cancelled = False

    @classmethod
    def hand_in(
        cls, client: Client, spec: JobSpec, printer: TransferPrinter, *, server: str | None
    ) -> "JobElsewhere":
        """Send what the server of :func:`place_of` lacks and submit the job; Ctrl-C ends both.

        Raises UnknownColourSpace before anything is sent, and as
        :func:`~svfr_client.transfer.hand_in.hand_in`.
        """
        refuse_unknown_colour(spec)
        job = new_id()
        try:
            delivery = hand_in(client, spec, job, place_of(server).path_map(), tell=printer)
        except KeyboardInterrupt:
            printer.note("Interrupted; what was sent is kept for the next try. Ctrl-C again leaves at once.")
            # It may have arrived just now.
            with contextlib.suppress(SvfrError):
                client.cancel(job)
            raise
        return cls(client, delivery, printer, server=server)

    @property
    def job(self) -> str:
        """The job's id."""
        return self._delivery.job

    @property
    def fetch_command(self) -> str:
        """The command that fetches the frames, as it can be typed."""
        return self._delivery.fetch_command.replace(self.job, f"{self.job}{option_of(self._server)}", 1)

    @property
    def unnoted(self) -> str:
        """Why it could not be noted where the frames go, or ""."""
        return self._delivery.unnoted

    @property
    def output(self) -> str | None:
        """The pattern of frames that are fetched; None where the server writes them in place."""
        return self._delivery.output

    def ping(self) -> Pong:
        """Return how the server's queue stands."""
        return self._client.ping()

    def follow(
        self, job: str, after_seq: int = 0, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Event]:
        """Yield the job's events, a frame's once it is here; after a cancel no more frames are fetched.

        How a job went forward that has ended already is left out: nothing is computed any more.
        """
        has_ended = self._client.status(job).state.is_final
        for event in self._client.follow(job, after_seq, wanted):
            if has_ended and event.kind == "progress":
                continue
            here = self._delivery.bring(
                self._client, event, tell=self._printer, keep_going=lambda: not self._is_cancelled
            )
            if self._delivery.stays_there and not self._has_named_place:
                self._has_named_place = True
                self._printer.note(
                    "The frames are on the server's disk, which this machine does not see: "
                    f"{event.body['path']}. Here too: svfr fetch {job}{option_of(self._server)} --out PATTERN"
                )
            if here is not None:
                yield here

    def cancel(self, job: str) -> Any:
        """Ask for the job to end at its next window."""
        self._is_cancelled = True
        return self._client.cancel(job)
