"""Windows of one denoise step through a network, or through several copies of it at once.

A window depends on the step's latents alone, so that windows may be computed in any order and on any device;
they are handed back in their own order, and whoever sums them gets the same bits as from one network on the
same kind of device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from svfr.diffusion.objectives import Objective
from svfr.diffusion.schedule import euler_step, timestep
from svfr.diffusion.windows import FrameWindow
from svfr.nets.unet import FastUNet, TokenProjection


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What the network is told besides the noisy latents.

    ``lq`` (T, C, h, w), or C + 1 with a hole plane, and ``reference`` (C, h, w) are unscaled latents, as the
    published pipeline gives them; ``scale`` times the C = ``channels`` of pictures is what is diffused.
    ``tokens`` are (1, L, channels). None stands for a zero reference and for zero tokens. ``guidance`` g
    combines the branches as ``u + g (c - u)``; the unconditional one drops reference and tokens, and keeps
    low-quality latents and tasks.
    """

    lq: torch.Tensor
    scale: float
    channels: int
    reference: torch.Tensor | None
    tokens: torch.Tensor | None
    added_time_ids: torch.Tensor
    guidance: float

    def on(self, device: torch.device) -> Conditioning:
        """Return the same with every tensor on a device."""
        return replace(
            self,
            lq=self.lq.to(device),
            reference=None if self.reference is None else self.reference.to(device),
            tokens=None if self.tokens is None else self.tokens.to(device),
            added_time_ids=self.added_time_ids.to(device),
        )

    @property
    def has_two_branches(self) -> bool:
        """Whether the unconditional branch can change the result."""
        return self.guidance != 1.0 and not (self.reference is None and self.tokens is None)


class StepEvaluator:
    """The networks of a pass in their present number type, each with the tokens projected in it once.

    ``networks`` hold the same weights; the first one's device is where latents come from and go to.
    """

    def __init__(
        self, networks: Sequence[FastUNet], objective: Objective, conditioning: Conditioning
    ) -> None:
        self._home = networks[0].device
        self._evaluations = [_Evaluation(network, objective, conditioning) for network in networks]

    def moved(
        self,
        x: torch.Tensor,
        windows: Sequence[FrameWindow],
        levels: tuple[float, float],
        check: Callable[[], None],
    ) -> Iterator[torch.Tensor]:
        """Yield the latents (F, C, h, w) of each window one Euler step from level to level, in order.

        ``check`` is called before a window is begun and may raise. As many windows are in work as there are
        networks.
        """
        if len(self._evaluations) == 1:
            for window in windows:
                check()
                yield self._evaluations[0].move(x, window, *levels)
            return
        count = len(self._evaluations)
        with ThreadPoolExecutor(count) as pool:

            def begin(number: int) -> Future[torch.Tensor]:
                check()
                evaluation = self._evaluations[number % count]
                return pool.submit(evaluation.move, x, windows[number], *levels)

            running = [begin(number) for number in range(min(count, len(windows)))]
            for number in range(len(windows)):
                moved = running.pop(0).result()
                if number + count < len(windows):
                    running.append(begin(number + count))  # by the network that has just become free
                yield moved.to(self._home)


class _Evaluation:
    """One network with the conditioning on its device."""

    def __init__(self, network: FastUNet, objective: Objective, conditioning: Conditioning) -> None:
        self._network, self._objective = network, objective
        self._conditioning = conditioning.on(network.device)
        tokens = self._conditioning.tokens
        self._tokens = None if tokens is None else network.project_tokens(tokens)

    @torch.no_grad()  # counts for one thread: the caller's does not reach a pool's
    def move(self, x: torch.Tensor, window: FrameWindow, sigma: float, sigma_next: float) -> torch.Tensor:
        """Return the window's latents (F, C, h, w) one Euler step further, on the network's device."""
        objective, conditioning = self._objective, self._conditioning
        frames = list(window.frames)
        noisy = x[frames].to(self._network.device)
        lq = conditioning.lq[frames]
        lq_scaled = conditioning.scale * lq[:, : conditioning.channels]  # for a window, never for the shot
        given = torch.cat([objective.network_input(noisy, lq_scaled, sigma), lq], dim=1)
        output = self._branch(given, sigma, conditioning.reference, self._tokens)
        if conditioning.has_two_branches:
            unconditional = self._branch(given, sigma, None, None)
            output = unconditional + conditioning.guidance * (output - unconditional)
        return euler_step(noisy, objective.denoised(output, noisy, lq_scaled, sigma), sigma, sigma_next)

    def _branch(
        self,
        given: torch.Tensor,
        sigma: float,
        reference: torch.Tensor | None,
        tokens: TokenProjection | None,
    ) -> torch.Tensor:
        """Evaluate the network once: ``given`` holds the noisy and the low-quality third of its input."""
        conditioning = self._conditioning
        third = torch.zeros_like(given[0, : conditioning.channels]) if reference is None else reference
        sample = torch.cat([given, third.expand(given.shape[0], *third.shape)], dim=1)
        return self._network(sample, timestep(sigma), conditioning.added_time_ids, tokens).float()
