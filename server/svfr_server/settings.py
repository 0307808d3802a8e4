"""How one service is set up: its folder, where it listens, what it may touch, its limits."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from svfr.models.search import search_folders
from svfr.number_types import NUMBER_TYPES
from svfr_client.connection import service_folder
from svfr_restore.compute_options import MOST_BATCH
from svfr_restore.memory_budget import default_budget_bytes
from svfr_restore.visible_gpus import visible_gpus
from svfr_server.errors import BadSettings

RESTORE_PIPELINE = "svfr_restore.job:run_job"
LOOPBACK = "127.0.0.1"


def find_devices() -> tuple[str, ...]:
    """Return one "cuda:<number or uuid>" for each NVIDIA GPU that this process may use, or ("cpu",)."""
    return tuple(f"cuda:{gpu}" for gpu in visible_gpus()) or ("cpu",)


def _whole(root: Path) -> Path:
    """Return a root as a whole path; a ``~name`` that is nobody stays, and is no folder."""
    with contextlib.suppress(RuntimeError):
        root = root.expanduser()
    return root.absolute()


@dataclass(frozen=True)
class Limits:
    """What one service accepts at most; told to every client in its welcome.

    ``credit_bytes``: what may be on its way to one client before it says that it has read.
    """

    queued_jobs: int = 1000
    queued_jobs_per_client: int = 500
    streams_per_client: int = 32
    events_ahead: int = 64
    credit_bytes: int = 16 * 1024 * 1024

    def to_json(self) -> dict[str, int]:
        """Return the limits by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class WorkerTimeouts:
    """How long the service waits for a worker.

    A worker is stuck when it has been silent for three times its median window and ``silence_s`` more;
    before a stage's first window, while models load, for ``first_s``. A cancelled job's worker has three
    median windows and ``cancel_s``.
    """

    silence_s: float = 10.0
    first_s: float = 900.0
    cancel_s: float = 10.0


@dataclass(frozen=True)
class Retention:
    """How long finished jobs and their events are kept, and how many of them at most."""

    days: float = 30.0
    jobs: int = 10_000


@dataclass(frozen=True)
class ServerSettings:
    """Everything the command line decides.

    ``read_roots`` empty: whatever the service's user may read. ``write_roots`` empty: wherever that user may
    write; a job writes only inside the folder of its own output pattern in either case. ``idle_exit_s``: end
    after so long without jobs and requests; None: never. ``idle_unload_s``: end a worker, and free its
    device, after so long without a job. ``pipeline``: "module:function" with the signature of
    ``svfr_restore.job.run_job``; studios may wrap it, tests give small ones. ``memory_limit_bytes``: what the
    supervisor itself may hold before it drops its clients' connections (``supervisor/memory_watch.py``).
    ``worker_memory_bytes``: what one job may take of the machine's memory; one that needs more is refused
    before it begins, one that takes more all the same fails. ``precision``: the number type of UNet and
    decoder, None: the model folder's or the device's; ``batch``: how many branches of windows are evaluated
    at once at most; ``compiles``: networks are compiled, beside the jobs that need them
    (``svfr_restore.compute_options``). ``surveys_ahead``: the plates of waiting jobs are surveyed while the
    devices are busy, None: where a device is no CPU, whose cores compute. ``overlaps``: the next job begins
    while the last frames of the one before are written, None: on devices that are no CPU. ``umask``: that of
    the written frames and folders, None keeps the one the service was started with; the service's own files
    are private whatever it is.
    """

    home: Path = field(default_factory=service_folder)
    listen: str = LOOPBACK
    port: int = 0
    read_roots: tuple[Path, ...] = ()
    write_roots: tuple[Path, ...] = ()
    devices: tuple[str, ...] = field(default_factory=find_devices)
    idle_exit_s: float | None = None
    idle_unload_s: float = 600.0
    pipeline: str = RESTORE_PIPELINE
    umask: int | None = None
    memory_limit_bytes: int = 1024 * 1024 * 1024
    worker_memory_bytes: int = field(default_factory=default_budget_bytes)
    precision: str | None = None
    batch: int = 1
    compiles: bool = False
    surveys_ahead: bool | None = None
    overlaps: bool | None = None
    limits: Limits = field(default_factory=Limits)
    timeouts: WorkerTimeouts = field(default_factory=WorkerTimeouts)
    retention: Retention = field(default_factory=Retention)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise BadSettings(f"{self.port} is not a TCP port.", remedy="0 takes a free one.")
        if not self.devices:
            raise BadSettings("The service has no device.", remedy="Give --device cpu.")
        if self.precision is not None and self.precision not in NUMBER_TYPES:
            raise BadSettings(
                f"{self.precision!r} is no number type.", remedy=f"Give one of {', '.join(NUMBER_TYPES)}."
            )
        if not 1 <= self.batch <= MOST_BATCH:
            raise BadSettings(f"{self.batch} is no batch from 1 to {MOST_BATCH}.", remedy="Give --batch 2.")
        for name in ("read_roots", "write_roots"):  # clients are told them, and processes start elsewhere
            roots = tuple(_whole(Path(root)) for root in getattr(self, name))
            object.__setattr__(self, name, roots)
        for root in self.read_roots + self.write_roots:
            if not root.is_dir():
                raise BadSettings("A root is not a folder.", path=root, remedy="Create it or leave it out.")
        if self.umask is not None and not 0 <= self.umask <= 0o777:
            raise BadSettings(f"{self.umask:o} is not a umask.", remedy="Give octal digits like 002.")

    @property
    def is_surveying_ahead(self) -> bool:
        """Whether waiting jobs are surveyed while the devices are busy."""
        if self.surveys_ahead is not None:
            return self.surveys_ahead
        return any(device != "cpu" for device in self.devices)

    def is_overlapping(self, device: str) -> bool:
        """Whether a device's next job begins while the last frames of the one before are written."""
        return device != "cpu" if self.overlaps is None else self.overlaps

    @property
    def compiled(self) -> Path | None:
        """The folder of compiled networks, None: nothing is compiled."""
        return self.home / "compiled" if self.compiles else None

    @property
    def protected(self) -> tuple[Path, ...]:
        """The folders that no job may write to: the service's own, and every folder of models."""
        return (self.home, *search_folders())
