"""Training a network that changes a reference, beside a base model that stays as it is.

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
from svfr.nets.patch_unet import PatchUNet
from svfr.training.loop.descent import descend
from svfr.training.loop.run_log import RunLog
from svfr.training.loop.state_file import load_module, load_optimiser, read_state, write_state
from svfr.training.loop.trainer import has_fast_bfloat16
from svfr.training.reference.adversary import Adversary
from svfr.training.reference.aim import Aim
from svfr.training.reference.colour import ColourAim
from svfr.training.reference.hole import HoleAim
from svfr.training.reference.pictures import PictureBatch, PictureSource
from svfr.training.reference.recipe import ReferenceConfig

_ENTRIES = ("step", "net", "average", "optimiser", "adversary")
_BETAS = (0.9, 0.99)
_ASIDE_AT_ONCE = 32
_AIMS: dict[str, Callable[[], Aim]] = {"colour": ColourAim, "hole": HoleAim}


class ReferenceStage:
    """One run in one folder; ``state.pt`` holds everything needed to go on.

    A base that carries a network of this kind and of the recipe's sizes lends it its weights to begin with.
    """

    def __init__(
        self,
        config: ReferenceConfig,
        source: PictureSource,
        base: Model,
        folder: Path,
        device: torch.device,
    ) -> None:
        self.config, self._source, self._device = config, source, device
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.state_path = folder, folder / "state.pt"
        self._aim = _AIMS[config.stage]()
        torch.manual_seed(config.seed)
        network = self._first_network(base)
        # the layout in which convolutions of few channels are fastest
        self.net = cast(PatchUNet, cast(Any, network).to(device, memory_format=torch.channels_last))
        average = functools.partial(_average, config.optimiser.ema_decay)
        self._average = AveragedModel(self.net, multi_avg_fn=average)
        self._optimiser = torch.optim.AdamW(
            self.net.parameters(),
            config.optimiser.learning_rate,
            _BETAS,
            weight_decay=config.optimiser.weight_decay,
        )
        self._computing = _number_types(config, device)
        self._adversary = (
            Adversary(config.adversary, device, self._computing) if config.adversary is not None else None
        )
        self.step = 0
        if self.state_path.exists():
            self._load()

    @property
    def averaged_net(self) -> PatchUNet:
        """The network whose weights are the running average: the one that is kept."""
        return cast(PatchUNet, self._average.module)

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
        """Do one step; returns the loss, and as ``errors`` those relative to what needs no network.

        Raises TrainingDiverged before a loss that is not finite can do harm.
        """
        config, sizes = self.config, self.config.optimiser
        rng = np.random.default_rng([config.seed, 1, self.step])
        batch = self._source.batch(rng, sizes.batch, config.crop_px_at(self.step)).to(self._device)
        torch.manual_seed(int(rng.integers(2**62)))
        for group in self._optimiser.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        self.net.train()
        answer = self._answer(self.net, batch)
        loss = self._aim.losses(answer, batch).mean()
        descended = functools.partial(descend, self.net, self._optimiser)
        if self._adversary is None or not (weight := self._adversary.weight_at(self.step)):
            descended(loss, step=self.step, state_path=self.state_path)
        else:
            filled = self._aim.shown(answer, batch)
            reproof = weight * self._adversary.reproof(filled, batch.plane)
            descended(loss + reproof, step=self.step, state_path=self.state_path)
            self._adversary.learn(
                2.0 * batch.clean - 1.0, filled, batch.plane, step=self.step, state_path=self.state_path
            )
        self.step += 1
        self._average.update_parameters(self.net)
        shown, plain = self._aim.errors(answer.detach(), batch)
        terms = {"loss": loss.detach(), "errors": shown.mean()[None] / plain.mean()}
        return {**terms, "gain_db": 10 * torch.log10(plain / shown)}

    @torch.no_grad()
    def gain_aside(self) -> dict[str, float]:
        """Return how much better than without a network people come out who are kept aside, in dB.

        Nothing where nobody is. The mean, the worst of them and the share that comes out worse, each with
        the average of the network's answers for a picture and its mirror image.
        """
        batch = self._source.aside(self.config.crop_px_at(self.step))
        if batch is None:
            return {}
        network = self.averaged_net.eval()
        gains = []
        for part in (each.to(self._device) for each in batch.split(_ASIDE_AT_ONCE)):
            both = [self._answer(network, part), self._answer(network, part.mirrored()).flip(3)]
            shown, plain = self._aim.errors((both[0] + both[1]) / 2, part)
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
                "adversary": None if self._adversary is None else self._adversary.state(),
            },
        )

    def _load(self) -> None:
        state = read_state(self.state_path, _ENTRIES)
        load_module(self.state_path, self.net, state["net"])
        load_module(self.state_path, self._average, state["average"])
        load_optimiser(self.state_path, self._optimiser, state["optimiser"])
        if self._adversary is not None:
            self._adversary.load(state["adversary"])
        self.step = int(state["step"])

    def _answer(self, network: PatchUNet, batch: PictureBatch) -> torch.Tensor:
        """Return the network's answer in float32."""
        planes = [p.contiguous(memory_format=torch.channels_last) for p in self._aim.planes(batch)]
        with self._computing():
            answer: torch.Tensor = network(*planes)
        return answer.float()

    def _first_network(self, base: Model) -> PatchUNet:
        network, given = (
            self._aim.network(self.config.network, self.config.optimiser.dropout),
            self._aim.of(base),
        )
        if given is not None and given.sizes == self.config.network:
            network.load_state_dict(given.state_dict())
        return network


def _number_types(config: ReferenceConfig, device: torch.device) -> Callable[[], AbstractContextManager[Any]]:
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
