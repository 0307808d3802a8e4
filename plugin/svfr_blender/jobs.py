# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of the open file: a state machine that is pumped, and knows neither Blender nor sockets.

``pump()`` takes in what the server link reports and asks the host to insert what is ready. The timer calls it
in Blender's window, tests and scripts call it in a loop. Records live outside Blender's data, so that undo
does not make a running job forgotten; the host keeps a copy in the file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from .face_boxes import FacesOfStrip
from .link import (
    AskModels,
    Cancel,
    Command,
    FacesReport,
    FindFaces,
    Forget,
    MakeMovie,
    MakePage,
    ModelsReport,
    MovieReport,
    PageReport,
    Report,
    ServerReport,
    Submit,
    Watch,
)
from .svfr_client.errors import ServerDoesNotAnswer, SvfrError
from .svfr_client.hosting import job_record
from .svfr_client.hosting.conversation import (
    LOST_CODES,
    Failed,
    Lost,
    Message,
    NotCancelled,
    Note,
    Reached,
    Request,
    Transferring,
    Unmade,
)
from .svfr_client.hosting.faces import FacesWish
from .svfr_client.hosting.program import MadeMovie, MovieWish, PageWish
from .svfr_client.json_files import read_json
from .svfr_client.protocol.messages import Event, ModelOffer

_PUMP_SECONDS = 0.1
_MAKING_MOVIE = "Making the movie"


@dataclass
class JobRecord(job_record.JobRecord):
    """One job of this file.

    ``source`` is the tag of its strip, ``scene`` and ``strip`` the names of both when it was sent. ``base``:
    the job of whose frames this one does some again; empty for a whole one. ``movie``: the ending of the
    movie that is wanted beside the frames, or empty. ``layers_of``: the job whose frames this one writes with
    extra layers, for which no strip is made; empty for any other. ``output``: the panel's folder for results,
    as it was written there. ``project``: the folder of the file when the record was kept in it.
    """

    job: str
    source: str
    scene: str
    strip: str
    title: str
    mutes_source: bool = True
    builds_proxies: bool = False
    state: str = "sending"
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    warnings: tuple[str, ...] = ()
    is_inserted: bool = False
    paths: tuple[tuple[int, str], ...] = ()
    base: str = ""
    movie: str = ""
    movie_text: str = ""
    layers_of: str = ""
    output: str = ""
    project: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobRecord:
        """Read what :func:`records_to_text` wrote; keys of a newer version are left out."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        values["warnings"] = tuple(str(text) for text in values.get("warnings", ()))
        values["paths"] = tuple((int(frame), str(path)) for frame, path in values.get("paths", ()))
        return cls(**values)


def records_to_text(records: Iterable[JobRecord]) -> str:
    """Return the records as JSON, for keeping them in the file."""
    return json.dumps([asdict(record) for record in records])


def records_from_text(text: str) -> list[JobRecord]:
    """Return the records of :func:`records_to_text`; none from text that is no such JSON."""
    try:
        return [JobRecord.from_json(item) for item in read_json(text)]
    except (ValueError, TypeError, AttributeError):
        return []  # written by another program under our name: nothing of ours to find again


class Link(Protocol):
    """What the controller needs of the server link."""

    def send(self, command: Command) -> None:
        """Hand in a command without waiting."""

    def reports(self) -> list[Report]:
        """Take out what was reported, without waiting."""


class Host(Protocol):
    """What the controller needs of Blender."""

    def can_insert(self) -> bool:
        """Return whether strips may be changed now (not while Blender renders)."""

    def insert(self, record: JobRecord) -> str:
        """Insert or update the result strips of a finished job and return what to tell the user."""

    def movie_wish(self, record: JobRecord) -> MovieWish:
        """Return what the movie of a job is made of, after its result was inserted."""

    def note_movie(self, record: JobRecord, movie: MadeMovie) -> None:
        """Note in the results of a job that their movie is there."""

    def open_page(self, page: str) -> None:
        """Show a page in the browser."""

    def changed(self) -> None:
        """Redraw the panel: a record or the server's state has changed."""


class Preparation(Protocol):
    """What must still be read of Blender before a job can be sent."""

    @property
    def stage(self) -> str:
        """Return what is being read, in a few words."""

    @property
    def fraction(self) -> float:
        """Return how much is read, 0 to 1."""

    def read_on(self) -> bool:
        """Read for a moment; return whether all is read. Raises SvfrError."""

    def request(self) -> Request:
        """Return the job; called in another thread."""


