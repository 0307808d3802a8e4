"""Validation sheets: what the network under training makes of held-back clips, through the real sampler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch

from svfr.models.model import Model
from svfr.models.spec import PRESET_NAMES
from svfr.sampling.crops_in_memory import CropsInMemory
from svfr.sampling.sampler import SamplePlan, make_reference, restore
from svfr.tasks import TaskSet
from svfr.training.batches import ClipBatch
from svfr.training.losses.facial_prior import five_points
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import Recipe
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet

_SEED = 77
_PRESET = PRESET_NAMES[0]


class HeldBackClips(Protocol):
    """A source of clips that keeps some for looking at."""

    def held_back(self, task: str, count: int, frames: int) -> ClipBatch:
        """Return the same ``count`` clips every time, damaged for one task set."""


def write_sheet(
    path: Path, net: TrainableNet, config: Recipe, source: HeldBackClips, *, frames: int, clips: int = 1
) -> None:
    """Write a PNG with a row for each task set and clip: input, pass 1, pass 2 and truth of the last frame.

    Restored with the preset "draft"; the network's training mode is as it was afterwards.
    """
    was_training = net.training
    net.eval()
    model = net.as_model(config)
    rows: list[Sequence[Cell]] = []
    for task in config.task_shares:
        batch = source.held_back(task, clips, frames)
        rows += [_row(model, task, batch, i) for i in range(clips)]
    net.train(was_training)
    write_contact_sheet(path, rows)


@torch.no_grad()
def _row(model: Model, task: str, batch: ClipBatch, index: int) -> list[Cell]:
    plan = SamplePlan(TaskSet.of(task.split("+")), model.spec.presets[_PRESET], _SEED)
    crops = CropsInMemory(batch.low_quality[index], first=1)
    reference = make_reference(model, crops, plan)
    tokens = None
    points = batch.reference_landmarks
    if not model.identity.needs_points:
        tokens = model.identity.encode(reference)
    elif points is not None and bool(torch.isfinite(points[index]).all()):
        tokens = model.identity.encode(reference, five_points(points[index]).numpy() * model.spec.crop_px)
    restored = [picture for _, picture in restore(model, crops, reference, tokens, plan=plan)]
    last = {
        f"{task}: input": crops.pixels[-1],
        "pass 1": reference,
        "pass 2": restored[-1],
        "truth": batch.clean[index, -1],
    }
    return [Cell((p[:3].permute(1, 2, 0).float() * 0.5 + 0.5).numpy(), name) for name, p in last.items()]
