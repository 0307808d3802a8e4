"""How a sampling run reports, stops and resumes, without knowing who watches it."""

from __future__ import annotations

from typing import Protocol

import torch

from svfr.errors import Cancelled


class SamplingCallbacks(Protocol):
    """What the caller of the sampler may want to know or decide.

    ``progress``: stage is "encode", "reference", "denoise" or "decode"; done and total count windows.
    ``cancelled`` is asked before every window. ``save`` is given every value worth keeping, under a name
    that is unique within the run, such as "pass1/step0003"; ``load`` returns it in a later run, or None.
    ``warning`` is given what did not go as planned and yet ends well.
    """

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of ``done`` of ``total`` windows of a stage."""

    def warning(self, message: str) -> None:
        """Take note of a plain sentence."""

    def cancelled(self) -> bool:
        """Return whether to stop before the next window."""

    def load(self, name: str) -> torch.Tensor | None:
        """Return what an earlier run saved under this name."""

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a float32 CPU tensor under this name."""


class NoCallbacks:
    """The callbacks of a caller who neither watches nor stops a run, and keeps nothing of it."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Ignore the progress."""

    def warning(self, message: str) -> None:
        """Ignore the warning."""

    def cancelled(self) -> bool:
        """Never stop."""
        return False

    def load(self, name: str) -> torch.Tensor | None:
        """Return nothing: there was no earlier run."""
        return None

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep nothing."""


def stop_if_cancelled(callbacks: SamplingCallbacks) -> None:
    """Raise Cancelled when the caller asks to stop."""
    if callbacks.cancelled():
        raise Cancelled("The restoration was cancelled.", remedy="Submit the job again to go on from here.")
