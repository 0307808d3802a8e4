"""A node and its running job: a state machine that is fed by messages and touches Nuke in the main thread.

With a window the job's thread asks Nuke to call :meth:`Session.pump` in the main thread
(``nuke.executeInMainThread``, the one call of Nuke that other threads may make). In ``nuke -t`` there is no
event loop: :meth:`Session.wait` empties the queue itself.
"""

import json
import queue
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Dict, Optional, Tuple

import nuke

from svfr_client.errors import SvfrError, error_from_dict
from svfr_client.frames import FrameRange
from svfr_client.hosting import job_record
from svfr_client.hosting.conversation import (
    LOST_CODES,
    Failed,
    JobConversation,
    Lost,
    Message,
    NotCancelled,
    Note,
    Request,
    Transferring,
)
from svfr_client.hosting.job_record import CANCELLED, DONE, FAILED, RUNNING, warning_text
from svfr_client.json_files import read_json
from svfr_client.protocol.messages import Event
from svfr_client.sequences import pattern_of_file

from . import node as nodes
from . import versions
from .errors import NodesAreHidden
from .server_link import ServerLink
from .versions import Version

WAIT_SECONDS = 0.2
UNREACHABLE = LOST_CODES | {"NUKE_NO_PYZMQ"}
_KEPT = ("job", "request", "connection", "space", "raw", "state", "made", "plate", "part_of")
_sessions: Dict[str, "Session"] = {}


@dataclass
class JobRecord(job_record.JobRecord):
    """What a node remembers of its last job, in its hidden knob; survives save, reload and restart.

    ``request`` is the file that holds the job itself, for Redo. ``space`` and ``raw`` are what the result's
    Read is set to, ``made`` is what :class:`~svfr_nuke.versions.Version` says of it. ``part_of``: the job of
    which this one does some frames again. What the job's events say is not kept: they can be heard again.
    """

    job: str
    request: str
    connection: str
    space: str
    raw: bool
    state: str = RUNNING
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    warnings: Tuple[str, ...] = ()
    paths: Tuple[Tuple[int, str], ...] = ()
    made: str = ""
    plate: str = ""
    part_of: str = ""

    @classmethod
    def of(cls, node: Any) -> Optional["JobRecord"]:
        """Return the node's record; None if it has none, or one that lacks what this version needs."""
        try:
            kept = read_json(str(node[nodes.MARK].value() or ""))
            return cls(**{name: value for name, value in kept.items() if name in _KEPT})
        except (ValueError, TypeError, AttributeError):
            return None

    def again(self, job: str, connection: str) -> "JobRecord":
        """Return the record of the same request sent once more."""
        return JobRecord(
            job=job,
            request=self.request,
            connection=connection,
            space=self.space,
            raw=self.raw,
            made=self.made,
            plate=self.plate,
        )

    def part(self, job: str, version: Version, made: str) -> "JobRecord":
        """Return the record of a job that does some frames of a version again, at the same server."""
        return replace(self.again(job, self.connection), part_of=version.job, made=made)

    def version(self) -> Version:
        """Return what the job made, once it has written its frames; raises ValueError if it wrote none."""
        frames = FrameRange.of(dict(self.paths))
        # the service chooses the version: the pattern comes from what it wrote
        first = dict(self.paths)[frames.first].replace("\\", "/")
        pattern = pattern_of_file(first, frame=frames.first) or first
        return Version(
            job=self.job,
            pattern=pattern,
            frames=str(frames),
            space=self.space,
            raw=self.raw,
            made=self.made,
            plate=self.plate,
        )

    def write(self, node: Any) -> None:
        """Put the record into the node: all but what events say, and running until it has ended."""
        kept = {name: value for name, value in asdict(self).items() if name in _KEPT}
        state = RUNNING if self.is_active else self.state
        nodes.write_quietly(node, nodes.MARK, json.dumps({**kept, "state": state}))


