"""Training the detail network against a discriminator of texture, beside a base model that stays as it is.

Everything random in a step comes from the seed and the step's number, and the bank from the seed, so that a
run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from svfr.models.model import Model
from svfr.nets.detail_net import DetailNet
from svfr.training.batches import ClipSource
from svfr.training.detail.bank import FRAMES, DetailBatch, SampleBank
from svfr.training.detail.losses import (
    TextureDiscriminator,
    contrast_loss,
    discriminator_loss,
    feature_loss,
    fine,
    flicker_loss,
    generator_loss,
    luma,
    pixel_loss,
)
from svfr.training.detail.recipe import DetailConfig
from svfr.training.loop.descent import descend
from svfr.training.loop.run_log import RunLog
from svfr.training.loop.state_file import load_module, load_optimiser, read_state, write_state

_ENTRIES = ("step", "net", "average", "discriminator", "optimisers")
_BETAS, _DISCRIMINATOR_BETAS = (0.5, 0.99), (0.0, 0.99)
_LEAST_TEXTURE = 1e-3


class DetailStage:
    """One run in one folder; ``state.pt`` holds everything needed to go on.

    A base that carries a detail network of the recipe's sizes lends it its weights to begin with.
    """

    def __init__(
        self, config: DetailConfig, source: ClipSource, base: Model, folder: Path, device: torch.device
    ) -> None:
        self.config, self._source, self._base, self._device = config, source, base, device
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.state_path = folder, folder / "state.pt"
        torch.manual_seed(config.seed)
        self.net = _first_network(config, base).to(device)
        self.discriminator = TextureDiscriminator().to(device)
        self._average = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(config.optimiser.ema_decay))
        self._optimiser = torch.optim.Adam(self.net.parameters(), betas=_BETAS)
        self._discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), config.optimiser.discriminator_rate, _DISCRIMINATOR_BETAS
        )
        self.step = 0
        if self.state_path.exists():
            self._load()
        self._bank: SampleBank | None = None
        self._bank_number = -1

    @property
    def averaged_net(self) -> DetailNet:
        """The network whose weights are the running average: the one that is kept."""
        return cast(DetailNet, self._average.module)

    def run(self, report: Callable[[dict[str, Any]], None], stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the last step, or until ``stop``; the log goes to ``log.jsonl`` and to ``report``."""
        config = self.config
        with RunLog(self._folder / "log.jsonl", self.step) as log:
            while self.step < config.optimiser.steps and not stop():
                log.add(self.train_step())
                if self.step % config.log_every_steps == 0:
                    report(log.row(self.step, self._learning_rate()))
                if self.step % config.save_every_steps == 0:
                    self.save()
        self.save()

    def train_step(self) -> dict[str, torch.Tensor]:
        """Do one step of both networks; returns the loss terms, and as ``errors`` those relative to the base.

        Raises TrainingDiverged before a loss that is not finite can do harm.
        """
        rng = np.random.default_rng([self.config.seed, 1, self.step])
        sizes = self.config.optimiser
        batch = self._filled_bank().draw(rng, sizes.batch, sizes.crop_px).to(self._device)
        for group in self._optimiser.param_groups:
            group["lr"] = self._learning_rate()
        result = batch.base + self._residual(batch)
        terms = self._network_step(result, batch)
        self._discriminator_step(result.detach().flatten(0, 1), batch.clean.flatten(0, 1))
        self.step += 1
        self._average.update_parameters(self.net)
        return terms

    def save(self) -> None:
        """Write the state whole, or leave the old one."""
        write_state(
            self.state_path,
            {
                "step": self.step,
                "net": self.net.state_dict(),
                "average": self._average.state_dict(),
                "discriminator": self.discriminator.state_dict(),
                "optimisers": [o.state_dict() for o in (self._optimiser, self._discriminator_optimiser)],
            },
        )

    def _load(self) -> None:
        state = read_state(self.state_path, _ENTRIES)
        load_module(self.state_path, self.net, state["net"])
        load_module(self.state_path, self._average, state["average"])
        load_module(self.state_path, self.discriminator, state["discriminator"])
        for optimiser, saved in zip(
            (self._optimiser, self._discriminator_optimiser), state["optimisers"], strict=True
        ):
            load_optimiser(self.state_path, optimiser, saved)
        self.step = int(state["step"])

    def _filled_bank(self) -> SampleBank:
        bank = self.config.bank
        number = self.step // bank.refill_steps if bank.refill_steps else 0
        if self._bank is None or number != self._bank_number:
            self._bank, self._bank_number = None, number
            seed = (self.config.seed, 1000 + number)
            self._bank = SampleBank(
                source=self._source, model=self._base, damage=bank.damage, clips=bank.clips, seed=seed
            )
        return self._bank

    def _learning_rate(self) -> float:
        optimiser = self.config.optimiser
        left = (optimiser.steps - self.step) / optimiser.cooldown_steps
        return optimiser.learning_rate * max(min(1.0, left), 0.0)

    def _residual(self, batch: DetailBatch) -> torch.Tensor:
        flat = (batch.low_quality.flatten(0, 1), batch.base.flatten(0, 1), batch.hole.flatten(0, 1))
        residual: torch.Tensor = self.net(*flat)
        return residual.unflatten(0, (-1, FRAMES))

    def _network_step(self, result: torch.Tensor, batch: DetailBatch) -> dict[str, torch.Tensor]:
        weights = self.config.losses
        made, clean, base = (clips.flatten(0, 1) for clips in (result, batch.clean, batch.base))
        lacking = missing_texture(base, clean)
        self.discriminator.requires_grad_(False)
        fake, found = self.discriminator(made)
        with torch.no_grad():
            real, wanted = self.discriminator(clean)
        ramp = min(1.0, self.step / max(weights.ramp_steps, 1))
        terms = {
            "pixel": weights.pixel * pixel_loss(made, clean).mean(),
            "contrast": weights.contrast * contrast_loss(made, clean).mean(),
            "adversarial": ramp * weights.adversarial * (lacking * generator_loss(real, fake)).mean(),
            "features": ramp * weights.features * (lacking * feature_loss(found, wanted)).mean(),
            "flicker": weights.flicker * flicker_loss(result, batch.clean, batch.flow).mean(),
        }
        loss = torch.stack(list(terms.values())).sum()
        descend(self.net, self._optimiser, loss, step=self.step, state_path=self.state_path)
        errors = [(clips - clean).detach().square().mean((1, 2, 3)) for clips in (made, base)]
        shares = {
            "loss": loss,
            "errors": errors[0].mean()[None] / errors[1].mean(),
            "texture": _strength(made).mean() / _strength(clean).mean(),
            "base_texture": _strength(base).mean() / _strength(clean).mean(),
        }
        return {name: value.detach() for name, value in {**shares, **terms}.items()}

    def _discriminator_step(self, made: torch.Tensor, clean: torch.Tensor) -> None:
        self.discriminator.requires_grad_(True)
        real, _ = self.discriminator(clean)
        fake, _ = self.discriminator(made)
        loss = discriminator_loss(real, fake)
        self._discriminator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._discriminator_optimiser.step()


def _first_network(config: DetailConfig, base: Model) -> DetailNet:
    network = DetailNet(config.network)
    if base.detail is not None and base.detail.sizes == config.network:
        network.load_state_dict(base.detail.state_dict())
    return network


def missing_texture(base: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Return how much of the truth's fine luma the base is without (N,), 0 to 1: what may be invented."""
    error = fine(luma(base - clean)).square().mean((1, 2, 3)).sqrt()
    return (error / (_strength(clean).sqrt() + _LEAST_TEXTURE)).clamp(max=1.0)


def _strength(pictures: torch.Tensor) -> torch.Tensor:
    return fine(luma(pictures)).square().mean((1, 2, 3))
