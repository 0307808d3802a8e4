"""A discriminator of filled holes: without it what cannot be known is drawn as the mean of all it could be.

The mean of many eyes is a shadow. The discriminator sees whole pictures and where their holes were, and
learns to tell those that were filled; to pass, a network must draw what photographs have there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from svfr.training.loop.descent import descend
from svfr.training.reference.recipe import AdversaryConfig

_BETAS = (0.5, 0.99)
_SLOPE = 0.2
_PLANES = 4  # red, green, blue and the hole


class FillDiscriminator(nn.Module):
    """Rates patches of pictures (N, 3, S, S) in [-1, 1] with holes (N, 1, S, S); spectrally normalised."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        strided = [
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in itertools.pairwise((_PLANES, *widths[:-1]))
        ]
        last = spectral_norm(nn.Conv2d(widths[-2], widths[-1], 3, padding=1))
        self.layers = nn.ModuleList([*strided, last])
        self.verdict = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, pictures: torch.Tensor, holes: torch.Tensor) -> torch.Tensor:
        """Return the verdicts (N, 1, s, s): above 0 for what looks untouched."""
        x = torch.cat([pictures, 2.0 * holes - 1.0], dim=1)
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), _SLOPE)
        return cast(torch.Tensor, self.verdict(x))


class Adversary:
    """The discriminator of a run, and how it learns; only verdicts near holes count."""

    def __init__(
        self,
        config: AdversaryConfig,
        device: torch.device,
        computing: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._config, self._computing = config, computing
        network = cast(Any, FillDiscriminator(config.widths))
        self.net: FillDiscriminator = network.to(device, memory_format=torch.channels_last)
        self._optimiser = torch.optim.AdamW(self.net.parameters(), config.learning_rate, _BETAS)

    def weight_at(self, step: int) -> float:
        """Return how much the verdict counts at a step; 0: not yet, and it does not learn either."""
        since = step + 1 - self._config.begin_step
        return self._config.weight * min(1.0, max(0, since) / self._config.warmup_steps)

    def reproof(self, filled: torch.Tensor, holes: torch.Tensor) -> torch.Tensor:
        """Return what is to be made small: how much filled pictures (N, 3, S, S) look like what they are."""
        self.net.requires_grad_(False)
        verdicts = self._verdicts(filled, holes)
        self.net.requires_grad_(True)
        return -_near(verdicts, holes)

    def learn(
        self, real: torch.Tensor, filled: torch.Tensor, holes: torch.Tensor, *, step: int, state_path: Path
    ) -> None:
        """Do one step of the hinge loss (Lim and Ye, arXiv 1705.02894)."""
        of_real, of_filled = (self._verdicts(pictures, holes) for pictures in (real, filled.detach()))
        loss = _near(functional.relu(1.0 - of_real), holes) + _near(functional.relu(1.0 + of_filled), holes)
        descend(self.net, self._optimiser, loss, step=step, state_path=state_path)

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on."""
        return {"net": self.net.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _verdicts(self, pictures: torch.Tensor, holes: torch.Tensor) -> torch.Tensor:
        with self._computing():
            verdicts = self.net(pictures.contiguous(memory_format=torch.channels_last), holes)
        return cast(torch.Tensor, verdicts.float())


def _near(values: torch.Tensor, holes: torch.Tensor) -> torch.Tensor:
    """Return the mean of values (N, 1, s, s) whose patch has some of a hole (N, 1, S, S)."""
    near = functional.adaptive_max_pool2d(holes, values.shape[-2:])
    return (values * near).sum() / near.sum().clamp_min(1.0)
