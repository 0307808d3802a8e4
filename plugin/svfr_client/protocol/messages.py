"""What is said between a host, the service and its worker: requests, answers, a job's states and events.

Every class is a frozen dataclass of the standard library, so that a host with nothing but Python 3.9 can
build one; the server validates the same classes with pydantic. ``wire.py`` carries them,
``plugin/PROTOCOL.md`` specifies them. Adding an optional field is a minor version of the protocol; renaming
or removing one, or making one required, is a major version.
"""

import enum
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Tuple

from ..errors import BadJobId
from ..job import JobSpec
from ..records import Record
from ..vocabulary import ExistingPolicy

_JOB_ID = re.compile(r"[0-9a-f]{32}\Z")


class JobState(str, enum.Enum):  # noqa: UP042 - enum.StrEnum is younger than Python 3.9
    """Where a job is. Only ``queued`` and ``running`` change; the other three are final."""

    QUEUED = "queued"
    """Committed and waiting for a worker; cancel takes effect at once."""
    RUNNING = "running"
    """A worker has it; cancel takes effect at the next window."""
    DONE = "done"
    """Every frame is written."""
    FAILED = "failed"
    """It ended with an error; the last event holds it."""
    CANCELLED = "cancelled"
    """It ended because somebody cancelled it."""

    @property
    def is_final(self) -> bool:
        """Return whether nothing can happen to the job any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Event(Record):
    """Something that happened to a job. ``seq`` starts at 1 and has no gaps within a job.

    ``kind`` is a state's name ("queued", "running", "done", "failed", "cancelled") or "progress", "frame",
    "warning", "retry". ``body`` by kind is laid down in PROTOCOL.md; a reader skips kinds it does not know.
    """

    job: str
    seq: int
    kind: str
    body: Mapping[str, Any]

    @property
    def is_last(self) -> bool:
        """Return whether no event follows this one."""
        return self.kind in (JobState.DONE.value, JobState.FAILED.value, JobState.CANCELLED.value)


@dataclass(frozen=True)
class Progress(Record):
    """Body of a "progress" event: ``done`` of ``total`` steps of ``stage``, for face ``track`` if it has one.

    ``eta_s``: seconds until this stage ends, once it can be told. ``overall``: how much of the whole job's
    work is done, 0 to 1, never falling; None from a server older than 1.3.
    """

    stage: str
    done: int
    total: int
    track: Optional[int] = None
    frame: Optional[int] = None
    eta_s: Optional[float] = None
    overall: Optional[float] = None


@dataclass(frozen=True)
class JobStatus(Record):
    """One job as the service sees it now. Times are Unix seconds; ``last_seq`` is its newest event."""

    job: str
    state: JobState
    plate: str
    frames: str
    output: str
    priority: int
    attempts: int
    last_seq: int
    created: float
    updated: float
    cancel_requested: bool = False
    progress: Optional[Progress] = None
    error: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class Hello(Record):
    """First request of a client: the minor versions it speaks and who it is (for the log)."""

    min_minor: int
    max_minor: int
    client: str


@dataclass(frozen=True)
class Welcome(Record):
    """Answer to :class:`Hello`: the chosen minor version, the server's identity and its limits.

    ``local_folder``: where a client on the same machine may hand over pieces by a file; since 1.4.
    """

    minor: int
    server: str
    boot: str
    pid: int
    devices: Tuple[str, ...]
    read_roots: Tuple[str, ...]
    write_roots: Tuple[str, ...]
    limits: Mapping[str, int]
    local_folder: Optional[str] = None


@dataclass(frozen=True)
class JobRequest(Record):
    """A request about one job: ``status``, ``cancel`` and ``unfollow`` take it as it is."""

    job: str


@dataclass(frozen=True)
class Submit(JobRequest):
    """Ask for a job. The client makes the id, so that sending it again cannot make a second job."""

    spec: JobSpec


@dataclass(frozen=True)
class Accepted(Record):
    """The job is committed. ``is_new`` is false when this id had been accepted before."""

    job: str
    content_key: str
    is_new: bool


@dataclass(frozen=True)
class Follow(JobRequest):
    """Ask for a job's events after ``after_seq``; asking again moves the stream there."""

    after_seq: int = 0


@dataclass(frozen=True)
class Following(Record):
    """Answer to :class:`Follow`: the newest event's number, and whether it is the job's last."""

    last_seq: int
    is_final: bool


@dataclass(frozen=True)
class Ack(JobRequest):
    """Acknowledge every event up to ``seq``, so that the service may send more."""

    seq: int


@dataclass(frozen=True)
class Credit(Record):
    """Acknowledge so many more bytes, of all frames that the service sent on this connection."""

    bytes: int


@dataclass(frozen=True)
class Redo(JobRequest):
    """Ask for ``frames`` of the job ``of`` again, as the new job ``job``, with the references it made.

    The other frames of ``of`` are context and stay as they are on disk; ``frames`` are overwritten.
    ``output``: where they go, None for the former output. ``seed``: None keeps the former one. ``existing``
    (1.5): what happens to other files at ``output``, None to replace them.
    """

    of: str
    frames: str
    output: Optional[str] = None
    seed: Optional[int] = None
    existing: Optional[ExistingPolicy] = None


@dataclass(frozen=True)
class ListJobs(Record):
    """Ask for the newest jobs, at most ``limit``; ``active_only`` leaves finished ones out."""

    limit: int = 100
    active_only: bool = False


@dataclass(frozen=True)
class JobList(Record):
    """Answer to :class:`ListJobs`, newest first; ``has_more``: older ones did not fit into the answer."""

    jobs: Tuple[JobStatus, ...]
    has_more: bool = False


@dataclass(frozen=True)
class ModelOffer(Record):
    """A model that jobs can name, and what can be asked of it: for menus.

    ``kind``: "diffusion", or a built-in one without a network. ``tasks`` and ``presets`` are the words that a
    job may use with it. ``detail``: how much detail each preset adds, None where the model has no network
    for it. ``uses_seed``: another seed makes another picture. ``makes_references``: frames of its jobs can be
    done again. ``problem``: why it cannot be used; what it can do is then empty.
    """

    name: str
    kind: str
    is_preview: bool
    crop_px: int
    tasks: Tuple[str, ...]
    presets: Tuple[str, ...]
    detail: Optional[Mapping[str, float]]
    uses_seed: bool
    makes_references: bool
    problem: Optional[str] = None


@dataclass(frozen=True)
class ModelOffers(Record):
    """Answer to ``models``, sorted by name; ``has_more``: others did not fit into the answer."""

    models: Tuple[ModelOffer, ...]
    has_more: bool = False


@dataclass(frozen=True)
class Nothing(Record):
    """The empty body: ``ping``, ``models``, ``shutdown``, ``pause``, ..., plain acknowledgements."""


@dataclass(frozen=True)
class Pong(Record):
    """Answer to ``ping``: ``boot`` changes when the service was restarted.

    ``queue`` is "open", "paused" or "draining".
    """

    boot: str
    queued: int
    running: int
    queue: str = "open"


def check_job_id(job: str) -> str:
    """Return ``job`` if it is 32 lower-case hexadecimal digits, else raise :class:`BadJobId`."""
    if not _JOB_ID.match(job):
        raise BadJobId(f"{job[:60]!r} is not a job id.", remedy="Ids are 32 hexadecimal digits.")
    return job
