"""What a running job tells its surroundings, and what it asks of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    ``overall`` of the whole job's work is done, 0 to 1, where a whole job runs here, and ``is_ending`` says
    that nothing is left to compute but the last face's pictures.
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
    is_ending: bool = False


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


_BEFORE_SAMPLING: tuple[Stage, ...] = ("survey", "crop")


class OneStageAtATime:
    """A reporter for stages that run at once: safe from any thread, and one of them is heard.

    Cropping is heard until sampling begins, writing once it has ended: who follows a job sees one bar go
    forward after the other. Frames and warnings are passed on at once.
    """

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._is_sampling, self._is_sampled = False, False

    def __call__(self, report: Report) -> None:
        """Pass a report on, or leave it out."""
        with self._lock:
            if report.kind != "progress" or self._passes(report.stage):
                self._report(report)

    def note_sampled(self) -> None:
        """Take note that nothing is left to sample."""
        with self._lock:
            self._is_sampled = True

    def _passes(self, stage: Stage | None) -> bool:
        if stage == "write":
            return self._is_sampled
        if stage in _BEFORE_SAMPLING:
            return not self._is_sampling
        self._is_sampling = True
        return True


class StageClock:
    """How long each stage has worked, in seconds summed over its threads; waiting for others is left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each stage so far: survey, crop, sample, write."""
        return dict(self._seconds)

    def add(self, stage: str, seconds: float) -> None:
        """Count time for a stage."""
        with self._lock:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """Count the block's time for a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What every stage of a running job shares with its surroundings.

    ``counts`` say how often each part of the path ran; :class:`JobResult` explains them. ``clock`` takes the
    stages' times. By default nobody listens, nobody cancels and nothing is kept.
    """

    report: Reporter = ignore_report
    cancelled: CancelCheck = never
    store: CheckpointStore = field(default_factory=NoStore)
    counts: Counter[str] = field(default_factory=Counter)
    clock: StageClock = field(default_factory=StageClock)

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
    path ran: frames_surveyed (without those that were kept), crops_cut, crops_restored, deltas,
    pixels_changed, frames_written, the windows computed of each sampling stage (encode_windows,
    reference_windows, denoise_windows, decode_windows) and checkpoints_reused. They tell a model that changes
    nothing from one that was skipped.
    """

    outputs: tuple[WrittenOutput, ...]
    tracks: tuple[int, ...]
    counts: Counter[str] = field(default_factory=Counter)
