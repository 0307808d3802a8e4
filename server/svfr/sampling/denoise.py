"""The denoising loop of one pass: windows, guidance, blending, Euler steps, checkpoints.

A plain loop over tensors (SVFR section 3.4 and its published inference pipeline): at every step each window
of frames is evaluated by the network and moved one Euler step, and the moved latents are blended with
triangle weights. Latents and blend sums are float32 whatever the network computes in: with starting levels
of 700 the sums of overlapping windows would leave the range of float16. A step that is not finite all the
same is done again in a wider type, and kept only when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from svfr.diffusion.objectives import Objective
from svfr.diffusion.schedule import euler_step, timestep
from svfr.diffusion.windows import FrameWindow
from svfr.errors import CropShapeMismatch, NotFinite
from svfr.nets.unet import FastUNet, TokenProjection
from svfr.sampling.callbacks import SamplingCallbacks, stop_if_cancelled


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What the network is told besides the noisy latents.

    ``lq`` (T, C, h, w), or C + 1 with a hole plane, and ``reference`` (C, h, w) are unscaled latents, as the
    published pipeline gives them; ``lq_scaled`` (T, C, h, w) is in the scale of the diffused latents;
    ``tokens`` are (1, L, channels). None stands for a zero reference and for zero tokens. ``guidance`` g
    combines the branches as ``u + g (c - u)``; the unconditional one drops reference and tokens, and keeps
    low-quality latents and tasks.
    """

    lq: torch.Tensor
    lq_scaled: torch.Tensor
    reference: torch.Tensor | None
    tokens: torch.Tensor | None
    added_time_ids: torch.Tensor
    guidance: float

    @property
    def has_two_branches(self) -> bool:
        """Whether the unconditional branch can change the result."""
        return self.guidance != 1.0 and not (self.reference is None and self.tokens is None)


@dataclass(frozen=True)
class PassSchedule:
    """One pass: its stage name for progress, its name in checkpoints, its levels and windows.

    ``sigmas`` end with 0; ``windows(step)`` are those of one step.
    """

    stage: str
    name: str
    sigmas: tuple[float, ...]
    windows: Callable[[int], Sequence[FrameWindow]]

    @property
    def steps(self) -> int:
        """The number of denoise steps."""
        return len(self.sigmas) - 1


def start_latents(lq_scaled: torch.Tensor, unit_noise: torch.Tensor | None, sigma: float) -> torch.Tensor:
    """Return where a pass starts: the low-quality latents under noise of ``sigma``; None is no noise."""
    return lq_scaled if unit_noise is None else lq_scaled + sigma * unit_noise.to(lq_scaled)


