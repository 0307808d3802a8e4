"""Rendered clips, augmented and degraded on the fly, as the trainer wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from svfr.training.batches import ClipBatch
from svfr.training.config import Phase
from svfr_lab.damage.registry import DAMAGES
from svfr_lab.degradations import EVALUATION, DamageRecipe, degrade
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.render_dataset import open_rendered_folder
from svfr_lab.train_landmarks import augment_with_landmarks
from svfr_restore.prepare import HoleFill, prepare, with_hole_plane

TASKS = ("bfr", "colorize", "inpaint")
_HELD_BACK_SEED = 404


def to_tensor(clip: npt.NDArray[np.float32]) -> torch.Tensor:
    """Turn code values (F, H, W, 3) in 0..1 into pictures (F, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2).float() * 2.0 - 1.0


class RenderedClips:
    """A :class:`svfr.training.batches.ClipSource` over a folder of :mod:`svfr_lab.render_dataset`.

    ``task_shares`` maps joined task names ("bfr+colorize") to how often they are drawn. The last
    ``held_back`` clips are never drawn: they are for watching a run. ``hole_fill`` is the model's. Raises
    RenderedFolderIsUnusable for a folder without clips to draw.
    """

    def __init__(
        self,
        folder: Path,
        task_shares: Mapping[str, float],
        held_back: int = 32,
        hole_fill: HoleFill = "telea",
        hole_plane: bool = False,
    ) -> None:
        rendered = open_rendered_folder(folder)
        self._clips, self._landmarks_px = rendered.clips, rendered.landmarks_px
        self._drawn_clips = len(self._clips) - held_back
        if self._drawn_clips < 1:
            raise RenderedFolderIsUnusable(
                f"The folder has {len(self._clips)} clips, of which {held_back} are held back.",
                path=folder,
                remedy="Render more clips.",
            )
        self._hole_fill: HoleFill = hole_fill
        self._hole_plane = hole_plane
        self._task_sets = [frozenset(names.split("+")) for names in task_shares]
        shares = np.array(list(task_shares.values()), np.float64)
        self._shares = shares / shares.sum()

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw the phase's number of clips, each with its reference frame, under so many tasks each."""
        if phase.damage not in DAMAGES:
            raise ArgumentOutOfRange(
                f"Unknown damage {phase.damage!r}.", remedy=f"The recipe may say {', '.join(DAMAGES)}."
            )
        if phase.tasks_per_clip > len(self._task_sets) or phase.frames > self._clips.shape[1]:
            raise ArgumentOutOfRange(
                f"A phase asks for {phase.frames} frames under {phase.tasks_per_clip} tasks; clips have "
                f"{self._clips.shape[1]} frames, and there are {len(self._task_sets)} task sets.",
                remedy="Render longer clips, or change the phase or task_shares.",
            )
        clips = [self._sample(rng, phase) for _ in range(phase.batch // phase.tasks_per_clip)]
        return _stacked([sample for samples in clips for sample in samples])

    def held_back(self, task: str, count: int, frames: int) -> ClipBatch:
        """Return the last ``count`` clips, not augmented, damaged for one task and the same every time."""
        rng = np.random.default_rng(_HELD_BACK_SEED)
        samples = []
        for index in range(len(self._clips) - count, len(self._clips)):
            clean = self._clips[index, :frames].astype(np.float32) / np.float32(255.0)
            clean = np.concatenate([clean, clean[-1:]])
            shares = self._landmarks_px[index, :frames] / clean.shape[1]
            landmarks = np.concatenate([shares, shares[-1:]]).astype(np.float32)
            tasks = frozenset(task.split("+"))
            samples.append(self._damaged(index, clean, landmarks, tasks, rng, EVALUATION))
        return _stacked(samples)

    def _sample(self, rng: np.random.Generator, phase: Phase) -> list[ClipBatch]:
        """Draw one clip and return it under different task sets."""
        index = int(rng.integers(self._drawn_clips))
        clip, landmarks_px = self._clips[index], self._landmarks_px[index]
        if rng.random() < 0.5:
            clip, landmarks_px = clip[::-1], landmarks_px[::-1]
        count, frames = len(clip), phase.frames
        start = int(rng.integers(count - frames + 1))
        other = int(rng.integers(count))
        chosen = [*range(start, start + frames), other]
        codes = clip[chosen].astype(np.float32) / np.float32(255.0)
        clean, landmarks = augment_with_landmarks(codes, landmarks_px[chosen], rng)
        samples: list[ClipBatch] = []
        used: set[frozenset[str]] = set()
        while len(samples) < phase.tasks_per_clip:
            tasks = self._task_sets[rng.choice(len(self._task_sets), p=self._shares)]
            if tasks not in used:
                used.add(tasks)
                samples.append(self._damaged(index, clean, landmarks, tasks, rng, DAMAGES[phase.damage]))
        return samples

    def _damaged(
        self,
        index: int,
        clean: npt.NDArray[np.float32],
        landmarks: npt.NDArray[np.float32],
        tasks: frozenset[str],
        rng: np.random.Generator,
        damage: DamageRecipe,
    ) -> ClipBatch:
        """Return a batch without its first axis; the last frame of ``clean`` is the reference."""
        degraded = degrade(clean, tasks, rng, damage)
        holes = [degraded.hole_of(frame) for frame in range(len(clean))]
        prepared = [
            prepare(f, tasks, hole, self._hole_fill) for f, hole in zip(degraded.lq, holes, strict=True)
        ]
        if self._hole_plane:
            prepared = [with_hole_plane(f, hole) for f, hole in zip(prepared, holes, strict=True)]
        pictures, inputs = to_tensor(clean), to_tensor(np.stack(prepared))
        points = torch.from_numpy(landmarks)
        bits = torch.tensor([float(name in tasks) for name in TASKS])
        return ClipBatch(
            pictures[:-1],
            inputs[:-1],
            bits,
            pictures[-1],
            inputs[-1],
            torch.tensor(index),
            points[:-1],
            points[-1],
        )


def _stacked(samples: list[ClipBatch]) -> ClipBatch:
    columns = zip(*(vars(sample).values() for sample in samples), strict=True)
    return ClipBatch(*(torch.stack(column) for column in columns))
