"""The shipped model with and without a reference, in few steps or from noise, on clips of any length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr.models.spec import Preset
from svfr.sampling.crops_in_memory import CropsInMemory, as_model_sees
from svfr.sampling.network_input import from_network, to_network
from svfr.sampling.sampler import SamplePlan, make_reference, restore
from svfr.tasks import TaskSet
from svfr_lab.experiments.kit.held_out import put_back

Reference: TypeAlias = Literal["none", "self", "clean"]

BFR = frozenset({"bfr"})

SAMPLED = Preset(4, 4, initial_noise=1.0, guidance=1.0)
"""Four steps that start from noise, as the full model samples; the preview model has no such preset."""

_SEED = 77


@dataclass(frozen=True)
class ReferenceRun:
    """One way to run the model; ``label`` names it in results.

    ``reference`` "none": the second pass alone; "self": both passes, as a job does (SVFR section 3.4);
    "clean": the second pass with the truth of the frame that the first pass would have restored. ``preset``
    None is the model's own "standard".
    """

    label: str
    reference: Reference
    preset: Preset | None = None


@dataclass(frozen=True)
class Given:
    """What a second pass is given beside the crops: a picture (3, S, S) and its tokens, or neither."""

    reference: torch.Tensor | None = None
    tokens: torch.Tensor | None = None


def run_with_reference(model: Model, damaged: Float32, truth: Float32, way: ReferenceRun) -> Float32:
    """Return what the model makes of blurred frames (F, S, S, 3), code values in 0..1 as a job gives back."""
    return second_pass(model, damaged, 0, given_by(model, damaged, truth, way), way)


@torch.no_grad()
def given_by(model: Model, damaged: Float32, truth: Float32, way: ReferenceRun) -> Given:
    """Return the reference of a way, by a first pass over the first window or of its last true frame."""
    if way.reference == "none":
        return Given()
    if way.reference == "clean":
        reference = to_network(truth[min(model.spec.window, len(truth)) - 1][None])[0]
    else:
        source = CropsInMemory(to_network(as_model_sees(model, damaged[: model.spec.window], None, BFR)))
        reference = make_reference(model, source, _plan(model, way))
    return Given(reference, model.identity.encode(reference))


@torch.no_grad()
def second_pass(model: Model, damaged: Float32, first: int, given: Given, way: ReferenceRun) -> Float32:
    """Return the second pass over blurred frames that are numbered from ``first``, as a job gives back."""
    source = CropsInMemory(to_network(as_model_sees(model, damaged, None, BFR)), first)
    pictures = restore(model, source, given.reference, given.tokens, plan=_plan(model, way))
    made = np.stack([from_network(picture) for _, picture in pictures])
    return np.clip(put_back(damaged, made, BFR, None), 0.0, 1.0)


def _plan(model: Model, way: ReferenceRun) -> SamplePlan:
    return SamplePlan(TaskSet.of(BFR), way.preset or model.spec.presets["standard"], _SEED)