def denoise(
    network: FastUNet,
    objective: Objective,
    start: torch.Tensor,
    conditioning: Conditioning,
    schedule: PassSchedule,
    callbacks: SamplingCallbacks,
    fallback: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Return the clean scaled latents (T, C, h, w) of a pass that starts at ``start`` of the same shape.

    Every finished step is saved; a run that finds saved steps goes on after the last of them and ends with
    the same bits on the same device. A step whose latents are not finite is done again with the network in
    the type ``fallback``, and only that step, so that a resumed run does the same. Raises Cancelled between
    windows, and NotFinite for a step that is not finite in ``fallback`` either.
    """
    first_step, x = _resume(start, schedule, callbacks)
    counts = [len(schedule.windows(step)) for step in range(schedule.steps)]
    callbacks.progress(schedule.stage, sum(counts[:first_step]), sum(counts))
    is_said = False
    evaluate = _Evaluation(network, objective, conditioning)
    for step in range(first_step, schedule.steps):

        def report(windows: int, before: int = sum(counts[:step])) -> None:
            callbacks.progress(schedule.stage, before + windows, sum(counts))

        moved = _denoise_step(evaluate, x, schedule, step, callbacks, report)
        if not _is_finite(moved) and network.dtype != fallback:
            if not is_said:
                callbacks.warning(
                    f"Step {step + 1} of {schedule.steps} overflowed in {_plain(network.dtype)} and was done "
                    f"again in {_plain(fallback)}, which is slower."
                )
                is_said = True
            with network.computing_in(fallback):
                wide = _Evaluation(network, objective, conditioning)
                moved = _denoise_step(wide, x, schedule, step, callbacks, lambda windows: None)
        if not _is_finite(moved):
            raise NotFinite(
                f"The latents of step {step + 1} of {schedule.steps} are not finite.",
                remedy="Check the model with `svfr model check`: its weights may be damaged.",
            )
        x = moved
        callbacks.save(_step_name(schedule, step), x.cpu())
    return x


def _is_finite(latents: torch.Tensor) -> bool:
    return bool(torch.isfinite(latents).all())


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Evaluation:
    """A network in its present number type, with the tokens projected in it once."""

    def __init__(self, network: FastUNet, objective: Objective, conditioning: Conditioning) -> None:
        self.network, self.objective, self.conditioning = network, objective, conditioning
        tokens = conditioning.tokens
        self.tokens = None if tokens is None else network.project_tokens(tokens)


def _denoise_step(
    evaluate: _Evaluation,
    x: torch.Tensor,
    schedule: PassSchedule,
    step: int,
    callbacks: SamplingCallbacks,
    report: Callable[[int], None],
) -> torch.Tensor:
    """Return the latents one step further; ``report`` is told how many of the step's windows are done."""
    sigma, sigma_next = schedule.sigmas[step], schedule.sigmas[step + 1]
    blended, weight_sum = torch.zeros_like(x), torch.zeros(x.shape[0], device=x.device)
    for number, window in enumerate(schedule.windows(step)):
        stop_if_cancelled(callbacks)
        moved = _move_window(evaluate, x, window, sigma, sigma_next)
        # one frame after the other: a window may hold a frame twice, and sums must repeat bit for bit
        for k, (frame, weight) in enumerate(zip(window.frames, window.weights, strict=True)):
            if weight:
                blended[frame] += weight * moved[k]
                weight_sum[frame] += weight
        report(number + 1)
    return blended / weight_sum.view(-1, 1, 1, 1)


def _step_name(schedule: PassSchedule, step: int) -> str:
    return f"{schedule.name}/step{step:04d}"


def _resume(
    start: torch.Tensor, schedule: PassSchedule, callbacks: SamplingCallbacks
) -> tuple[int, torch.Tensor]:
    """Return the first step still to do and the latents to do it on."""
    for step in reversed(range(schedule.steps)):
        saved = callbacks.load(_step_name(schedule, step))
        if saved is None or not _is_finite(saved):
            continue
        if saved.shape != start.shape:
            raise CropShapeMismatch(
                f"The checkpoint {_step_name(schedule, step)} has the shape {tuple(saved.shape)}, "
                f"this run needs {tuple(start.shape)}.",
                remedy="Clear the cache and run the job again.",
            )
        return step + 1, saved.to(start)
    return 0, start


def _move_window(
    evaluate: _Evaluation, x: torch.Tensor, window: FrameWindow, sigma: float, sigma_next: float
) -> torch.Tensor:
    """Return the window's latents (F, C, h, w) one Euler step further."""
    objective, conditioning = evaluate.objective, evaluate.conditioning
    frames = list(window.frames)
    noisy, lq_scaled, lq = x[frames], conditioning.lq_scaled[frames], conditioning.lq[frames]
    given = torch.cat([objective.network_input(noisy, lq_scaled, sigma), lq], dim=1)
    output = _branch(evaluate, given, sigma, conditioning.reference, evaluate.tokens)
    if conditioning.has_two_branches:
        unconditional = _branch(evaluate, given, sigma, None, None)
        output = unconditional + conditioning.guidance * (output - unconditional)
    return euler_step(noisy, objective.denoised(output, noisy, lq_scaled, sigma), sigma, sigma_next)


def _branch(
    evaluate: _Evaluation,
    given: torch.Tensor,
    sigma: float,
    reference: torch.Tensor | None,
    tokens: TokenProjection | None,
) -> torch.Tensor:
    """Evaluate the network once: ``given`` holds the noisy and the low-quality third of its input."""
    conditioning = evaluate.conditioning
    third = torch.zeros_like(conditioning.lq_scaled[0]) if reference is None else reference
    sample = torch.cat([given, third.expand(given.shape[0], *third.shape)], dim=1)
    return evaluate.network(sample, timestep(sigma), conditioning.added_time_ids, tokens).float()