class Session:
    """One job of one node. Make it, then :meth:`start` with a window or :meth:`wait` without."""

    def __init__(self, node: Any, record: JobRecord, request: Optional[Request]) -> None:
        self.record = record
        self.error: Optional[SvfrError] = None
        self._is_taken_up = request is None
        self._name = node.fullName()
        self._messages: "queue.Queue[Message]" = queue.Queue()
        self.thread = JobConversation(ServerLink(record.connection), record.job, request, self._receive)
        record.write(node)
        _sessions[record.job] = self

    def start(self) -> None:
        """Begin; the main thread stays free."""
        self.thread.start()

    def wait(self) -> None:
        """Begin and return when the job has ended; raises its error. For ``nuke -t`` and scripts."""
        self.thread.start()
        try:
            self.hold()
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self.error is not None:
            raise self.error

    def hold(self, keep_waiting: Callable[[], bool] = lambda: True) -> None:
        """Take what arrives, in the main thread, until the job has ended or ``keep_waiting()`` is false."""
        while self.record.is_active and keep_waiting():
            try:
                self._take(self._messages.get(timeout=WAIT_SECONDS))
            except queue.Empty:
                if not self.thread.is_alive() and self._messages.empty():
                    break

    def pump(self) -> None:
        """Take everything that has arrived; called in the main thread."""
        while True:
            try:
                message = self._messages.get_nowait()
            except queue.Empty:
                return
            self._take(message)

    def cancel(self) -> None:
        """Ask for the job's end."""
        self._say("Cancelling")
        self.thread.cancel()

    def find_node(self) -> Optional[Any]:
        """Return the node now: it may have been renamed, or deleted and brought back by undo."""
        node = nodes.find(self._name)
        if node is not None and nodes.is_svfr(node) and _has_job(node, self.record.job):
            return node
        with suppress(NodesAreHidden):  # as if it were gone: the job goes on, and Refresh takes it up again
            for node in nodes.all_nodes():
                if _has_job(node, self.record.job):
                    self._name = node.fullName()
                    return node
        return None

    def _receive(self, message: Message) -> None:
        """Take a message in the conversation's thread."""
        self._messages.put(message)
        if nuke.GUI:
            nuke.executeInMainThread(self.pump)

    def _take(self, message: Message) -> None:
        if isinstance(message, Note):
            self._say(message.text)
        elif isinstance(message, Transferring):
            self.record.take_transfer(message.progress)
            self._say(message.progress.text)
        elif isinstance(message, Failed):
            self._fail(message.error)
        elif isinstance(message, Lost):
            self._say(str(message.error))
        elif isinstance(message, NotCancelled):
            self._say(f"The job could not be cancelled: {message.error}")
        elif isinstance(message, Event):
            self._take_event(message)

    def _fail(self, error: SvfrError) -> None:
        if self._is_taken_up and error.code in UNREACHABLE:
            # The job may go on at the server; the next load of the script asks again.
            _sessions.pop(self.record.job, None)
            self.error = error
            self._say(str(error))
        else:
            self._end(CANCELLED if error.code == "CANCELLED" else FAILED, error)

    def _take_event(self, event: Event) -> None:
        self.record.take(event)
        if event.kind == "frame":
            self._say(f"{len(self.record.paths)} frames written")
        elif event.kind == "progress":
            self._say(_progress_line(event.body))
        elif event.kind == "warning":
            self._say("Warning: " + warning_text(event))
        elif event.kind in ("queued", "running", "retry"):
            self._say(event.kind.capitalize())
        elif event.kind == "done":
            self._done()
        elif event.kind == "failed":
            self._end(FAILED, error_from_dict(dict(event.body["error"])))
        elif event.kind == "cancelled":
            self._end(CANCELLED, error_from_dict({"code": "CANCELLED", "message": "The job was cancelled."}))

    def _done(self) -> None:
        node, paths = self.find_node(), dict(self.record.paths)
        if node is None:
            self._end(DONE, None)
            return
        try:
            if paths:
                versions.show(node, versions.keep(node, self._new_version(node)))
        except SvfrError as error:
            self._end(FAILED, error)
            return
        found = self.record.warnings
        warnings = f", {len(found)} warnings: {' '.join(found)}" if found else ""
        self._end(DONE, None)
        self._say(f"Done: {len(paths)} frames{warnings}")

    def _new_version(self, node: Any) -> Version:
        """Return what the job made; of a part of a version, that version with a word about the part."""
        whole = versions.of_job(node, self.record.part_of) if self.record.part_of else None
        if whole is None:
            return self.record.version()
        return replace(whole, made=f"{whole.made}; {self.record.made}")

    def _end(self, state: str, error: Optional[SvfrError]) -> None:
        self.record.end(state, error)
        self.error = error
        node = self.find_node()
        if node is not None:
            self.record.write(node)
        if error is not None:
            self._say(str(error))
        _sessions.pop(self.record.job, None)

    def _say(self, text: str) -> None:
        node = self.find_node()
        if node is not None:
            nodes.write_quietly(node, "status", text)
        if not nuke.GUI:
            sys.stdout.write(f"[svfr] {text}\n")
            sys.stdout.flush()


def session_of(node: Any) -> Optional[Session]:
    """Return the session of the node's running job in this Nuke, or None."""
    record = JobRecord.of(node)
    return None if record is None else _sessions.get(record.job)


def reattach(node: Any) -> Optional[Session]:
    """Follow the job of a node that was saved while it ran; None if there is none."""
    record = JobRecord.of(node)
    if record is None or record.state != RUNNING or record.job in _sessions:
        return None
    session = Session(node, record, None)
    session.start()
    return session


def _has_job(node: Any, job: str) -> bool:
    record = JobRecord.of(node)
    return record is not None and record.job == job


def _progress_line(body: Any) -> str:
    line = "" if body.get("overall") is None else f"{float(body['overall']):.0%}: "
    line += f"{str(body['stage']).capitalize()} {body['done']}/{body['total']}"
    if body.get("track") is not None:
        line += f", face {body['track']}"
    if body.get("eta_s"):
        line += f", {float(body['eta_s']):.0f} s left"
    return line
