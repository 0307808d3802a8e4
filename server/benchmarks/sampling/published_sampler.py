"""SVFR's two-pass sampler as published, step by step: the yardstick for the benchmark, not for use.

Everything the published pipeline computes is computed: both branches in both passes, the crops encoded twice
in each pass, tokens expanded to every frame and pixel inside the stock network. It shares only plain formulas
with the product (levels, blend weights); its windows, noise levels and blending are written out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from svfr.diffusion.schedule import karras_sigmas, timestep, with_final_zero
from svfr.models.model import Model


@dataclass(frozen=True)
class PublishedPass:
    """The latents (T, C, h, w), scaled, and the unclamped pictures (T, 3, S, S) of one pass."""

    latents: torch.Tensor
    pictures: torch.Tensor


@torch.no_grad()
def published_pass(
    model: Model,
    crops: torch.Tensor,
    reference: torch.Tensor | None,
    tokens: torch.Tensor,
    task_bits: tuple[int, int, int],
    *,
    steps: int,
    guidance: float,
    noise: torch.Tensor,
    window: int,
    decode_chunk: int,
) -> PublishedPass:
    """Sample crops (T, 3, S, S) in [-1, 1] with one window length; ``noise`` (T, C, h, w) is unit noise.

    ``tokens`` (1, L, channels) are zeros in pass 1.
    """
    scale, count = model.codec.scaling_factor, crops.shape[0]
    sigmas = with_final_zero(
        karras_sigmas(steps, model.spec.schedule.sigma_min, model.spec.schedule.sigma_max)
    )
    x = scale * model.codec.encode(crops) + sigmas[0] * noise
    lq = model.codec.encode(crops)
    ref = torch.zeros_like(lq)
    if reference is not None:
        ref = model.codec.encode(reference[None]).expand_as(lq)
    tasks = torch.tensor([task_bits, task_bits], dtype=torch.float32, device=crops.device)
    shift = 0
    for i in range(steps):
        blended = torch.zeros_like(x)
        weights = torch.zeros(count, 1, 1, 1, device=crops.device)
        for start in range(0, count, window - model.spec.overlap * (i < 3)):
            index = [(start - shift + k) % count for k in range(window)]
            moved = _euler_with_guidance(
                model,
                x[index],
                lq[index],
                ref=ref[index],
                tokens=tokens,
                tasks=tasks,
                sigma=sigmas[i],
                sigma_next=sigmas[i + 1],
                guidance=guidance,
            )
            for k, frame in enumerate(index):
                weight = min(k + 1, window - k)
                blended[frame] += weight * moved[k]
                weights[frame] += weight
        x = blended / weights
        shift = (shift + model.spec.overlap) % window
    chunks = (x / scale).split(decode_chunk)
    return PublishedPass(x, torch.cat([model.codec.decode(chunk) for chunk in chunks]))


def _euler_with_guidance(
    model: Model,
    x: torch.Tensor,
    lq: torch.Tensor,
    *,
    ref: torch.Tensor,
    tokens: torch.Tensor,
    tasks: torch.Tensor,
    sigma: float,
    sigma_next: float,
    guidance: float,
) -> torch.Tensor:
    """Evaluate both branches in one batch, unconditional first, and take one Euler step."""
    scaled = x / (sigma**2 + 1) ** 0.5
    unconditional = torch.cat([scaled, lq, torch.zeros_like(ref)], dim=1)
    conditional = torch.cat([scaled, lq, ref], dim=1)
    computed_in = model.unet.dtype  # latents and sums stay float32
    output = model.unet(
        torch.stack([unconditional, conditional]).to(computed_in),
        torch.tensor(timestep(sigma), device=x.device),
        torch.cat([torch.zeros_like(tokens), tokens]).to(computed_in),
        tasks,
    ).sample.float()
    v = output[0] + guidance * (output[1] - output[0])
    denoised = -sigma / (sigma**2 + 1) ** 0.5 * v + x / (sigma**2 + 1)
    return x + (x - denoised) / sigma * (sigma_next - sigma)


@torch.no_grad()
def published_two_passes(
    model: Model,
    crops: torch.Tensor,
    tokens: torch.Tensor,
    task_bits: tuple[int, int, int],
    *,
    steps: tuple[int, int],
    guidance: float,
    noises: tuple[torch.Tensor, torch.Tensor],
) -> tuple[PublishedPass, PublishedPass]:
    """Run both passes; the reference is the last picture of the first, ``tokens`` are its identity."""
    window = model.spec.window
    n = min(window, crops.shape[0])
    one = partial(published_pass, model, task_bits=task_bits, guidance=guidance, decode_chunk=window)
    unknown = torch.zeros_like(tokens)
    first = one(crops[:n], None, unknown, steps=steps[0], noise=noises[0], window=n)
    return first, one(crops, first.pictures[-1], tokens, steps=steps[1], noise=noises[1], window=window)
