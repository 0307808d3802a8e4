"""Muon: momentum whose matrices are made nearly orthogonal before they are added; AdamW for everything else.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon), with the scale of Liu et al. 2025 (arXiv
2502.16982, section 2.2), by which AdamW's learning rates fit. A convolution is the matrix of its output
channels against all else. ``torch.optim.Muon`` takes no convolutions, and iterates in bfloat16, which many
CPUs only emulate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from svfr.training.recipe.config import OptimiserConfig

# Jordan et al.'s quintic iteration, and how often.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_EPSILON = 1e-7
_RMS_OF_ADAMW = 0.2
_MATRICES_ARE_IN = ("down_blocks.", "mid_block.", "up_blocks.")


def nearly_orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Return ``U S V^T`` of a matrix ``U D V^T`` (m, n), with S between about 0.7 and 1.2.

    The iteration runs on the smaller Gram matrix, whose polynomial is multiplied on at the end: for a
    3 x 3 convolution that is a third of the operations.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return nearly_orthogonal(matrix.T).T
    unit = matrix / (matrix.norm() + _EPSILON)
    gram = unit @ unit.T
    factor = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for iteration in range(_ITERATIONS):
        step = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
        step.diagonal().add_(_A)
        factor = step @ factor
        if iteration < _ITERATIONS - 1:  # nobody asks for the last one
            gram = step @ gram @ step
    return factor @ unit


def build_optimiser(module: nn.Module, unet: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """Return the recipe's optimiser over ``module``, of which ``unet`` is a part."""
    adamw: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": config.betas,
        "weight_decay": config.weight_decay,
        "fused": True,
    }
    if config.kind == "adamw":
        return torch.optim.AdamW(module.parameters(), **adamw)
    return Muon(*split_matrices(module, unet), config.momentum, **adamw)


def split_matrices(module: nn.Module, unet: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the matrices in the blocks of ``unet``, and all other parameters of ``module``.

    First and last layers are no matrices between features, and are left to AdamW as Jordan et al. advise.
    """
    inside = {
        id(parameter)
        for name, parameter in unet.named_parameters()
        if name.startswith(_MATRICES_ARE_IN) and parameter.ndim >= 2
    }
    parameters = list(module.parameters())
    return [p for p in parameters if id(p) in inside], [p for p in parameters if id(p) not in inside]


class Muon(torch.optim.AdamW):
    """AdamW over ``others``, Muon over ``matrices``; both with one learning rate and decoupled weight decay.

    ``momentum`` is Nesterov's. A step uses up the gradients of the matrices: they are None afterwards.
    """

    def __init__(
        self,
        matrices: list[nn.Parameter],
        others: list[nn.Parameter],
        momentum: float = 0.95,
        **adamw: Any,
    ) -> None:
        groups: list[dict[str, Any]] = [{"params": others}, {"params": matrices, "momentum": momentum}]
        super().__init__(groups, **adamw)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Do one step with the gradients there are, or those of ``closure``; returns its loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"] if "momentum" in group else ():
                if parameter.grad is not None:
                    self._step_matrix(parameter, group)
                    parameter.grad = None  # AdamW passes over it
        super().step()
        return loss

    def _step_matrix(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            # AdamW looks for a step in every parameter's state when it loads one
            state.update(step=torch.zeros(()), average=torch.zeros_like(parameter))
        state["step"] += 1
        average = state["average"].lerp_(parameter.grad, 1.0 - group["momentum"])
        ahead = parameter.grad.lerp(average, group["momentum"]).flatten(1)
        size = _RMS_OF_ADAMW * math.sqrt(max(ahead.shape))
        parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
        parameter.add_(nearly_orthogonal(ahead).view_as(parameter), alpha=-group["lr"] * size)
