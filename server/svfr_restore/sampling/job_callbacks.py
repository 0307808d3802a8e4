"""A job's callbacks of the sampler: progress, cancel, checkpoints under keys of what they were made from."""

from __future__ import annotations

import re
from functools import cache
from typing import cast

import torch

from svfr_restore.code_sources import method_sources
from svfr_restore.content_keys import content_key, key_of_code
from svfr_restore.reports import JobContext, Report, Stage

# Of these stages every report is one more window; the others first say how far an earlier run had come.
_STAGES_FROM_NOTHING = ("encode", "decode")
_MINUS = re.compile(r"(?<!\d)-")


def tensor_key(tensor: torch.Tensor) -> str:
    """Return the content key of a tensor's shape and numbers, wherever it lies."""
    return content_key(list(tensor.shape), tensor.detach().float().cpu().numpy().tobytes())


@cache
def code_key() -> str:
    """Return the key of the code that computes: the sources of the method and the libraries under it."""
    return key_of_code(("torch", "diffusers", "numpy"), method_sources())


class JobCallbacks:
    """The sampler's callbacks for one track: reports, counts, and keeps values under ``key``."""

    def __init__(self, track: int, key: str, context: JobContext) -> None:
        self._track, self._key, self._context = track, key, context
        self._last: tuple[str, int] = ("", 0)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Pass progress on and count the windows that were computed now, as ``<stage>_windows``."""
        if stage in _STAGES_FROM_NOTHING:
            self._context.counts[f"{stage}_windows"] += 1
        elif stage == self._last[0]:
            self._context.counts[f"{stage}_windows"] += done - self._last[1]
        self._last = (stage, done)
        self._context.report(Report("progress", cast(Stage, stage), done, total, track=self._track))

    def warning(self, message: str) -> None:
        """Pass a warning on to who follows the job."""
        self._context.report(Report("warning", message=message, track=self._track))

    def cancelled(self) -> bool:
        """Return whether the job was cancelled."""
        return self._context.cancelled()

    def load(self, name: str) -> torch.Tensor | None:
        """Return what an earlier run of the same inputs kept."""
        value = self._context.store.load(self._kept(name))
        if value is not None:
            self._context.counts["checkpoints_reused"] += 1
        return value

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a value for a later run of the same inputs."""
        self._context.store.save(self._kept(name), value)

    def _kept(self, name: str) -> str:
        """Return the name in the store, where no part may begin with the minus of a negative frame."""
        return f"{self._key}/{_MINUS.sub('minus', name)}"
