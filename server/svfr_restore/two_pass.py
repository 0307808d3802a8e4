"""What a model makes of a track's crops: the two passes of SVFR, or a built-in model without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from svfr.model import Model
from svfr.model_spec import Preset
from svfr.sampler import SamplePlan, SamplerMode, encode_shot, make_reference, restore
from svfr.tasks import TaskSet
from svfr_restore.reports import CancelCheck, CheckpointStore, Reporter
from svfr_restore.sampling_watch import SamplingWatch, code_key, content_key
from svfr_restore.spool import CropSpool, from_network

FloatImage = npt.NDArray[np.float32]

# The probe's patch: the middle third of the crop becomes this code value.
PROBE_CODES = np.array([0.75, 0.25, 0.5], np.float32)


@dataclass(frozen=True)
class TrackCrops:
    """One track's crops on disk: ``unprepared`` (c) and ``prepared`` (what the network sees)."""

    index: int
    unprepared: CropSpool
    prepared: CropSpool


class Restorer(Protocol):
    """Turns the crops of one track into the model's output m, frame by frame in order."""

    def restore(self, crops: TrackCrops) -> Iterator[tuple[int, FloatImage]]:
        """Yield (absolute frame, code values (S, S, 3), not clipped)."""


class IdentityRestorer:
    """The built-in model ``identity``: gives back its unprepared input, bit for bit."""

    def restore(self, crops: TrackCrops) -> Iterator[tuple[int, FloatImage]]:
        """Yield every crop as it is."""
        for frame in crops.unprepared.frames:
            yield frame, crops.unprepared.crop(frame)


class ProbeRestorer:
    """The built-in model ``probe``: gives back its input with a known patch in the middle third."""

    def restore(self, crops: TrackCrops) -> Iterator[tuple[int, FloatImage]]:
        """Yield every crop with the patch painted."""
        for frame in crops.unprepared.frames:
            painted = crops.unprepared.crop(frame).copy()
            third = crops.unprepared.crop_px // 3
            painted[third : 2 * third, third : 2 * third] = PROBE_CODES
            yield frame, painted


@dataclass(frozen=True)
class DiffusionRestorer:
    """Both passes of SVFR. ``reference`` is the user's own picture, or None for pass 1.

    ``identify`` turns the reference picture into tokens. Everything computed is kept in ``store`` under a key
    of what it was computed from: the crops themselves, the model, the settings and the code.
    """

    model: Model
    fingerprint: str
    preset: Preset
    tasks: TaskSet
    seed: int
    sampler: SamplerMode
    reference: torch.Tensor | None
    identify: Callable[[torch.Tensor], torch.Tensor]
    store: CheckpointStore
    report: Reporter
    cancelled: CancelCheck
    counts: Counter[str]

    def restore(self, crops: TrackCrops) -> Iterator[tuple[int, FloatImage]]:
        """Make or take the reference, then restore every frame of the track."""
        plan = SamplePlan(self.tasks, self.preset, self.seed, self.sampler)
        first_window = min(self.model.spec.window, len(crops.prepared.frames))
        shot = encode_shot(self.model, crops.prepared)
        reference = self.reference
        if reference is None:
            watch = self._watch(crops, first_window, "reference")
            self.counts["reference_runs"] += 1
            reference = make_reference(self.model, shot, plan, watch)
        tokens = self.identify(reference)
        watch = self._watch(crops, len(crops.prepared.frames), "restore", reference, tokens)
        for frame, picture in restore(self.model, shot, reference, tokens, plan, watch):
            yield frame, from_network(picture)

    def _watch(self, crops: TrackCrops, frames: int, run: str, *inputs: torch.Tensor) -> SamplingWatch:
        """Return an observer whose key covers the first ``frames`` crops and every other input of a run."""
        spool = crops.prepared
        pixels = content_key(*(spool.crop(frame).tobytes() for frame in spool.frames[:frames]))
        steps = self.preset.reference_steps if run == "reference" else self.preset.steps
        settings = [
            run,
            steps,
            self.preset.initial_noise,
            self.preset.guidance,
            self.preset.sigmas,
            self.tasks.bits,
            self.seed,
            self.sampler,
            [spool.frames[0], frames],
            str(self.model.unet.dtype),
            str(self.model.unet.device),
        ]
        tensors = [tensor.numpy().tobytes() for tensor in inputs]
        key = content_key(code_key(), self.fingerprint, settings, pixels, *tensors)
        return SamplingWatch(crops.index, key, self.store, self.report, self.cancelled, self.counts)