class Controller:
    """The jobs of the open file and what is known of the server."""

    def __init__(self, link: Link, host: Host) -> None:
        self._link = link
        self._host = host
        self.records: list[JobRecord] = []
        self._preparations: dict[str, Preparation] = {}
        self.server_is_up: bool | None = False
        self.server_text = "Not asked yet"
        self.models: tuple[ModelOffer, ...] = ()
        self.page_text = ""
        self.faces: dict[str, FacesOfStrip] = {}
        self.faces_text = ""
        self._faces_content: dict[str, tuple[int, ...]] = {}
        self._movies_under_way: set[str] = set()
        self._movies_made: list[tuple[str, MadeMovie]] = []

    @property
    def is_idle(self) -> bool:
        """Return whether every job has ended and its result and movie are in: for scripts that pump."""
        has_movies = not self._movies_under_way and not self._movies_made
        return has_movies and not any(record.is_active or self._waits(record) for record in self.records)

    def wait(self, without_server_s: float = 60.0) -> None:
        """Pump until every job has ended and its result is in: for scripts.

        Raises ServerDoesNotAnswer once the server has been away for ``without_server_s`` seconds; its jobs
        go on when it is back.
        """
        last_report = time.monotonic()
        while not self.is_idle:
            self.pump()
            if self.server_is_up is not False:
                last_report = time.monotonic()
            elif time.monotonic() - last_report > without_server_s:
                raise ServerDoesNotAnswer(
                    f"The server has been away for {without_server_s:g} s: {self.server_text}",
                    remedy="Start it with `svfr serve`; jobs that it has accepted go on.",
                )
            if not self.is_preparing:
                time.sleep(_PUMP_SECONDS)

    def submit(self, record: JobRecord, request: Request | Unmade) -> None:
        """Hand in a job, or what makes it in the conversation's thread."""
        self.records.append(record)
        self._link.send(Submit(record.job, request))
        self._host.changed()

    def model(self, name: str) -> ModelOffer | None:
        """Return what the server last said of a model; None when it did not speak of it."""
        return next((offer for offer in self.models if offer.name == name.strip()), None)

    @property
    def is_preparing(self) -> bool:
        """Return whether something is being read for a job, so that pumping more often helps."""
        return bool(self._preparations)

    def prepare(self, record: JobRecord, preparation: Preparation) -> None:
        """Hand in a job once all is read for it, a slice at every pump."""
        self.records.append(record)
        self._preparations[record.job] = preparation
        self._host.changed()

    def find_faces(self, source: str, content: tuple[int, ...], wish: FacesWish) -> None:
        """Have the faces of the strip with this tag found; ``content``: the plate frames of its elements."""
        self.faces_text = "Looking for faces"
        self._faces_content[source] = content
        self._link.send(FindFaces(source, wish))
        self._host.changed()

    def redraw(self) -> None:
        """Have panel and preview drawn anew."""
        self._host.changed()

    def show_page(self, wish: PageWish) -> None:
        """Have the page of a result made, and show it in the browser when it is there."""
        self.page_text = "Making the page of the result"
        self._link.send(MakePage(wish))
        self._host.changed()

    def cancel(self, job: str) -> None:
        """Ask for the end of a job, and of the one that writes its layers."""
        for layered in [one.job for one in self.records if one.layers_of == job and one.is_active]:
            self.cancel(layered)
        record = self.find(job)
        if record is not None and self._preparations.pop(job, None) is not None:
            record.end(job_record.CANCELLED)
            self._host.changed()
        elif record is not None and record.is_active:
            record.message = "Cancelling"
            self._link.send(Cancel(job))
            self._host.changed()

    def clear_finished(self) -> None:
        """Forget the jobs that have ended; their files and strips stay."""
        self.records = [record for record in self.records if record.is_active or self._waits(record)]
        self._host.changed()

    def insert_again(self, job: str) -> None:
        """Put a finished job's result in at the next pump, for instance after it was undone."""
        record = self.find(job)
        if record is not None and record.state == "done":
            record.is_inserted = False

    def find(self, job: str) -> JobRecord | None:
        """Return the record of a job, or None."""
        return next((record for record in self.records if record.job == job), None)

    def adopt(self, records: list[JobRecord]) -> None:
        """Take over the records of a file that was opened, in place of the former one's."""
        for record in self.records:
            self._link.send(Forget(record.job))
        self._preparations.clear()
        self.records = records
        for record in records:
            if record.is_active:
                self._link.send(Watch(record.job))
            if record.movie_text == _MAKING_MOVIE and record.job not in self._movies_under_way:
                record.movie_text = "The movie was not made: use Insert Again."
        self._host.changed()

    def pump(self) -> None:
        """Read on for jobs, take in reports and insert what is ready; never waits."""
        self._read_on()
        reports = self._link.reports()
        for report in reports:
            self._take(report)
        ready = [record for record in self.records if self._waits(record)]
        if (ready or self._movies_made) and self._host.can_insert():
            for record in ready:
                self._insert(record)
            self._note_movies()
        if reports or ready:
            self._host.changed()

    def _read_on(self) -> None:
        """Read a slice for the oldest job that is not sent yet; send it when that was the last."""
        job, preparation = next(iter(self._preparations.items()), ("", None))
        record = self.find(job)
        if preparation is None or record is None:
            return
        try:
            is_whole = preparation.read_on()
            record.stage, record.fraction = preparation.stage, preparation.fraction
            if is_whole:
                self._link.send(Submit(job, preparation.request))
        except SvfrError as problem:
            is_whole = True
            record.end(job_record.FAILED, problem)
        if is_whole:
            del self._preparations[job]
        self._host.changed()

    def _waits(self, record: JobRecord) -> bool:
        return record.state == "done" and not record.is_inserted

    def _insert(self, record: JobRecord) -> None:
        record.is_inserted = True  # whatever comes of it: not again at the next pump
        try:
            note = self._host.insert(record)
        except SvfrError as problem:
            note = str(problem)
        else:
            self._begin_movie(record)
        record.message = " ".join(text for text in (note, record.message) if text)

    def _begin_movie(self, record: JobRecord) -> None:
        if not record.movie or not record.paths or record.job in self._movies_under_way:
            return
        try:
            self._link.send(MakeMovie(record.job, self._host.movie_wish(record)))
        except SvfrError as problem:
            record.movie_text = str(problem)
        else:
            self._movies_under_way.add(record.job)
            record.movie_text = _MAKING_MOVIE

    def _note_movies(self) -> None:
        """Let the results know their movies; that of a job which was forgotten lies beside its frames."""
        made, self._movies_made = self._movies_made, []
        for job, movie in made:
            record = self.find(job)
            if record is not None:
                self._host.note_movie(record, movie)

    def _take_movie(self, report: MovieReport) -> None:
        self._movies_under_way.discard(report.job)
        record = self.find(report.job)
        if report.movie is not None:
            self._movies_made.append((report.job, report.movie))
            if record is not None:
                record.movie_text = " ".join((f"Movie: {report.movie.path.name}.", *report.movie.notes))
        elif record is not None:
            record.movie_text = f"There is no movie: {report.error}"

    def _take(self, report: Report) -> None:
        if isinstance(report, ServerReport):
            self.server_is_up, self.server_text = report.is_up, report.text
            return
        if isinstance(report, ModelsReport):
            self.models = report.models
            return
        if isinstance(report, FacesReport):
            self.faces_text = "" if report.error is None else str(report.error)
            self.faces[report.source] = FacesOfStrip(report.faces, self._faces_content[report.source])
            return
        if isinstance(report, PageReport):
            self.page_text = "" if report.error is None else str(report.error)
            if report.page:
                self._host.open_page(report.page)
            return
        if isinstance(report, MovieReport):
            self._take_movie(report)
            return
        record = self.find(report.job)
        self._take_news(report.message)
        if record is not None and record.is_active:
            _take_message(record, report.message)

    def _take_news(self, message: Message) -> None:
        """Note what a message says of the server itself."""
        if isinstance(message, Note):
            self.server_is_up, self.server_text = None, message.text
        elif isinstance(message, Reached):
            self.server_is_up, self.server_text = True, message.text
            if not self.models:  # the server was started for this job
                self._link.send(AskModels())
        elif isinstance(message, Lost) or (isinstance(message, Failed) and message.error.code in LOST_CODES):
            self.server_is_up, self.server_text = False, str(message.error)


def _take_message(record: JobRecord, message: Message) -> None:
    if isinstance(message, Event):
        record.take(message)
    elif isinstance(message, Transferring):
        record.take_transfer(message.progress)
    elif isinstance(message, NotCancelled):
        record.message = f"The job could not be cancelled: {message.error}"
    elif isinstance(message, Failed):
        is_cancelled = message.error.code == "CANCELLED"
        record.end(job_record.CANCELLED if is_cancelled else job_record.FAILED, message.error)
