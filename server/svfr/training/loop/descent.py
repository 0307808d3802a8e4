"""One step down the gradient, as the stages beside a model take it."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from svfr.training.errors import TrainingDiverged

_MOST_GRADIENT = 1.0


def descend(
    network: nn.Module, optimiser: torch.optim.Optimizer, loss: torch.Tensor, *, step: int, state_path: Path
) -> None:
    """Change the weights of ``network`` by the gradient of ``loss``, whose norm is bounded.

    Raises TrainingDiverged before a loss that is not finite can do harm.
    """
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingDiverged(
            f"The loss of step {step} is {value}.",
            path=state_path,
            remedy="The state on disk is from before. Lower the learning rate.",
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), _MOST_GRADIENT)
    optimiser.step()
