"""Models by name, loaded once and kept warm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from svfr.compiled.beside import CompileBeside
from svfr.compiled.folder import PackageFolder
from svfr.compiled.networks import CompiledNetworks
from svfr.compiled.recipe import INDUCTOR, Recipe
from svfr.models.folder import find_model, read_spec, verify
from svfr.models.model import Model, load_model
from svfr.models.spec import DiffusionSpec, KlTemporalSpec, ModelSpec
from svfr.nets.device_memory import USABLE_SHARE, usable_bytes
from svfr.precision import Precision, precision_for
from svfr_client.arguments import checked
from svfr_client.errors import SvfrError
from svfr_restore.compute_options import asked_batch, asked_compiled_folder, asked_number_types
from svfr_restore.job_line import JobLine
from svfr_restore.plan.memory_cost import decode_room, model_memory

_Stamp = tuple[Path, tuple[tuple[str, int, int], ...]]


class ModelCache:
    """Finds models by name or path; holds the one that was used last in memory.

    ``device`` is where the networks run; ``precision`` and ``batch`` None are what this machine was told
    (``svfr_restore.compute_options``), else the model folder's and the device's own. The windows of a shot
    are spread over it and ``further_devices``. ``line`` are the jobs that share it. ``builder`` is what
    compiles networks where this machine was told to (``svfr.compiled.recipe``). Raises ComputeOptionUnknown,
    CompiledFolderUnsafe.
    """

    @checked
    def __init__(
        self,
        device: str = "cpu",
        precision: Precision | None = None,
        *,
        batch: int | None = None,
        further_devices: Sequence[str] = (),
        builder: str = INDUCTOR,
    ) -> None:
        self.device, self.precision = device, precision
        self._types, self._batch = asked_number_types(), asked_batch() if batch is None else batch
        self._further_devices = tuple(further_devices)
        compiled, self._builder = asked_compiled_folder(), builder
        self._packages = None if compiled is None else PackageFolder(compiled)
        self._beside = None if self._packages is None else CompileBeside(self._packages)
        self.line = JobLine()
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

    def let_go(self) -> None:
        """Hold no model any more; the next one is loaded anew."""
        self._loaded = None

    @property
    def is_compiling(self) -> bool:
        """Whether networks are being compiled beside."""
        return self._beside is not None and self._beside.is_running

    def compiled_within(self, seconds: float) -> bool:
        """Wait until nothing is being compiled; returns whether that is so."""
        return self._beside is None or self._beside.wait(seconds)

    def precision_of(self, spec: ModelSpec) -> Precision:
        """Return the number types that a model computes in here."""
        of_model = spec.precision if isinstance(spec, DiffusionSpec) else None
        return self.precision or precision_for(self.device, self._types, of_model)

    def _load(self, folder: Path) -> Model:
        spec = read_spec(folder)
        precision = self.precision_of(spec)
        usable = usable_bytes
        if self.device == "cpu" and isinstance(spec, DiffusionSpec):
            usable = partial(_always, decode_room(model_memory(spec, precision)))
        model = load_model(
            folder, self.device, precision, further_devices=self._further_devices, usable_bytes=usable
        )
        model = replace(model, compiled=self._compiled(model))
        if self._batch == 1:
            return model
        fits = self._batch
        if self.device != "cpu":
            most = USABLE_SHARE * torch.cuda.get_device_properties(self.device).total_memory
            fits = model_memory(model.spec, precision).branches_at_once(most)
        return replace(model, batch=self._batch, at_once=max(1, min(self._batch, fits)))

    def _compiled(self, model: Model) -> CompiledNetworks | None:
        if self._packages is None or self._beside is None:
            return None
        spec, device = model.spec, torch.device(self.device)
        decoder = spec.codec.config if isinstance(spec.codec, KlTemporalSpec) else None
        recipe = Recipe.of(spec.unet, decoder, model.precision, device, self._builder)
        return CompiledNetworks(recipe, spec.window, self._packages, self._beside)


def _always(count: int, device: torch.device) -> int | None:
    """Return what decoding may take, whatever is free now: equal machines compute equal bits."""
    return count


def devices_here() -> list[str]:
    """Return the GPUs that this process may use, "cuda:0" first, or "cpu" alone.

    Which GPUs these are was decided by whoever set CUDA_VISIBLE_DEVICES, and stays so.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{number}" for number in range(gpus)] or ["cpu"]


def _stamp(folder: Path) -> _Stamp:
    """Return what changes when somebody replaces or edits a file of the folder."""
    stats = ((path.name, _status(path)) for path in sorted(folder.iterdir()))
    return folder.resolve(), tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _status(path: Path) -> os.stat_result:
    """Return what a file is, or the link where it leads to none: checking the folder says what is missing."""
    try:
        return path.stat()
    except OSError:
        return path.lstat()
