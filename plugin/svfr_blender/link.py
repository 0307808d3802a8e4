# SPDX-License-Identifier: GPL-3.0-or-later
"""What talks to the server: a thread that obeys, and a conversation for each job. It knows no Blender.

The main thread hands in commands and takes out reports, both plain frozen values; neither call ever waits.
Each job is followed from its first event by a thread of its own, so that it does not matter who started a
job and when, and its warnings show as they come.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

from .errors import OnlineAccessIsOff
from .svfr_client.client import Client
from .svfr_client.errors import SvfrError
from .svfr_client.hosting.conversation import JobConversation, Message, Request, Unmade
from .svfr_client.hosting.faces import FacesWish, FoundFace, find_faces
from .svfr_client.hosting.program import MadeMovie, MovieWish, PageWish, make_movie, make_page
from .svfr_client.hosting.server_place import ServerPlace
from .svfr_client.protocol.messages import ModelOffer

RETRY_SECONDS = 3.0


@dataclass(frozen=True)
class Address(ServerPlace):
    """The server that the preferences name.

    ``is_offline``: one elsewhere is chosen, but Blender's preferences allow no online access.
    """

    is_offline: bool = False
    name: ClassVar[str] = "Blender"
    reply_seconds: ClassVar[float] = 2.0

    @property
    def is_remote(self) -> bool:
        """Return whether the server was chosen by hand, so that it may run on another machine."""
        return super().is_remote or self.is_offline

    def client(self) -> Client:
        """Return a new client; raises OnlineAccessIsOff where Blender may not go online."""
        if self.is_offline:
            raise OnlineAccessIsOff(
                "The server is on another machine, and Blender may not go online.",
                remedy="Allow it in Preferences > System > Network, or clear the connection file.",
            )
        return super().client()


@dataclass(frozen=True)
class AboutJob:
    """Command about one job, by its id."""

    job: str


@dataclass(frozen=True)
class Submit(AboutJob):
    """Command: hand in a job, starting a server if none runs and that is allowed."""

    request: Request | Unmade


class Watch(AboutJob):
    """Command: report on a job that was handed in earlier, perhaps by another session."""


class Cancel(AboutJob):
    """Command: end a job."""


class Forget(AboutJob):
    """Command: report no more on a job; it goes on."""


@dataclass(frozen=True)
class TestConnection:
    """Command: say whether the server answers."""


@dataclass(frozen=True)
class AskModels:
    """Command: say which models the server has."""


@dataclass(frozen=True)
class MakePage:
    """Command: make the page of a result; other commands do not wait for it."""

    wish: PageWish


class MakeMovie(NamedTuple):
    """Command: write the movie of a job's frames; other commands do not wait for it, other movies do."""

    job: str
    wish: MovieWish


class FindFaces(NamedTuple):
    """Command: find the faces of the strip with this tag; other commands do not wait for it."""

    source: str
    wish: FacesWish


@dataclass(frozen=True)
class StartServer:
    """Command: start a server on this machine unless one answers."""


@dataclass(frozen=True)
class Move:
    """Command: talk to another server from now on."""

    address: Address


Command = (
    Submit
    | Watch
    | Cancel
    | Forget
    | TestConnection
    | AskModels
    | MakePage
    | MakeMovie
    | FindFaces
    | StartServer
    | Move
)


@dataclass(frozen=True)
class ServerReport:
    """Report: how the server is; ``is_up`` None while it is being started."""

    is_up: bool | None
    text: str


class JobReport(NamedTuple):
    """Report: what the conversation about a job has heard."""

    job: str
    message: Message


@dataclass(frozen=True)
class ModelsReport:
    """Report: the server's models, by name; none from a server too old to tell."""

    models: tuple[ModelOffer, ...]


@dataclass(frozen=True)
class PageReport:
    """Report: where the page of a result is, or why there is none."""

    page: str = ""
    error: SvfrError | None = None


@dataclass(frozen=True)
class MovieReport:
    """Report: the movie of a job's frames, or why there is none."""

    job: str
    movie: MadeMovie | None = None
    error: SvfrError | None = None


@dataclass(frozen=True)
class FacesReport:
    """Report: the faces of the strip with this tag, or why there are none."""

    source: str
    faces: tuple[FoundFace, ...] = ()
    error: SvfrError | None = None


Report = ServerReport | JobReport | ModelsReport | PageReport | MovieReport | FacesReport


