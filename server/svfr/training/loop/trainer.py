"""The training loop: exact resume, averaged weights, one process or many.

It trains any :class:`svfr.training.nets.trainable.TrainableNet`. accelerate places it on the machine: CPU,
one GPU, many GPUs by ``accelerate launch``. Where bfloat16 is native the networks' forward pass runs in it
(1.6 times as fast on one core of a Zen 4 server, measured); weights and optimiser stay float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from svfr.models.model import Model
from svfr.training.batches import ClipSource, draw_step
from svfr.training.errors import TrainingDiverged
from svfr.training.loop.batch_check import check_batch
from svfr.training.loop.build import build_net, measure_codec
from svfr.training.loop.muon import build_optimiser
from svfr.training.loop.run_log import RunLog
from svfr.training.loop.state_file import load_module, load_optimiser, read_state, write_state
from svfr.training.loop.step_loss import StepLoss
from svfr.training.nets.svd_net import SvdNet
from svfr.training.nets.svd_parts import SvdSource
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import Recipe, SvdRunConfig

__all__ = ["Trainer", "has_fast_bfloat16", "measure_codec", "step_generator"]

_STATE_ENTRIES = ("step", "net", "average", "optimiser")


def step_generator(seed: int, step: int, process: int = 0) -> np.random.Generator:
    """Return the generator of everything random in a step; each process draws its own clips."""
    return np.random.default_rng([seed, step, process] if process else [seed, step])


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is worth its rounding on ``device``: GPUs and CPUs with native support.

    oneDNN computes it on every CPU with AVX-512, which without native instructions takes several times as
    long as float32; what torch calls supported is not what is fast.
    """
    if device.type == "cpu":
        ask = getattr(torch.cpu, "get_capabilities", dict)  # younger than the oldest torch that is allowed
        return any(has for name, has in ask().items() if str(name).endswith("bf16"))
    return device.type == "cuda"


