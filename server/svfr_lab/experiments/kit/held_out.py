"""Held-out clips, their damage, and what a model makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr.sampling.crops_in_memory import CropsInMemory
from svfr.sampling.network_input import from_network, to_network
from svfr.sampling.sampler import SamplePlan, make_reference, restore
from svfr.tasks import TaskSet
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_restore.paste.target import target

Passes: TypeAlias = Literal["one", "both"]

_DEGRADATION_SEED = 31
_SAMPLER_SEED = 77


@dataclass(frozen=True)
class HeldOutClip:
    """A clip that was not trained on: its number and its truth (F, S, S, 3) in code values 0..1.

    ``points_px`` (F, 5, 2) are the exact landmarks, as :class:`svfr_lab.heads.renderer.RenderedClip` has
    them.
    """

    number: int
    truth: Float32
    points_px: NDArray[np.float32]

    def damaged(self, tasks: frozenset[str]) -> Degraded:
        """Return the clip damaged by the evaluation recipe, the same whenever it is asked for."""
        bits = int("".join(str(bit) for bit in TaskSet.of(tasks).bits), 2)
        rng = np.random.default_rng([_DEGRADATION_SEED, self.number, bits])
        return degrade(self.truth, tasks, rng, EVALUATION)


def task_name(tasks: frozenset[str]) -> str:
    """Return the names of a task set, joined in the fixed order."""
    return "+".join(TaskSet.of(tasks).names)


def held_back_of(clips: int) -> int:
    """Return how many of so many clips are kept for measuring: a quarter, at most 64."""
    return min(64, clips // 4)


def held_out_clips(folder: Path, held_back: int) -> Iterator[HeldOutClip]:
    """Yield the last ``held_back`` clips of a rendered folder."""
    rendered = open_rendered_folder(folder)
    clips = rendered.clips
    for number in range(len(clips) - held_back, len(clips)):
        truth = clips[number].astype(np.float32) / np.float32(255.0)
        yield HeldOutClip(number, truth, rendered.landmarks_px[number])


def put_back(codes: Float32, made: Float32, tasks: frozenset[str], hole: NDArray[np.bool_] | None) -> Float32:
    """Return the clip in which ``tasks`` have been done: what they do not touch is the damaged clip's own."""
    return np.stack([target(code, frame, tasks, hole) for code, frame in zip(codes, made, strict=True)])


def with_tasks_done(
    model: Model, damaged: Degraded, seen: Float32, tasks: frozenset[str], passes: Passes
) -> Float32:
    """Return the damaged clip with ``tasks`` done by the model, which has ``seen`` it prepared."""
    return put_back(damaged.lq, sampled(model, seen, tasks, passes), tasks, damaged.hole)


@torch.no_grad()
def sampled(model: Model, crops: Float32, tasks: Sequence[str] | frozenset[str], passes: Passes) -> Float32:
    """Return what the model makes of prepared crops (F, S, S, 3 or 4) by its preset standard, not clipped.

    ``passes`` "one": without a reference; "both": as a job does, with the last frame of the first pass's
    window as the reference, and its identity.
    """
    plan = SamplePlan(TaskSet.of(tasks), model.spec.presets["standard"], _SAMPLER_SEED)
    source = CropsInMemory(to_network(crops))
    reference = tokens = None
    if passes == "both":
        reference = make_reference(model, source, plan)
        tokens = model.identity.encode(reference)
    pictures = [from_network(picture) for _, picture in restore(model, source, reference, tokens, plan=plan)]
    return np.stack(pictures)
