"""The log of a run: one JSON object a line, the means since the line before."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from svfr.validation import read_json
from svfr_client.files import write_whole


class RunLog:
    """Collects what steps return and writes lines to ``path`` (None: nowhere).

    A run that goes on from step ``first_step`` takes lines of later steps out first: they were lost with the
    process that wrote them, and will be written again.
    """

    def __init__(self, path: Path | None, first_step: int) -> None:
        self._path, self._first_step = path, first_step
        self._started, self._steps = time.monotonic(), 0
        self._sums: dict[str, float] = {}

    def __enter__(self) -> RunLog:
        if self._path is not None and self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _is_before(line, self._first_step)]
            write_whole(self._path, "".join(f"{line}\n" for line in kept))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what was written; lines go to the file one by one."""

    def add(self, terms: dict[str, torch.Tensor]) -> None:
        """Take in a step: each sample's ``errors`` and the loss terms by name."""
        self._steps += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.mean().item()

    def row(self, step: int, learning_rate: float, also: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Return the means since the last row and ``also`` what is no mean, and write them as a line."""
        means = {name: round(total / self._steps, 4) for name, total in self._sums.items()}
        seconds = time.monotonic() - self._started
        row = {
            "step": step,
            "relative_error": means.pop("errors"),
            "learning_rate": learning_rate,
            "seconds_per_step": round(seconds / self._steps, 3),
            **means,
            **{name: round(value, 4) for name, value in (also or {}).items()},
        }
        self._started, self._steps, self._sums = time.monotonic(), 0, {}
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
        return row


def _is_before(line: str, step: int) -> bool:
    """Return whether a line is whole and of a step that the run keeps."""
    try:
        return int(read_json(line)["step"]) <= step
    except (ValueError, KeyError, TypeError):
        return False
