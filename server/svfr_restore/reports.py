"""What a running job tells its surroundings, and what it asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from svfr_client.errors import JobWasCancelled

if TYPE_CHECKING:  # who only passes reports on need not load it
    import torch

ReportKind = Literal["progress", "frame", "warning"]
Stage = Literal["survey", "crop", "encode", "reference", "denoise", "decode", "write"]


@dataclass(frozen=True)
class Report:
    """One thing a job has to say.

    "progress": ``done`` of ``total`` steps of ``stage``, with ``track`` where a stage runs for each face;
    ``overall`` of the whole job's work is done, 0 to 1, where a whole job runs here.
    "frame": ``frame`` was written to ``path``. "warning": ``message`` for the user, with ``frame`` if known.
    """

    kind: ReportKind
    stage: Stage | None = None
    done: int = 0
    total: int = 0
    track: int | None = None
    frame: int | None = None
    path: str | None = None
    message: str = ""
    overall: float | None = None


Reporter = Callable[[Report], None]
CancelCheck = Callable[[], bool]


class CheckpointStore(Protocol):
    """Where a job keeps tensors so that a later run need not compute them again."""

    def load(self, name: str) -> torch.Tensor | None:
        """Return the tensor kept under ``name``, or None."""

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a CPU tensor under ``name``, whole or not at all."""


class NoStore:
    """A store that keeps nothing."""

    def load(self, name: str) -> torch.Tensor | None:
        """Return nothing."""
        return None

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep nothing."""


def ignore_report(report: Report) -> None:
    """Take a report that nobody waits for."""


def never() -> bool:
    """Return False: nobody cancels."""
    return False


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What every stage of a running job shares with its surroundings.

    ``counts`` say how often each part of the path ran; :class:`JobResult` explains them. By default nobody
    listens, nobody cancels and nothing is kept.
    """

    report: Reporter = ignore_report
    cancelled: CancelCheck = never
    store: CheckpointStore = field(default_factory=NoStore)
    counts: Counter[str] = field(default_factory=Counter)

    def warn(self, message: str, *, track: int | None = None, frame: int | None = None) -> None:
        """Report a warning."""
        self.report(Report("warning", track=track, frame=frame, message=message))

    def stop_if_cancelled(self, frame: int | None = None) -> None:
        """Raise JobWasCancelled when somebody cancelled the job."""
        if self.cancelled():
            raise JobWasCancelled("The job was cancelled.", frame=frame)


@dataclass(frozen=True)
class WrittenOutput:
    """One written frame."""

    frame: int
    path: Path
    size_bytes: int


@dataclass(frozen=True)
class JobResult:
    """What a finished job did.

    ``outputs`` in frame order; ``tracks`` the face tracks restored; ``counts`` how often each part of the
    path ran: crops_cut, crops_restored, deltas, pixels_changed, frames_written, the windows computed of each
    sampling stage (encode_windows, reference_windows, denoise_windows, decode_windows) and
    checkpoints_reused. They tell a model that changes nothing from one that was skipped.
    """

    outputs: tuple[WrittenOutput, ...]
    tracks: tuple[int, ...]
    counts: Counter[str] = field(default_factory=Counter)
