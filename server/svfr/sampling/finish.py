"""What a decoded crop goes through before it is the model's answer: texture comes, small changes go."""

from __future__ import annotations

import torch

from svfr.models.attenuation_spec import Attenuation
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec
from svfr.sampling.attenuation import attenuate
from svfr.sampling.detail import add_detail
from svfr.tasks import TaskSet

# colorize and inpaint are asked for where something is missing: there is no undamaged input to spare
_SPARED_TASKS = ("bfr",)


def attenuation_for(spec: DiffusionSpec, tasks: TaskSet, crop_scale: float = 1.0) -> Attenuation | None:
    """Return the model's rule for these tasks, or None where every change counts.

    ``crop_scale`` says how many pixels the crop has, each way, for each of its square on the plate. In one
    that was shrunk the plate's own damage is averaged away, and less of what the network changes is right:
    the range grows with the root of how much it was (docs/decisions/0022).
    """
    rule = spec.attenuation if tasks.names == _SPARED_TASKS else None
    return None if rule is None else rule.scaled(max(1.0, 1.0 / crop_scale) ** 0.5)


def finishes(model: Model, *, detail: float, rule: Attenuation | None) -> bool:
    """Return whether anything is done to a decoded crop, for which the crop that was seen is needed."""
    return bool(model.detail is not None and detail) or rule is not None


def finish_crop(
    model: Model, *, seen: torch.Tensor, base: torch.Tensor, detail: float, rule: Attenuation | None
) -> torch.Tensor:
    """Return the answer (3, S, S) in [-1, 1], not clamped, for a decoded picture ``base`` (3, S, S).

    ``seen`` (3 or 4, S, S) is the crop as the networks get it; ``detail``, 0 to 1, is how much texture is
    added. See :mod:`svfr.sampling.detail` and :mod:`svfr.sampling.attenuation`.
    """
    restored = base if model.detail is None else add_detail(model.detail, seen, base, detail)
    return restored if rule is None else attenuate(rule, seen=seen, base=base, restored=restored)
