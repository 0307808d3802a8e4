"""Training a feed-forward network on single damaged frames; a killed run goes on where it was saved."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from svfr.arrays import Float32
from svfr.sampling.network_input import from_network, to_network
from svfr.training.batches import ClipSource
from svfr.training.loop.state_file import load_module, read_state, write_state
from svfr.training.recipe.config import Phase
from svfr_lab.experiments.kit.gpen_style_net import GpenStyleNet

_PHASE = Phase(steps=1, frames=1, batch=16, noised_share=0.0)
_LEARNING_RATE = 2e-3
_WARMUP_STEPS = 10
_GRADIENT_CLIP = 1.0
_AVERAGE_DECAY = 0.9
_STATE = ("step", "net", "average", "optimiser")


class FeedForwardRun:
    """One network under training: AdamW, L1 loss, constant learning rate after a warm-up, averaged weights.

    Step n draws its batch from a generator of (seed, stream, n), so that runs of one seed and stream see the
    same damaged faces in the same order. ``start`` are weights to begin with; without them the seed decides.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        stream: int,
        source: ClipSource,
        start: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._seed, self._stream, self._source = folder / "state.pt", seed, stream, source
        torch.manual_seed(seed)
        self._net = GpenStyleNet()
        if start is not None:
            self._net.load_state_dict(start)
        self._optimiser = torch.optim.AdamW(self._net.parameters(), lr=_LEARNING_RATE, betas=(0.9, 0.99))
        self._average = AveragedModel(self._net, multi_avg_fn=get_ema_multi_avg_fn(_AVERAGE_DECAY))
        self.step = 0
        if self._path.exists():
            self._load(read_state(self._path, _STATE))

    @property
    def averaged_net(self) -> nn.Module:
        """The network of the averaged weights, the one that is kept."""
        return self._average.module

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the averaged weights."""
        return copy.deepcopy(self.averaged_net.state_dict())

    def go_to(self, goal: int) -> None:
        """Train until ``goal`` steps are done, and save."""
        if self.step >= goal:
            return
        while self.step < goal:
            self._train_step()
        self._save()

    def _train_step(self) -> None:
        rng = np.random.default_rng([self._seed, self._stream, self.step])
        batch = self._source.batch(rng, _PHASE)
        for group in self._optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, (self.step + 1) / _WARMUP_STEPS)
        self._optimiser.zero_grad(set_to_none=True)
        functional.l1_loss(self._net(batch.low_quality[:, 0]), batch.clean[:, 0]).backward()
        nn.utils.clip_grad_norm_(self._net.parameters(), _GRADIENT_CLIP)
        self._optimiser.step()
        self.step += 1
        self._average.update_parameters(self._net)

    def _save(self) -> None:
        state = {
            "step": self.step,
            "net": self._net.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        write_state(self._path, state)

    def _load(self, state: Mapping[str, Any]) -> None:
        for name, module in (("net", self._net), ("average", self._average)):
            load_module(self._path, module, state[name])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


@torch.no_grad()
def restored(net: nn.Module, codes: Float32) -> Float32:
    """Return frames (F, S, S, 3) of code values 0..1 as the network restores them, clipped."""
    pictures = net(to_network(codes))
    return np.clip(np.stack([from_network(picture) for picture in pictures]), 0.0, 1.0)
