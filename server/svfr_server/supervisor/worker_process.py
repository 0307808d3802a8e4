"""One worker as the supervisor sees it: its device, its jobs, and how long each may be silent."""

from dataclasses import dataclass

import zmq

from svfr_restore.compute_options import compute_environment
from svfr_restore.memory_budget import BUDGET_VARIABLE
from svfr_restore.process_environment import computing_environment
from svfr_server.job_store.transfers import transfers_folder
from svfr_server.settings import ServerSettings
from svfr_server.supervisor.child_process import ChildProcess, package_environment
from svfr_server.supervisor.stall_timeout import StallTimeout


@dataclass(eq=False)
class RunningJob:
    """A job that a worker has.

    ``has_room``: the worker has said that the next one may begin beside it; ``is_first``: it is its first
    attempt; ``kill_at``: when its time to react to a cancel is over.
    """

    job: str
    stall: StallTimeout
    is_first: bool
    has_room: bool = False
    kill_at: float | None = None


class WorkerProcess(ChildProcess):
    """A running worker for one device.

    ``jobs`` are those that it has, in the order in which they began. ``low_memory``: it began with less
    memory in use, after another had run out of it.
    """

    def __init__(
        self,
        *,
        device: str,
        settings: ServerSettings,
        endpoint: str,
        server_key: str,
        context: "zmq.Context",
        low_memory: bool = False,
    ) -> None:
        self.device = device
        self.jobs: list[RunningJob] = []
        self.low_memory = low_memory
        self.idle_since = 0.0
        self.compiling_until = 0.0
        self.kill_at: float | None = None
        self.is_stopping = False
        start = {
            "endpoint": endpoint,
            "server_key": server_key,
            "name": device,
            "device": "cuda" if device.startswith("cuda") else device,
            **described(settings),
            "pipeline": settings.pipeline,
            "umask": settings.umask,
            "low_memory": low_memory,
        }
        super().__init__(
            module="svfr_server.worker.main",
            start=start,
            environment={
                **worker_environment(device, settings.worker_memory_bytes, low_memory),
                **compute_environment(settings.precision, settings.batch, settings.compiled),
            },
            context=context,
        )

    def running(self, job: object) -> RunningJob | None:
        """Return what is known of a job that the worker has, else None."""
        return next((one for one in self.jobs if one.job == job), None)

    @property
    def has_room(self) -> bool:
        """Whether one more job may begin here, beside what is left of the only one."""
        only = self.jobs[0] if len(self.jobs) == 1 else None
        return only is not None and only.has_room and only.is_first and not self.low_memory


def described(settings: ServerSettings) -> dict[str, object]:
    """Return the folders that a child of the supervisor must know."""
    return {
        "home": str(settings.home),
        "read_roots": [str(root) for root in settings.read_roots],
        "write_roots": [str(root) for root in settings.write_roots],
        "protected": [str(folder) for folder in settings.protected],
        "transfers": [str(transfers_folder(settings.home))],
    }


def worker_environment(device: str, memory_bytes: int, low_memory: bool = False) -> dict[str, str]:
    """Return the worker's environment: our packages, its GPU, what a job may take, and no $OCIO.

    A job's colour config is what its client claims; a config that happens to be set where the service was
    started must not decide anything.
    """
    environment = computing_environment() | package_environment()
    environment.pop("OCIO", None)
    environment[BUDGET_VARIABLE] = str(memory_bytes // 2**20)
    if low_memory:
        # Blocks that can grow leave no gaps between them (PyTorch, "CUDA semantics", memory management).
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    if device.startswith("cuda:"):
        environment["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    return environment
