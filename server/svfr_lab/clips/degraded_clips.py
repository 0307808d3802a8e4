"""Clean clips, augmented and degraded on the fly, as the trainer wants them; rendered ones to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from svfr.arrays import Float32
from svfr.sampling.network_input import HoleFill, seen_by_network
from svfr.training.batches import ClipBatch
from svfr.training.recipe.config import Phase
from svfr_client.vocabulary import TASKS
from svfr_lab.clips.augmentation import augment_with_landmarks, fade_colour
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import DegradationRecipe, degrade
from svfr_lab.degradation.registry import RECIPES
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.heads.dataset import RenderedFolder, open_rendered_folder
from svfr_lab.heads.landmarks68 import LANDMARK_COUNT

_HELD_BACK_SEED = 404
# In use a reference is a frame of the window or one from seconds away, in no share that we know.
_FAR_REFERENCE_SHARE = 0.5


def to_tensor(clip: npt.NDArray[np.float32]) -> torch.Tensor:
    """Turn code values (F, H, W, 3) in 0..1 into pictures (F, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2).float() * 2.0 - 1.0


@dataclass(frozen=True)
class CleanClip:
    """An augmented clip with a reference as its last frame.

    ``codes`` (F + 1, S, S, 3) code values in 0..1, ``landmarks`` (F + 1, L, 2) in shares of the side,
    ``flow`` as in :class:`svfr.training.batches.ClipBatch` or None.
    """

    index: int
    codes: Float32
    landmarks: Float32
    flow: Float32 | None = None


class ClipStore(Protocol):
    """Clean clips with landmarks, numbered from 0: what :class:`DegradedClips` draws from.

    ``drawn`` are the numbers that training draws; ``held_back`` those that only watch it, the last ones of
    which are taken; ``shortest_frames`` is how many frames every clip has at least.
    """

    @property
    def drawn(self) -> Sequence[int]:
        """The numbers of the clips to train with."""

    @property
    def held_back(self) -> Sequence[int]:
        """The numbers of the clips to watch with."""

    @property
    def shortest_frames(self) -> int:
        """How many frames the shortest clip has."""

    def frame_count(self, clip: int) -> int:
        """Return how many consecutive frames a clip has."""

    def picture_count(self, clip: int) -> int:
        """Return how many frames a clip has with those that are only good for references, at its end."""

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Float32, Float32]:
        """Return frames (n, S, S, 3) in code values 0..1 and their landmarks (n, L, 2) in pixels.

        ``frames`` count from 0 within the clip, in any order. A landmark that is not known is NaN.
        """


