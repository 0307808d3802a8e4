"""The noise losses: the published one, and the preview model's, which is balanced over tasks."""

from __future__ import annotations

import torch

# Below this share of a picture's variance the low-quality input is as good as perfect; without the floor an
# almost undamaged sample would dominate a batch.
_FLOOR = 2e-3
_MOST_WEIGHT = 6.0


def relative_errors(
    denoised: torch.Tensor,
    clean: torch.Tensor,
    low_quality: torch.Tensor,
    channel_std: torch.Tensor,
    places: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return for each sample the squared error relative to that of doing nothing.

    All latents (B, F, C, h, w), ``channel_std`` (C,): the orthonormal transform makes the error weighted
    with its square the error in picture values. A task with large damage (a hole) and one with small damage
    (grey) then pull equally. ``places`` (B, F, 1, h, w) weights where errors count, both kinds alike.
    """
    weight = (channel_std**2).view(1, 1, -1, 1, 1)
    if places is not None:
        weight = weight * (places / places.mean((1, 2, 3, 4), keepdim=True))
    error = (weight * (denoised - clean) ** 2).mean((1, 2, 3, 4))
    nothing = (weight * (low_quality - clean) ** 2).mean((1, 2, 3, 4))
    return error / (nothing + _FLOOR)


def sigma_weights(sigma: torch.Tensor, sigma_data: float) -> torch.Tensor:
    """Return Karras et al.'s weight (2206.00364, table 1) up to a constant, capped at 6."""
    return ((sigma**2 + sigma_data**2) / sigma**2).clamp(max=_MOST_WEIGHT)


def v_errors(denoised: torch.Tensor, clean: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Return each sample's mean squared error of the v-prediction, (B,); SVFR's noise loss.

    Latents (B, F, C, h, w) in the diffused scale, ``sigma`` (B,). With sigma_data 1 the network's target for
    ``clean + sigma n`` is ``v = (n - sigma clean) / sqrt(sigma^2 + 1)`` (Salimans and Ho 2022, arXiv
    2202.00512), and an error of the denoised latent is ``sigma / sqrt(sigma^2 + 1)`` times the one of v:
    Karras et al.'s weight (2206.00364, table 1), here without a cap.
    """
    weight = (sigma**2 + 1.0) / sigma**2
    return weight * (denoised - clean).square().mean((1, 2, 3, 4))