class Trainer:
    """One training run in one folder.

    ``state.pt`` holds everything needed to go on exactly; it is written every ``save_every_steps`` and at the
    end. ``device`` "cpu" stays there, anything else leaves the choice to accelerate. A new run of a preview
    network takes its weights from ``start`` where one is given.
    """

    def __init__(
        self,
        config: Recipe,
        source: ClipSource,
        folder: Path,
        *,
        device: str = "cpu",
        svd: SvdSource | None = None,
        start: Model | None = None,
    ) -> None:
        self.config, self.source, self.folder = config, source, folder
        # Single frames leave the temporal parts without a gradient, and so do steps without references.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no", kwargs_handlers=[unused])
        self.device = self.accelerator.device
        folder.mkdir(parents=True, exist_ok=True)
        self.state_path = folder / "state.pt"
        torch.manual_seed(config.seed)
        state = self._read_state()
        self.net = build_net(config, source, svd, state, start).to(self.device)
        self._prepare_net()
        step_loss = StepLoss(self.net, config).to(self.device)
        self.heads = step_loss.heads
        self.optimiser = build_optimiser(step_loss, self.net.unet, config.optimiser)
        self.average = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(config.optimiser.ema_decay))
        self.step = 0
        if state is not None:
            self._load(state)
        self._step_loss, self._stepper = self.accelerator.prepare(step_loss, self.optimiser)

    def _prepare_net(self) -> None:
        run = self.config.run
        if run.precision == "bfloat16" or (run.precision == "auto" and has_fast_bfloat16(self.device)):
            self.net.autocast = functools.partial(torch.autocast, self.device.type, torch.bfloat16)
        if isinstance(run, SvdRunConfig) and run.gradient_checkpointing:
            self.net.unet.enable_gradient_checkpointing()
        if isinstance(self.net, SvdNet):
            self.net.place_frozen(self.device)

    def _read_state(self) -> dict[str, Any] | None:
        if not self.state_path.exists():
            return None
        return read_state(self.state_path, _STATE_ENTRIES)

    def _load(self, state: Mapping[str, Any]) -> None:
        load_module(self.state_path, self.net, state["net"])
        load_module(self.state_path, self.average, state["average"])
        load_module(self.state_path, self.heads, state.get("heads", {}))
        load_optimiser(self.state_path, self.optimiser, state["optimiser"])
        self.step = int(state["step"])

    @property
    def averaged_net(self) -> TrainableNet:
        """The network whose weights are the running average: the one that is kept."""
        return cast(TrainableNet, self.average.module)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes; the others only compute."""
        return self.accelerator.is_main_process

    def save(self) -> None:
        """Write the state whole, or leave the old one."""
        if self.is_main:
            state = {
                "step": self.step,
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                **self.net.constants(),
            }
            heads = self.heads.state_dict()
            write_state(self.state_path, state | {"heads": heads} if heads else state)
        self.accelerator.wait_for_everyone()

    def train_step(self) -> dict[str, torch.Tensor]:
        """Do one optimiser step; returns each sample's relative ``errors`` and the mean of each loss term.

        Raises TrainingDataUnusable, and TrainingDiverged before a loss that is not finite can do harm.
        """
        phase = self.config.phase_at(self.step)
        rng = step_generator(self.config.seed, self.step, self.accelerator.process_index)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate_at(self.step)
        self._stepper.zero_grad(set_to_none=True)
        accumulate = self.config.optimiser.accumulate
        parts = []
        for part in range(accumulate):
            batch = self.source.batch(rng, phase)
            check_batch(batch, self.config, phase, self.net.needs_reference_landmarks)
            draws = draw_step(self.config, phase, rng)
            torch.manual_seed(int(rng.integers(2**62)))
            with self._together(last=part == accumulate - 1):
                terms = self._step_loss(batch.to(self.device), draws)
                self._refuse_infinite(terms["loss"])
                self.accelerator.backward(terms["loss"] / accumulate)
            parts.append({name: value.detach() for name, value in terms.items()})
        self.accelerator.clip_grad_norm_(self._step_loss.parameters(), self.config.optimiser.gradient_clip)
        self._stepper.step()
        self.step += 1
        self.average.update_parameters(self.net)
        return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}

    def _together(self, last: bool) -> AbstractContextManager[Any]:
        """Return the context of one of the batches of a step: processes exchange gradients after the last."""
        return nullcontext() if last else self.accelerator.no_sync(self._step_loss)

    def _any(self, wants_stop: bool) -> bool:
        """Return whether any process is to stop: all must stop after the same step."""
        if self.accelerator.num_processes == 1:
            return wants_stop
        return bool(self.accelerator.reduce(torch.tensor(float(wants_stop), device=self.device)) > 0)

    def _refuse_infinite(self, loss: torch.Tensor) -> None:
        if not math.isfinite(float(loss.detach())):
            raise TrainingDiverged(
                f"The loss of step {self.step} is {float(loss.detach())}.",
                path=self.state_path,
                remedy="The state on disk is from before. Lower the learning rate, or look at the clips.",
            )

    def run(
        self,
        report: Callable[[dict[str, Any]], None],
        stop: Callable[[], bool] = lambda: False,
        sheet: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Train to the last step, or until ``stop``; the log goes to ``log.jsonl`` and to ``report``.

        ``sheet`` is called with the number of steps done, every ``sheet_every_steps``, by the main process.
        """
        run = self.config.run
        with RunLog(self.folder / "log.jsonl" if self.is_main else None, self.step) as log:
            while self.step < self.config.steps and not self._any(stop()):
                log.add(self.train_step())
                if self.step % run.log_every_steps == 0:
                    row = log.row(self.step, self.config.learning_rate_at(self.step))
                    if self.is_main:
                        report(row)
                if self.step % run.save_every_steps == 0:
                    self.save()
                if self.is_main and run.sheet_every_steps and self.step % run.sheet_every_steps == 0:
                    sheet(self.step)
        self.save()