class DegradedClips:
    """A :class:`svfr.training.batches.ClipSource` over any store: draws, augments, degrades and prepares.

    ``task_shares`` maps joined task names ("bfr+colorize") to how often they are drawn. ``hole_fill`` and
    ``hole_plane`` are the model's.
    """

    def __init__(
        self,
        store: ClipStore,
        task_shares: Mapping[str, float],
        hole_fill: HoleFill = "telea",
        hole_plane: bool = False,
    ) -> None:
        self._store = store
        self._hole_fill: HoleFill = hole_fill
        self._hole_plane = hole_plane
        self._task_sets = [frozenset(names.split("+")) for names in task_shares]
        shares = np.array(list(task_shares.values()), np.float64)
        self._shares = shares / shares.sum()

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        """Draw the phase's number of clips, each with its reference frame, under so many tasks each."""
        if phase.damage not in RECIPES:
            raise ArgumentOutOfRange(
                f"Unknown degradation recipe {phase.damage!r}.",
                remedy=f"The recipe may say {', '.join(RECIPES)}.",
            )
        if phase.tasks_per_clip > len(self._task_sets) or phase.frames > self._store.shortest_frames:
            raise ArgumentOutOfRange(
                f"A phase asks for {phase.frames} frames under {phase.tasks_per_clip} tasks; clips have "
                f"{self._store.shortest_frames} frames, and there are {len(self._task_sets)} task sets.",
                remedy="Render longer clips, or change the phase or task_shares.",
            )
        clips = [self._sample(rng, phase) for _ in range(phase.batch // phase.tasks_per_clip)]
        return _stacked([sample for samples in clips for sample in samples])

    def held_back(self, task: str, count: int, frames: int) -> ClipBatch:
        """Return the last ``count`` clips, not augmented, degraded for one task and the same every time."""
        rng = np.random.default_rng(_HELD_BACK_SEED)
        samples = []
        for index in self._store.held_back[-count:]:
            clean, landmarks_px = self._store.read(index, range(frames))
            clean = np.concatenate([clean, clean[-1:]])
            shares = landmarks_px / clean.shape[1]
            landmarks = np.concatenate([shares, shares[-1:]]).astype(np.float32)
            tasks = frozenset(task.split("+"))
            samples.append(self._degraded(CleanClip(index, clean, landmarks), tasks, rng, EVALUATION))
        return _stacked(samples)

    def _sample(self, rng: np.random.Generator, phase: Phase) -> list[ClipBatch]:
        """Draw one clip and return it under different task sets."""
        clean = self._clean_clip(rng, phase.frames)
        clean = replace(clean, codes=fade_colour(clean.codes, rng, phase.faded_colour_share))
        samples: list[ClipBatch] = []
        used: set[frozenset[str]] = set()
        while len(samples) < phase.tasks_per_clip:
            tasks = self._task_sets[rng.choice(len(self._task_sets), p=self._shares)]
            if tasks not in used:
                used.add(tasks)
                samples.append(self._degraded(clean, tasks, rng, RECIPES[phase.damage]))
        return samples

    def _clean_clip(self, rng: np.random.Generator, frames: int) -> CleanClip:
        """Draw a clip and augment it."""
        drawn = self._store.drawn
        index = drawn[int(rng.integers(len(drawn)))]
        backwards = rng.random() < 0.5
        count = self._store.frame_count(index)
        start = int(rng.integers(count - frames + 1))
        other = int(rng.integers(count))
        far = self._store.picture_count(index) - count
        if far and rng.random() < _FAR_REFERENCE_SHARE:
            other = count + int(rng.integers(far))
        chosen = [*range(start, start + frames), other]
        if backwards:
            chosen = [count - 1 - frame if frame < count else frame for frame in chosen]
        codes, landmarks_px = self._store.read(index, chosen)
        clean, landmarks = augment_with_landmarks(codes, landmarks_px, rng)
        return CleanClip(index, clean, landmarks)

    def _degraded(
        self,
        clean: CleanClip,
        tasks: frozenset[str],
        rng: np.random.Generator,
        recipe: DegradationRecipe,
    ) -> ClipBatch:
        """Return a batch without its first axis."""
        degraded = degrade(clean.codes, tasks, rng, recipe)
        prepared = [
            seen_by_network(codes, tasks, degraded.hole_of(frame), self._hole_fill, self._hole_plane)
            for frame, codes in enumerate(degraded.lq)
        ]
        pictures, inputs = to_tensor(clean.codes), to_tensor(np.stack(prepared))
        points = torch.from_numpy(clean.landmarks)
        bits = torch.tensor([float(name in tasks) for name in TASKS])
        return ClipBatch(
            clean=pictures[:-1],
            low_quality=inputs[:-1],
            tasks=bits,
            reference=pictures[-1],
            reference_low_quality=inputs[-1],
            clips=torch.tensor(clean.index),
            landmarks=points[:-1],
            reference_landmarks=points[-1],
            flow=None if clean.flow is None else torch.from_numpy(clean.flow),
        )


class RenderedClips(DegradedClips):
    """The clips of a folder of :mod:`svfr_lab.heads.dataset`.

    The last ``held_back`` clips are never drawn: they are for watching a run. ``landmarks`` is 5 or 68.
    Raises RenderedFolderIsUnusable for a folder without clips to draw, or without 68 landmarks where they are
    asked for.
    """

    def __init__(
        self,
        folder: Path,
        task_shares: Mapping[str, float],
        *,
        held_back: int = 32,
        hole_fill: HoleFill = "telea",
        hole_plane: bool = False,
        landmarks: int = 5,
    ) -> None:
        store = _RenderedStore(folder, held_back, landmarks)
        super().__init__(store, task_shares, hole_fill, hole_plane)


class _RenderedStore:
    """A :class:`ClipStore` over memory maps; clips beside the drawn ones may be watched as well."""

    def __init__(self, folder: Path, held_back: int, landmarks: int) -> None:
        rendered = open_rendered_folder(folder)
        self._pictures = rendered.pictures
        self._landmarks_px = _landmarks_of(rendered, folder, landmarks)
        self.shortest_frames = rendered.settings.frames
        self.drawn: Sequence[int] = range(len(self._pictures) - held_back)
        self.held_back: Sequence[int] = range(len(self._pictures))
        if not self.drawn:
            raise RenderedFolderIsUnusable(
                f"The folder has {len(self._pictures)} clips, of which {held_back} are held back.",
                path=folder,
                remedy="Render more clips.",
            )

    def frame_count(self, clip: int) -> int:
        return self.shortest_frames

    def picture_count(self, clip: int) -> int:
        return len(self._pictures[clip])

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Float32, Float32]:
        chosen = list(frames)
        codes = self._pictures[clip, chosen].astype(np.float32) / np.float32(255.0)
        return codes, self._landmarks_px[clip, chosen]


def _landmarks_of(rendered: RenderedFolder, folder: Path, count: int) -> Float32:
    if count == rendered.landmarks_px.shape[2]:
        return rendered.picture_landmarks_px
    if count == LANDMARK_COUNT and rendered.picture_landmarks68_px is not None:
        return rendered.picture_landmarks68_px
    is_68 = count == LANDMARK_COUNT
    raise RenderedFolderIsUnusable(
        f"The rendered clips have no {count} landmarks a frame.",
        path=folder,
        remedy=f"Add them with python -m svfr_lab.heads.dataset --add-landmarks68 {folder}."
        if is_68
        else f"Ask for {rendered.landmarks_px.shape[2]} or {LANDMARK_COUNT} landmarks in the recipe.",
    )


def _stacked(samples: list[ClipBatch]) -> ClipBatch:
    columns = {name: [getattr(sample, name) for sample in samples] for name in vars(samples[0])}
    stacked: dict[str, Any] = {
        name: None if column[0] is None else torch.stack(column) for name, column in columns.items()
    }
    return ClipBatch(**stacked)
