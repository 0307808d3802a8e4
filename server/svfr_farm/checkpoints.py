"""What a farm task keeps, so that the same task on another machine goes on after the last denoise step."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import open_regular, whole_file
from svfr_restore.step_names import TENSOR_KEY, StepName


class TaskCheckpoints:
    """Checkpoints of one task below ``folder``: of each pass the last step alone, on a shared disk.

    Names hold the hash of everything that decides a value, so what another plan left is never taken. Keeping
    one only saves work: when that fails, the task goes on without.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> torch.Tensor | None:
        """Return the tensor kept under ``name``, in memory of its own, or None."""
        try:
            path = self._path(name)
            with open_regular(path):  # what is no file is none of ours, and nobody waits for it
                return load_file(path)[TENSOR_KEY].clone()
        except (OSError, SafetensorError, KeyError):
            return None

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep a denoise step; everything else is cheap to compute again."""
        step = StepName.read(name)
        if step is None:
            return
        path = self._path(name)
        with contextlib.suppress(OSError, FileCannotBeWritten, SafetensorError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, durable=False) as scratch:
                save_file({TENSOR_KEY: value.detach().cpu().contiguous()}, scratch)
            former = step.before()
            if former is not None:
                self._path(former).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything: the task's result is there."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"
