"""The denoising loop of one pass: windows, guidance, blending, Euler steps, checkpoints.

A plain loop over tensors (SVFR section 3.4 and its published inference pipeline): at every step each window
of frames is evaluated by the network and moved one Euler step, and the moved latents are blended with
triangle weights. Latents and blend sums are float32 whatever the network computes in: with starting levels
of 700 the sums of overlapping windows would leave the range of float16. A step that is not finite all the
same is done again in a wider type, and kept only when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch

from svfr.diffusion.objectives import Objective
from svfr.diffusion.reuse import Reuse
from svfr.diffusion.windows import FrameWindow
from svfr.errors import CropShapeMismatch, NotFinite
from svfr.nets.unet import FastUNet
from svfr.sampling.callbacks import SamplingCallbacks, stop_if_cancelled
from svfr.sampling.kept_frames import PassMemory
from svfr.sampling.step_evaluator import Conditioning, StepEvaluator


@dataclass(frozen=True)
class PassSchedule:
    """One pass: its stage name for progress, its name in checkpoints, its levels and windows.

    ``sigmas`` end with 0; ``windows(step)`` are those of one step; ``reuse`` says what steps take over from
    earlier ones.
    """

    stage: str
    name: str
    sigmas: tuple[float, ...]
    windows: Callable[[int], Sequence[FrameWindow]]
    reuse: Reuse = field(default_factory=Reuse)

    @property
    def steps(self) -> int:
        """The number of denoise steps."""
        return len(self.sigmas) - 1

    def begins_anew(self, step: int) -> bool:
        """Return whether a run can go on at ``step`` with nothing but the latents."""
        return step == self.steps or self.reuse.begins_anew(step)


def start_latents(lq_scaled: torch.Tensor, unit_noise: torch.Tensor | None, sigma: float) -> torch.Tensor:
    """Return where a pass starts: the low-quality latents under noise of ``sigma``; None is no noise."""
    return lq_scaled if unit_noise is None else lq_scaled + sigma * unit_noise.to(lq_scaled)


def denoise(
    networks: Sequence[FastUNet],
    objective: Objective,
    start: torch.Tensor,
    *,
    conditioning: Conditioning,
    schedule: PassSchedule,
    callbacks: SamplingCallbacks,
    fallback: torch.dtype = torch.float32,
    batch: int = 1,
) -> torch.Tensor:
    """Return the clean scaled latents (T, C, h, w) of a pass that starts at ``start`` of the same shape.

    ``networks`` hold the same weights, each on a device of its own; the windows of a step are spread over
    them, and each evaluates up to ``batch`` branches of them at once. Every finished step is saved, but for
    those after which a step takes over something; a run that finds saved steps goes on after the last of them
    and ends with the same bits on the same device. A step whose latents are not finite is done again in the
    type ``fallback``, and only that step, so that a resumed run does the same. Raises Cancelled between
    windows, and NotFinite for a step that is not finite in ``fallback`` either.
    """
    first_step, x = _resume(start, schedule, callbacks)
    del start  # of a shot's latents no more are held than a step needs: memory grows with each
    counts = [len(schedule.windows(step)) for step in range(schedule.steps)]
    callbacks.progress(schedule.stage, sum(counts[:first_step]), sum(counts))
    is_warned = False
    memory = PassMemory(schedule.reuse, x.shape[0])
    evaluate = StepEvaluator(networks, objective, conditioning, memory=memory, batch=batch)
    for step in range(first_step, schedule.steps):

        def report(windows: int, before: int = sum(counts[:step])) -> None:
            callbacks.progress(schedule.stage, before + windows, sum(counts))

        moved = _denoise_step(evaluate, x, schedule=schedule, step=step, callbacks=callbacks, report=report)
        narrow = networks[0].dtype
        if not _is_finite(moved) and narrow != fallback:
            if not is_warned:
                callbacks.warning(
                    f"Step {step + 1} of {schedule.steps} overflowed in {_plain(narrow)} and was done "
                    f"again in {_plain(fallback)}, which is slower."
                )
                is_warned = True
            with ExitStack() as wider:
                for network in networks:
                    wider.enter_context(network.computing_in(fallback))
                wide = StepEvaluator(networks, objective, conditioning, memory=memory, batch=batch)
                moved = _denoise_step(
                    wide, x, schedule=schedule, step=step, callbacks=callbacks, report=lambda windows: None
                )
        if not _is_finite(moved):
            raise NotFinite(
                f"The latents of step {step + 1} of {schedule.steps} are not finite.",
                remedy="Check the model with `svfr model check`: its weights may be damaged.",
            )
        x = moved
        if schedule.begins_anew(step + 1):
            callbacks.save(_step_name(schedule, step), x.cpu())
    return x


def _is_finite(latents: torch.Tensor) -> bool:
    return bool(torch.isfinite(latents).all())


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _denoise_step(
    evaluate: StepEvaluator,
    x: torch.Tensor,
    *,
    schedule: PassSchedule,
    step: int,
    callbacks: SamplingCallbacks,
    report: Callable[[int], None],
) -> torch.Tensor:
    """Return the latents one step further; ``report`` is told how many of the step's windows are done."""
    levels = schedule.sigmas[step], schedule.sigmas[step + 1]
    windows = schedule.windows(step)
    blended, weight_sum = torch.zeros_like(x), torch.zeros(x.shape[0], device=x.device)
    all_moved = evaluate.moved(x, windows, step, levels, lambda: stop_if_cancelled(callbacks))
    for number, (window, moved) in enumerate(zip(windows, all_moved, strict=True)):
        # one frame after the other: a window may hold a frame twice, and sums must repeat bit for bit
        for k, (frame, weight) in enumerate(zip(window.frames, window.weights, strict=True)):
            if weight:
                blended[frame] += weight * moved[k]
                weight_sum[frame] += weight
        report(number + 1)
    return blended.div_(weight_sum.view(-1, 1, 1, 1))


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
