"""Training the colour network on grey pictures, beside a base model that stays as it is.

Everything random in a step comes from the seed and the step's number, so that a run that was stopped goes on
as if it had not been.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from svfr.models.model import Model
from svfr.nets.colour_net import ColourNet, luma_of, with_chroma
from svfr.training.colour.pictures import ColourBatch, ColourSource
from svfr.training.colour.recipe import ColourConfig
from svfr.training.loop.descent import descend
from svfr.training.loop.run_log import RunLog
from svfr.training.loop.state_file import load_module, read_state, write_state
from svfr.training.loop.trainer import has_fast_bfloat16

_ENTRIES = ("step", "net", "average", "optimiser")
_BETAS = (0.9, 0.99)
# An error of 35 dB is as good as none: without it faces that are easy would weigh without end.
_LEAST_ERROR = 3e-4
# What anyone can do without a network: the sepia in which a skin is least wrong.
_TINT = (1.11, 1.0, 0.86)
_ASIDE_AT_ONCE = 32


class ColourStage:
    """One run in one folder; ``state.pt`` holds everything needed to go on.

    A base that carries a colour network of the recipe's sizes lends it its weights to begin with.
    """

    def __init__(
        self, config: ColourConfig, source: ColourSource, base: Model, folder: Path, device: torch.device
    ) -> None:
        self.config, self._source, self._device = config, source, device
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.state_path = folder, folder / "state.pt"
        torch.manual_seed(config.seed)
        network = _first_network(config, base)
        # the layout in which convolutions of few channels are fastest
        self.net = cast(ColourNet, cast(Any, network).to(device, memory_format=torch.channels_last))
        average = functools.partial(_average, config.optimiser.ema_decay)
        self._average = AveragedModel(self.net, multi_avg_fn=average)
        self._optimiser = torch.optim.AdamW(
            self.net.parameters(),
            config.optimiser.learning_rate,
            _BETAS,
            weight_decay=config.optimiser.weight_decay,
        )
        self._computing = _number_types(config, device)
        self.step = 0
        if self.state_path.exists():
            self._load()

    @property
    def averaged_net(self) -> ColourNet:
        """The network whose weights are the running average: the one that is kept."""
        return cast(ColourNet, self._average.module)

    def run(self, report: Callable[[dict[str, Any]], None], stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the last step, or until ``stop``; the log goes to ``log.jsonl`` and to ``report``."""
        config = self.config
        with RunLog(self._folder / "log.jsonl", self.step) as log:
            while self.step < config.steps and not stop():
                log.add(self.train_step())
                if self.step % config.run.log_every_steps == 0:
                    rate = config.learning_rate_at(self.step)
                    report(log.row(self.step, rate, also=self.gain_aside()))
                if self.step % config.run.save_every_steps == 0:
                    self.save()
        self.save()

    def train_step(self) -> dict[str, torch.Tensor]:
        """Do one step; returns the loss, and as ``errors`` those relative to a tint.

        Raises TrainingDiverged before a loss that is not finite can do harm.
        """
        config, sizes = self.config, self.config.optimiser
        rng = np.random.default_rng([config.seed, 1, self.step])
        batch = self._source.batch(rng, sizes.batch, config.crop_px_at(self.step)).to(self._device)
        torch.manual_seed(int(rng.integers(2**62)))
        for group in self._optimiser.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        self.net.train()
        chroma = self._chroma(self.net, batch.grey)
        loss = colour_loss(chroma, batch.clean).mean()
        descend(self.net, self._optimiser, loss, step=self.step, state_path=self.state_path)
        self.step += 1
        self._average.update_parameters(self.net)
        shown, plain = errors(chroma.detach(), batch)
        terms = {"loss": loss.detach(), "errors": shown.mean()[None] / plain.mean()}
        return {**terms, "gain_db": 10 * torch.log10(plain / shown)}

    @torch.no_grad()
    def gain_aside(self) -> dict[str, float]:
        """Return how much better than a tint the people kept aside are coloured, in dB; nothing without them.

        The mean, the worst of them and the share that a tint would colour better, each with the average of
        the network's answers for a picture and its mirror image.
        """
        batch = self._source.aside(self.config.crop_px_at(self.step))
        if batch is None:
            return {}
        network = self.averaged_net.eval()
        gains = []
        for clean, grey in zip(
            batch.clean.split(_ASIDE_AT_ONCE), batch.grey.split(_ASIDE_AT_ONCE), strict=True
        ):
            part = ColourBatch(clean, grey).to(self._device)
            both = [self._chroma(network, part.grey), self._chroma(network, part.grey.flip(3)).flip(3)]
            shown, plain = errors((both[0] + both[1]) / 2, part)
            gains.append(10 * torch.log10(plain / shown))
        gain = torch.cat(gains)
        worse = (gain < 0).float().mean()
        return {
            "aside_db": float(gain.mean()),
            "aside_worst_db": float(gain.min()),
            "aside_worse": float(worse),
        }

    def save(self) -> None:
        """Write the state whole, or leave the old one."""
        write_state(
            self.state_path,
            {
                "step": self.step,
                "net": self.net.state_dict(),
                "average": self._average.state_dict(),
                "optimiser": self._optimiser.state_dict(),
            },
        )

    def _load(self) -> None:
        state = read_state(self.state_path, _ENTRIES)
        load_module(self.state_path, self.net, state["net"])
        load_module(self.state_path, self._average, state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def _chroma(self, network: ColourNet, grey: torch.Tensor) -> torch.Tensor:
        """Return Cb and Cr in float32 of grey pictures of code values 0 to 1."""
        with self._computing():
            chroma: torch.Tensor = network((2.0 * grey - 1.0).contiguous(memory_format=torch.channels_last))
        return chroma.float()


def colour_loss(chroma: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean squared error of each picture's colours (N,), as RGB shows them.

    ``chroma`` (N, 2, S, S) against that of ``clean`` (N, 3, S, S): what the luma lost is not its to learn.
    The logarithm makes a decibel of every face worth the same, and so no face the only one.
    """
    wanted = clean - luma_of(clean)
    error = (with_chroma(torch.zeros_like(chroma[:, :1]), chroma) - wanted).square().mean((1, 2, 3))
    return torch.log(error + _LEAST_ERROR)


def errors(chroma: torch.Tensor, batch: ColourBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squared errors (N,) of the coloured pictures and of tinted ones, clamped to 0..1."""
    coloured = with_chroma(batch.grey, chroma)
    tinted = batch.grey * batch.grey.new_tensor(_TINT).view(1, 3, 1, 1)
    shown, plain = (
        (pictures.clamp(0.0, 1.0) - batch.clean).square().mean((1, 2, 3)) for pictures in (coloured, tinted)
    )
    return shown, plain


def _first_network(config: ColourConfig, base: Model) -> ColourNet:
    network = ColourNet(config.network, config.optimiser.dropout)
    if base.colour is not None and base.colour.sizes == config.network:
        network.load_state_dict(base.colour.state_dict())
    return network


def _number_types(config: ColourConfig, device: torch.device) -> Callable[[], AbstractContextManager[Any]]:
    precision = config.run.precision
    if precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(device)):
        return functools.partial(torch.autocast, device.type, torch.bfloat16)
    return nullcontext


@torch.no_grad()
def _average(
    decay: float, averaged: Sequence[torch.Tensor], current: Sequence[torch.Tensor], count: torch.Tensor | int
) -> None:
    """Move the average towards the weights; at first by more, so that it forgets where they began."""
    kept = min(decay, (1.0 + float(count)) / (10.0 + float(count)))
    for mean, now in zip(averaged, current, strict=True):
        mean.lerp_(now, 1.0 - kept)