class ServerLink(threading.Thread):
    """The thread that obeys; :meth:`send` and :meth:`reports` are for the main thread."""

    def __init__(self, address: Address) -> None:
        super().__init__(name="SVFR server link", daemon=True)
        self._address = address
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._conversations: dict[str, JobConversation] = {}
        self._quitting = threading.Event()
        self._one_movie = threading.Lock()

    def send(self, command: Command) -> None:
        """Hand in a command; returns at once."""
        self._commands.put(command)

    def reports(self) -> list[Report]:
        """Return everything reported since the last call; returns at once."""
        found: list[Report] = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._reports.get_nowait())
        return found

    def stop(self, wait_s: float = 5.0) -> None:
        """End after the commands it was given, with what is being sent sent; jobs on the server go on."""
        deadline = time.monotonic() + wait_s
        self._quitting.set()
        self._commands.put(None)
        self.join(wait_s)
        for conversation in list(self._conversations.values()):
            conversation.stop()
        for conversation in list(self._conversations.values()):
            conversation.join(max(0.0, deadline - time.monotonic()))

    def run(self) -> None:
        """Obey until :meth:`stop`."""
        while (command := self._commands.get()) is not None:
            try:
                self._obey(command)
            except SvfrError as problem:
                self._reports.put(ServerReport(False, str(problem)))
            except Exception as problem:  # a fault of ours must not silence the thread
                traceback.print_exc()
                text = f"The extension has an error of its own ({type(problem).__name__})."
                self._reports.put(ServerReport(False, text))

    def _obey(self, command: Command) -> None:
        if isinstance(command, Submit):
            self._talk_about(command.job, command.request)
        elif isinstance(command, Watch):
            self._talk_about(command.job, None)
        elif isinstance(command, Forget):
            if command.job in self._conversations:
                self._conversations.pop(command.job).stop()
        elif isinstance(command, Cancel):
            if command.job in self._conversations:
                self._conversations[command.job].cancel()
        elif isinstance(command, Move):
            self._address = command.address
            for job, former in list(self._conversations.items()):
                former.stop()
                if former.is_alive():
                    self._talk_about(job, former.unsent)
        elif isinstance(command, StartServer):
            self._address.ensure_running(
                starting=lambda: self._reports.put(ServerReport(None, "Starting the server")),
                keep_waiting=lambda: not self._quitting.is_set(),
            )
            self._test()
        elif isinstance(command, MakePage):
            work = partial(self._make_page, self._address, command.wish)
            threading.Thread(target=work, name="SVFR page", daemon=True).start()
        elif isinstance(command, MakeMovie):
            work = partial(self._make_movie, self._address, command)
            threading.Thread(target=work, name="SVFR movie", daemon=True).start()
        elif isinstance(command, FindFaces):
            work = partial(self._find_faces, self._address, command)
            threading.Thread(target=work, name="SVFR faces", daemon=True).start()
        elif isinstance(command, AskModels):
            with self._address.client() as client:
                self._reports.put(ModelsReport(client.models()))
        else:
            self._test()

    def _talk_about(self, job: str, request: Request | Unmade | None) -> None:
        def put(message: Message) -> None:
            if self._conversations.get(job) is conversation:  # else it was forgotten, or moved
                self._reports.put(JobReport(job, message))

        conversation = JobConversation(self._address, job, request, put, retry_s=RETRY_SECONDS)
        self._conversations[job] = conversation
        conversation.start()

    def _make_page(self, address: Address, wish: PageWish) -> None:
        try:
            self._reports.put(PageReport(str(make_page(address, wish))))
        except SvfrError as problem:
            self._reports.put(PageReport(error=problem))

    def _make_movie(self, address: Address, command: MakeMovie) -> None:
        with self._one_movie:
            try:
                self._reports.put(MovieReport(command.job, make_movie(address, command.wish)))
            except SvfrError as problem:
                self._reports.put(MovieReport(command.job, error=problem))

    def _find_faces(self, address: Address, command: FindFaces) -> None:
        try:
            self._reports.put(FacesReport(command.source, find_faces(address, command.wish)))
        except SvfrError as problem:
            self._reports.put(FacesReport(command.source, error=problem))

    def _test(self) -> None:
        with self._address.client() as client:
            welcome = client.hello()
            started = time.monotonic()
            pong = client.ping()
            took_ms = (time.monotonic() - started) * 1000.0
            models = client.models()
        text = (
            f"{welcome.server} on {', '.join(welcome.devices)}: {pong.running} running, "
            f"{pong.queued} waiting, answered in {took_ms:.0f} ms"
        )
        self._reports.put(ServerReport(True, text))
        self._reports.put(ModelsReport(models))
