"""Models by name, loaded once and kept warm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from svfr.models.folder import find_model, read_spec, verify
from svfr.models.model import Model, load_model
from svfr.models.spec import DiffusionSpec, ModelSpec
from svfr.nets.device_memory import USABLE_SHARE
from svfr.precision import Precision, precision_for
from svfr_client.errors import SvfrError
from svfr_restore.compute_options import asked_batch, asked_number_types
from svfr_restore.plan.memory_cost import model_memory

_Stamp = tuple[Path, tuple[tuple[str, int, int], ...]]


class ModelCache:
    """Finds models by name or path; holds the one that was used last in memory.

    ``device`` is where the networks run; ``precision`` and ``batch`` None are what this machine was told
    (``svfr_restore.compute_options``), else the model folder's and the device's own. The windows of a shot
    are spread over it and ``further_devices``. Raises ComputeOptionUnknown.
    """

    def __init__(
        self,
        device: str = "cpu",
        precision: Precision | None = None,
        *,
        batch: int | None = None,
        further_devices: Sequence[str] = (),
    ) -> None:
        self.device, self.precision = device, precision
        self._types, self._batch = asked_number_types(), asked_batch() if batch is None else batch
        self._further_devices = tuple(further_devices)
        self._loaded: tuple[_Stamp, Model] | None = None
        self._sound: set[_Stamp] = set()

    def spec(self, name: str) -> ModelSpec:
        """Return what the model says about itself; raises ModelMissing, ModelSpecInvalid."""
        return read_spec(find_model(name))

    def problems(self, name: str) -> list[SvfrError]:
        """Return what is wrong with the model's files, tensors and shapes, without loading them.

        A folder that was found sound is not read again until a size or time in it changes.
        """
        try:
            folder = find_model(name)
        except SvfrError as problem:
            return [problem]
        stamp = _stamp(folder)
        if stamp in self._sound:
            return []
        found = verify(folder)
        if not found:
            self._sound.add(stamp)
        return found

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the model's weights or settings do."""
        return (find_model(name) / "model.json").read_text(encoding="utf-8")

    def get(self, name: str) -> Model:
        """Return the loaded model; the one before it is let go first, so that two never share the memory."""
        folder = find_model(name)
        stamp = _stamp(folder)
        if self._loaded is None or self._loaded[0] != stamp:
            self._loaded = None
            self._loaded = (stamp, self._load(folder))
        return self._loaded[1]

    def precision_of(self, spec: ModelSpec) -> Precision:
        """Return the number types that a model computes in here."""
        of_model = spec.precision if isinstance(spec, DiffusionSpec) else None
        return self.precision or precision_for(self.device, self._types, of_model)

    def _load(self, folder: Path) -> Model:
        precision = self.precision_of(read_spec(folder))
        model = load_model(folder, self.device, precision, further_devices=self._further_devices)
        if self._batch == 1:
            return model
        fits = self._batch
        if self.device != "cpu":
            usable = USABLE_SHARE * torch.cuda.get_device_properties(self.device).total_memory
            fits = model_memory(model.spec, precision).branches_at_once(usable)
        return replace(model, batch=self._batch, at_once=max(1, min(self._batch, fits)))


def devices_here() -> list[str]:
    """Return the GPUs that this process may use, "cuda:0" first, or "cpu" alone.

    Which GPUs these are was decided by whoever set CUDA_VISIBLE_DEVICES, and stays so.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{number}" for number in range(gpus)] or ["cpu"]


def _stamp(folder: Path) -> _Stamp:
    """Return what changes when somebody replaces or edits a file of the folder."""
    stats = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return folder.resolve(), tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
