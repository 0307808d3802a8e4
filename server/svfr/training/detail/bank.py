"""Damaged clips, what the base model makes of them, and the truth: held as bytes, drawn from many times."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from svfr.models.model import Model
from svfr.sampling.crops_in_memory import CropsInMemory
from svfr.sampling.sampler import SamplePlan, restore
from svfr.tasks import TaskSet
from svfr.training.batches import ClipBatch, ClipSource
from svfr.training.errors import TrainingDataUnusable
from svfr.training.recipe.config import Phase

FRAMES = 2
_DRAW_CLIPS = 8


@dataclass(frozen=True)
class DetailBatch:
    """Crops (B, 2, 3, S, S) in [-1, 1], holes (B, 2, 1, S, S), and where the second frame's pixels come from.

    ``flow`` (B, S, S, 2) says where each pixel of the second frame lies in the first, x before y, in pixels.
    """

    low_quality: torch.Tensor
    base: torch.Tensor
    clean: torch.Tensor
    hole: torch.Tensor
    flow: torch.Tensor

    def to(self, device: torch.device) -> DetailBatch:
        """Return the batch with all its tensors on ``device``."""
        return DetailBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


class SampleBank:
    """``clips`` samples of a source with the base model's pictures; equal seeds make equal banks."""

    def __init__(
        self, source: ClipSource, model: Model, damage: str, clips: int, seed: tuple[int, int]
    ) -> None:
        parts: list[DetailBatch] = []
        for start in range(0, clips, _DRAW_CLIPS):
            count = min(_DRAW_CLIPS, clips - start)
            phase = Phase(steps=1, frames=FRAMES, batch=count, noised_share=0.0, damage=damage)
            batch = source.batch(np.random.default_rng([*seed, start]), phase)
            parts.append(_with_base(batch, model))
        self._low_quality = torch.cat([_bytes(part.low_quality) for part in parts])
        self._base = torch.cat([_bytes(part.base) for part in parts])
        self._clean = torch.cat([_bytes(part.clean) for part in parts])
        self._hole = torch.cat([_bytes(part.hole) for part in parts])
        self._flow = torch.cat([part.flow.half() for part in parts])

    def __len__(self) -> int:
        return len(self._base)

    def draw(self, rng: np.random.Generator, count: int, crop_px: int) -> DetailBatch:
        """Draw ``count`` samples, cut to ``crop_px`` at a random place, half of them mirrored."""
        side = self._base.shape[-1]
        chosen = []
        for _ in range(count):
            index = int(rng.integers(len(self)))
            top, left = (int(v) for v in rng.integers(0, (side - crop_px) // 4 + 1, 2) * 4)
            rows, columns = slice(top, top + crop_px), slice(left, left + crop_px)
            flow = self._flow[index, rows, columns].float() - torch.tensor([left, top])
            planes = [
                _pictures(stored[index, :, :, rows, columns])
                for stored in (self._low_quality, self._base, self._clean, self._hole)
            ]
            if rng.random() < 0.5:
                planes = [plane.flip(-1) for plane in planes]
                flow = flow.flip(1) * torch.tensor([-1.0, 1.0]) + torch.tensor([crop_px - 1.0, 0.0])
            chosen.append((*planes, flow))
        return DetailBatch(*(torch.stack(column) for column in zip(*chosen, strict=True)))


def _with_base(batch: ClipBatch, model: Model) -> DetailBatch:
    if batch.flow is None:
        raise TrainingDataUnusable(
            "The clips do not say how they move, which the loss of flicker needs.",
            remedy="Train the detail stage on a list of portraits.",
        )
    hole = batch.low_quality[:, :, 3:]
    if not hole.shape[2]:
        hole = torch.full_like(batch.low_quality[:, :, :1], -1.0)
    return DetailBatch(
        low_quality=batch.low_quality[:, :, :3],
        base=base_pictures(model, batch),
        clean=batch.clean,
        hole=hole,
        flow=batch.flow[:, 0],
    )


def base_pictures(model: Model, batch: ClipBatch) -> torch.Tensor:
    """Return what the sampler makes of a batch without a reference, (B, F, 3, S, S) in [-1, 1]."""
    preset = model.spec.presets["standard"]
    # no window is longer than a clip: what lies beyond would be the clip again, at four times the cost
    model = replace(model, spec=replace(model.spec, window=FRAMES, overlap=0))
    results = []
    for seen, bits in zip(batch.low_quality, batch.tasks, strict=True):
        plan = SamplePlan(TaskSet.from_bits(bits.int().tolist()), preset, seed=0)
        pictures = [picture for _, picture in restore(model, CropsInMemory(seen), None, None, plan=plan)]
        results.append(torch.stack(pictures))
    return torch.stack(results).clamp(-1.0, 1.0)


def _bytes(pictures: torch.Tensor) -> torch.Tensor:
    return ((pictures.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def _pictures(stored: torch.Tensor) -> torch.Tensor:
    return stored.float() / 127.5 - 1.0
