"""Self-Referred Refinement in training: the network must work with a reference and without one.

SVFR (section 3, Self-Referred Refinement) drops the reference half the time: at inference the first pass has
none and makes the one of the second pass. Latent and identity tokens are one condition and go together.
"""

from __future__ import annotations

import torch


def drop_references(
    keep: torch.Tensor, latents: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return latents (B, C, h, w) and tokens (B, L, K), both zero for samples where ``keep`` (B,) is False.

    Zeros are what the sampler gives a pass without a reference.
    """
    return (
        torch.where(keep.view(-1, 1, 1, 1), latents, torch.zeros_like(latents)),
        torch.where(keep.view(-1, 1, 1), tokens, torch.zeros_like(tokens)),
    )
