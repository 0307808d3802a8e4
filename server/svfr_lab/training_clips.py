"""Rendered clips, augmented and degraded on the fly, as the trainer wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from svfr.training.batches import ClipBatch
from svfr.training.config import Phase
from svfr_lab.degradations import TRAINING, TRAINING_WIDE, DegradationParameters, augment, degrade
from svfr_restore.prepare import prepare

DAMAGES = {"usual": TRAINING, "wide": TRAINING_WIDE}
TASKS = ("bfr", "colorize", "inpaint")


def to_tensor(clip: npt.NDArray[np.float32]) -> torch.Tensor:
    """Turn code values (F, H, W, 3) in 0..1 into pictures (F, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2).float() * 2.0 - 1.0


class RenderedClips:
    """A :class:`svfr.training.batches.ClipSource` over a folder of :mod:`svfr_lab.render_dataset`.

    ``task_shares`` maps joined task names ("bfr+colorize") to how often they are drawn. The last
    ``held_back`` clips are never drawn: they are for watching a run.
    """

    def __init__(self, folder: Path, task_shares: Mapping[str, float], held_back: int = 32) -> None:
        self._clips = np.load(folder / "clips.npy", mmap_mode="r")
        self._drawn_clips = int((folder / "done").read_text()) - held_back
        self._task_sets = [frozenset(names.split("+")) for names in task_shares]
        shares = np.array(list(task_shares.values()), np.float64)
        self._shares = shares / shares.sum()

    def _sample(
        self, rng: np.random.Generator, frames: int, damage: DegradationParameters
    ) -> tuple[torch.Tensor, ...]:
        clip = self._clips[rng.integers(self._drawn_clips)]
        if rng.random() < 0.5:
            clip = clip[::-1]
        count = len(clip)
        start = int(rng.integers(count - frames + 1))
        other = int(rng.integers(count))
        chosen = np.concatenate([clip[start : start + frames], clip[other : other + 1]])
        clean = augment(chosen.astype(np.float32) / np.float32(255.0), rng)
        tasks = self._task_sets[rng.choice(len(self._task_sets), p=self._shares)]
        degraded = degrade(clean, tasks, rng, damage)
        low_quality = np.stack([prepare(f, tasks, degraded.hole, "telea") for f in degraded.lq])
        pictures, inputs = to_tensor(clean), to_tensor(low_quality)
        bits = torch.tensor([float(name in tasks) for name in TASKS])
        return pictures[:-1], inputs[:-1], bits, pictures[-1], inputs[-1]

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw the phase's number of clips, each with its reference frame."""
        damage = DAMAGES[phase.damage]
        samples = [self._sample(rng, phase.frames, damage) for _ in range(phase.batch)]
        columns = zip(*samples, strict=True)
        return ClipBatch(*(torch.stack(column) for column in columns))
