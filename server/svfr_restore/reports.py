"""What a running job tells its surroundings, and what it asks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import torch

ReportKind = Literal["progress", "frame", "warning"]
Stage = Literal["survey", "crop", "encode", "reference", "denoise", "decode", "write"]


@dataclass(frozen=True)
class Report:
    """One thing a job has to say.

    "progress": ``done`` of ``total`` steps of ``stage``, with ``track`` where a stage runs for each face.
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
