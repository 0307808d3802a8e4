"""Noise levels and the Euler step (Karras et al. 2022, arXiv 2206.00364, eq. 5 and algorithm 1).

SVFR samples with SVD's EulerDiscreteScheduler: Karras sigmas from 700 to 0.002, no churn, continuous
timesteps ``0.25 ln sigma``. Everything here is plain numbers; it knows no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

# The ten-step levels for Stable Video Diffusion of "Align Your Steps" (Sabour et al. 2024,
# arXiv 2404.14507, appendix table), without its last entry 0.002, which sampling replaces by zero.
AYS_SVD_SIGMAS = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034)


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> tuple[float, ...]:
    """Return ``steps`` falling noise levels from sigma_max to sigma_min; one step is sigma_max alone."""
    if steps < 1:
        raise ValueError(f"a schedule needs at least one step, not {steps}")
    if not 0.0 < sigma_min <= sigma_max:
        raise ValueError(f"need 0 < sigma_min <= sigma_max, not {sigma_min} and {sigma_max}")
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    ramp = [i / (steps - 1) for i in range(steps)] if steps > 1 else [0.0]
    return tuple((high + r * (low - high)) ** rho for r in ramp)


def with_final_zero(sigmas: Sequence[float]) -> tuple[float, ...]:
    """Return the levels as the sampler walks them: rounded to float32 as published, then 0."""
    return (*torch.tensor(sigmas, dtype=torch.float32).tolist(), 0.0)


def timestep(sigma: float) -> float:
    """Return the conditioning value of a positive noise level."""
    return 0.25 * math.log(sigma)


def euler_step(x: torch.Tensor, denoised: torch.Tensor, sigma: float, sigma_next: float) -> torch.Tensor:
    """Move ``x`` from one noise level to the next along the line through the denoised latent.

    Written so that the noise shrinks by a factor: adding a multiple of the slope, as published, is the same
    line, but from a level of 700 it loses four digits to cancellation.
    """
    return denoised + (x - denoised) * (sigma_next / sigma)
