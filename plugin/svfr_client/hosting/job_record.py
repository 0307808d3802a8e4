"""What a host keeps of a job, brought up to date by the job's events."""

from typing import Optional, Tuple

from ..errors import SvfrError, error_from_dict
from ..protocol.messages import Event
from ..transfer.progress import TransferProgress
from ..vocabulary import stage_text

SENDING, QUEUED, RUNNING, DONE, FAILED, CANCELLED = (
    "sending",
    "queued",
    "running",
    "done",
    "failed",
    "cancelled",
)
ACTIVE = (SENDING, QUEUED, RUNNING)


class JobRecord:
    """The part of a record that every host has; a host's dataclass has these fields and its own.

    ``state``: "sending", or a state of the server. ``stage`` is what happens now. ``fraction``, 0 to 1, is
    done of the whole job, or of the stage where the server tells no more. ``message`` is for the artist: why
    a job failed. ``warnings``: each text of the server once. ``paths``: (plate frame,
    file as the host sees it) of what was written, in the order of frames once the job has ended.
    """

    job: str
    state: str
    stage: str
    fraction: float
    message: str
    warnings: Tuple[str, ...]
    paths: Tuple[Tuple[int, str], ...]

    @property
    def is_active(self) -> bool:
        """Return whether the server still works on it, as far as is known."""
        return self.state in ACTIVE

    def take(self, event: Event) -> None:
        """Note what happened; an event that comes again, after the host was restarted, changes nothing."""
        body = event.body
        if event.kind == "progress":
            self.stage = stage_text(str(body["stage"]))
            overall = body.get("overall")
            part = int(body["done"]) / max(1, int(body["total"]))
            self.fraction = part if overall is None else float(overall)
        elif event.kind == "frame":
            self.paths += ((int(body["frame"]), str(body["path"])),)
        elif event.kind == "warning":
            self.warnings = tuple(dict.fromkeys((*self.warnings, warning_text(event))))
        elif event.kind in (QUEUED, "retry"):
            self.state = QUEUED
        elif event.kind == RUNNING:
            self.state = RUNNING
        elif event.is_last:
            problem = dict(body.get("error") or {}) if event.kind == FAILED else None
            self.end(event.kind, None if problem is None else error_from_dict(problem))

    def take_transfer(self, progress: TransferProgress) -> None:
        """Note how far files have travelled."""
        self.stage, self.fraction = progress.text, progress.done_bytes / max(1, progress.total_bytes)

    def end(self, state: str, problem: Optional[SvfrError] = None) -> None:
        """Note that the job has ended, or was never accepted."""
        self.state, self.stage, self.fraction = state, "", 1.0
        self.message = "" if problem is None else str(problem)
        self.paths = tuple(sorted(dict(self.paths).items()))


def warning_text(event: Event) -> str:
    """Return what a warning says, with its frame where it has one."""
    frame, text = event.body.get("frame"), str(event.body.get("message", ""))
    return text if frame is None or str(frame) in text else f"Frame {frame}: {text}"
