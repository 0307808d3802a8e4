"""The shipped model with and without a reference, in few steps or from noise, on clips of any length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from svfr.model import Model
from svfr.model_spec import Preset
from svfr.sampler import SamplePlan, make_reference, restore
from svfr.tasks import TaskSet
from svfr_lab.experiments.held_out import Clip, as_model_sees, put_back
from svfr_restore.spool import from_network, to_network

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


class CropsInMemory:
    """A :class:`svfr.sampler.CropSource` over prepared crops (F, S, S, 3 or 4), numbered from ``first``."""

    def __init__(self, crops: Clip, first: int = 0) -> None:
        self._pixels = to_network(crops)
        self.frames = range(first, first + len(crops))

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return crops (stop - start, 3 or 4, S, S)."""
        return self._pixels[start:stop]


@torch.no_grad()
def run_with_reference(model: Model, damaged: Clip, truth: Clip, way: ReferenceRun) -> Clip:
    """Return what the model makes of blurred frames (F, S, S, 3), code values in 0..1 as a job gives back."""
    preset = way.preset or model.spec.presets["standard"]
    plan = SamplePlan(TaskSet.of(BFR), preset, _SEED)
    source = CropsInMemory(as_model_sees(model, damaged, None, BFR))
    reference = tokens = None
    if way.reference == "self":
        reference = make_reference(model, source, plan)
    elif way.reference == "clean":
        last_of_first_window = min(model.spec.window, len(truth)) - 1
        reference = to_network(truth[last_of_first_window][None])[0]
    if reference is not None:
        tokens = model.identity.encode(reference)
    made = [from_network(picture) for _, picture in restore(model, source, reference, tokens, plan)]
    return np.clip(put_back(damaged, np.stack(made), BFR, None), 0.0, 1.0)
