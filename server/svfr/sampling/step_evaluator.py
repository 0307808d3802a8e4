"""Windows of one denoise step through a network, or through several copies of it at once.

A window depends on the step's latents, and in drafts on what earlier steps left, so that windows may be
computed in any order and on any device; they are handed back in their own order, and whoever sums them gets
the same bits as from one network on the same kind of device. Several windows and both branches as one batch
round differently from one at a time, on a CPU within 1e-5 of the largest output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from svfr.diffusion.objectives import Objective
from svfr.diffusion.reuse import kept_places
from svfr.diffusion.schedule import euler_step, timestep
from svfr.diffusion.windows import FrameWindow
from svfr.nets.unet import FastUNet
from svfr.sampling.kept_frames import PassMemory


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


@dataclass(frozen=True)
class _Group:
    """Windows of one length that are evaluated at once; ``kept`` are places in :attr:`frames`."""

    windows: tuple[FrameWindow, ...]
    kept: tuple[int, ...]

    @property
    def frames(self) -> list[int]:
        """The frames of all windows, one window behind the other."""
        return [frame for window in self.windows for frame in window.frames]


def _in_groups(windows: Sequence[FrameWindow], most: int) -> list[_Group]:
    """Return the windows in order, neighbours of one length together, at most ``most`` of them."""
    groups: list[_Group] = []
    for window, places in zip(windows, kept_places(windows), strict=True):
        last, length = groups[-1] if groups else None, len(window.frames)
        if last and len(last.windows) < most and len(last.windows[-1].frames) == length:
            moved = tuple(len(last.windows) * length + place for place in places)
            groups[-1] = _Group((*last.windows, window), last.kept + moved)
        else:
            groups.append(_Group((window,), places))
    return groups


class StepEvaluator:
    """The networks of a pass in their present number type, each with the tokens projected in it once.

    ``networks`` hold the same weights; the first one's device is where latents come from and go to. Each
    evaluates up to ``batch`` branches of windows at once. ``memory`` is what steps leave for each other.
    """

    def __init__(
        self,
        networks: Sequence[FastUNet],
        objective: Objective,
        conditioning: Conditioning,
        *,
        memory: PassMemory,
        batch: int = 1,
    ) -> None:
        self._home = networks[0].device
        self._at_once = max(1, batch // (2 if conditioning.has_two_branches else 1))
        self._evaluations = [
            _Evaluation(network, objective, conditioning, memory=memory, are_joined=batch > 1)
            for network in networks
        ]

    def moved(
        self,
        x: torch.Tensor,
        windows: Sequence[FrameWindow],
        step: int,
        levels: tuple[float, float],
        check: Callable[[], None],
    ) -> Iterator[torch.Tensor]:
        """Yield the latents (F, C, h, w) of each window one Euler step from level to level, in order.

        ``check`` is called before windows are begun and may raise. As many groups of windows are in work as
        there are networks.
        """
        groups = _in_groups(windows, self._at_once)
        if len(self._evaluations) == 1:
            for group in groups:
                check()
                yield from self._evaluations[0].move(x, group, step, *levels)
            return
        count = len(self._evaluations)
        with ThreadPoolExecutor(count) as pool:

            def begin(number: int) -> Future[Sequence[torch.Tensor]]:
                check()
                evaluation = self._evaluations[number % count]
                return pool.submit(evaluation.move, x, groups[number], step, *levels)

            running = [begin(number) for number in range(min(count, len(groups)))]
            for number in range(len(groups)):
                moved = running.pop(0).result()
                if number + count < len(groups):
                    running.append(begin(number + count))  # by the network that has just become free
                yield from (window.to(self._home) for window in moved)


class _Evaluation:
    """One network, with the conditioning on its device; its branches may be joined in one batch."""

    def __init__(
        self,
        network: FastUNet,
        objective: Objective,
        conditioning: Conditioning,
        *,
        memory: PassMemory,
        are_joined: bool,
    ) -> None:
        self._network, self._objective, self._memory = network, objective, memory
        self._are_joined = are_joined
        self._conditioning = conditioning.on(network.device)
        tokens = self._conditioning.tokens
        self._tokens = None if tokens is None else network.project_tokens(tokens)

    @torch.no_grad()  # counts for one thread: the caller's does not reach a pool's
    def move(
        self, x: torch.Tensor, group: _Group, step: int, sigma: float, sigma_next: float
    ) -> Sequence[torch.Tensor]:
        """Return each window's latents (F, C, h, w) one Euler step further, on the network's device."""
        objective, conditioning = self._objective, self._conditioning
        noisy = x[group.frames].to(self._network.device)
        lq = conditioning.lq[group.frames]
        lq_scaled = conditioning.scale * lq[:, : conditioning.channels]  # for windows, never for the shot
        given = torch.cat([objective.network_input(noisy, lq_scaled, sigma), lq], dim=1)
        output = self._guided(given, group, step, sigma)
        moved = euler_step(noisy, objective.denoised(output, noisy, lq_scaled, sigma), sigma, sigma_next)
        return moved.split(len(group.windows[0].frames))

    def _guided(self, given: torch.Tensor, group: _Group, step: int, sigma: float) -> torch.Tensor:
        """Return the branches' common output; ``given`` is the noisy and low-quality third of the input."""
        if not self._conditioning.has_two_branches:
            return self._branches((True,), given, group, step, sigma)[0]
        guidance, memory = self._conditioning.guidance, self._memory
        if not memory.reuse.has_unconditional(step):
            conditional = self._branches((True,), given, group, step, sigma)[0]
            kept = memory.guidance.of(group.frames, conditional.device)
            return conditional + (guidance - 1.0) * kept
        conditional, unconditional = self._branches((True, False), given, group, step, sigma)
        difference = conditional - unconditional
        if memory.reuse.guidance_every > 1:
            memory.guidance.keep([group.frames[at] for at in group.kept], difference[list(group.kept)])
        return unconditional + guidance * difference

    def _branches(
        self, branches: tuple[bool, ...], given: torch.Tensor, group: _Group, step: int, sigma: float
    ) -> Sequence[torch.Tensor]:
        """Return the output of each branch, True is the conditional one."""
        reuse = self._memory.reuse
        is_deep = {reuse.is_deep(step, conditional=branch) for branch in branches}
        if len(branches) > 1 and not (self._are_joined and len(is_deep) == 1):
            return [self._branches((branch,), given, group, step, sigma)[0] for branch in branches]
        sample = torch.cat([self._sample(given, branch) for branch in branches])
        evaluated = timestep(sigma), self._conditioning.added_time_ids, self._tokens if branches[0] else None
        windows = len(group.windows) * len(branches)
        if windows == 1 and reuse.deep_every == 1:
            return [self._network(sample, *evaluated).float()]
        kept = self._memory.deep
        deep = None
        if not is_deep.pop():
            deep = torch.cat([kept[branch].of(group.frames, sample.device) for branch in branches])
        output, used = self._network.evaluate(
            sample, *evaluated, deep=deep, windows=windows, with_tokens=len(group.windows)
        )
        if deep is None and reuse.deep_every > 1:
            frames = [group.frames[at] for at in group.kept]
            for branch, part in zip(branches, used.chunk(len(branches)), strict=True):
                kept[branch].keep(frames, part[list(group.kept)])
        return output.float().chunk(len(branches))

    def _sample(self, given: torch.Tensor, conditional: bool) -> torch.Tensor:
        """Return the network's whole input of one branch."""
        conditioning = self._conditioning
        third = conditioning.reference if conditional else None
        if third is None:
            third = torch.zeros_like(given[0, : conditioning.channels])
        return torch.cat([given, third.expand(given.shape[0], *third.shape)], dim=1)
