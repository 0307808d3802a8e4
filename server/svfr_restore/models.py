"""Models by name, loaded once and kept warm."""

from __future__ import annotations

from pathlib import Path

import torch

from svfr.model import Model, load_model
from svfr.model_folder import check_files, find_model, read_spec
from svfr.model_spec import ModelSpec
from svfr_client.errors import SvfrError


class ModelCache:
    """Finds models by name or path; holds the one that was used last in memory.

    ``device`` and ``dtype`` are where and in what the UNet runs.
    """

    def __init__(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.device, self.dtype = device, dtype
        self._loaded: tuple[Path, str, Model] | None = None

    def spec(self, name: str) -> ModelSpec:
        """Return what the model says about itself; raises ModelMissing, ModelSpecInvalid."""
        return read_spec(find_model(name))

    def problems(self, name: str) -> list[SvfrError]:
        """Return what is wrong with the model's files, without loading them."""
        try:
            folder = find_model(name)
            return check_files(folder, read_spec(folder))
        except SvfrError as problem:
            return [problem]

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the model's weights or settings do."""
        return (find_model(name) / "model.json").read_text(encoding="utf-8")

    def get(self, name: str) -> Model:
        """Return the loaded model; the one before it is let go first, so that two never share the memory."""
        folder, fingerprint = find_model(name), self.fingerprint(name)
        if self._loaded is None or self._loaded[:2] != (folder, fingerprint):
            self._loaded = None
            self._loaded = (folder, fingerprint, load_model(folder, self.device, self.dtype))
        return self._loaded[2]
