"""What the network is asked to predict, and how its output becomes a denoised latent.

Both objectives are preconditionings in the sense of Karras et al. 2022 (arXiv 2206.00364, section 5):
``D = c_skip x + c_out F(c_in x)``.  They differ in what is diffused: the latent itself (SVD, SVFR), or its
difference to the low-quality latent (the preview model, which then starts from doing nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from svfr.validation import Positive, Strict

SigmaLike = float | torch.Tensor


def _root(value: SigmaLike) -> SigmaLike:
    return value**0.5


@dataclass(frozen=True)
class Objective(Strict):
    """The preconditioning of one model: the ``objective`` object of model.json.

    ``kind`` "v": SVD's v-prediction, the diffused latent is ``x``. "residual": the diffused latent is
    ``x - z_lq``. ``sigma_data`` is the standard deviation of what is diffused.
    """

    kind: Literal["v", "residual"]
    sigma_data: Positive = 1.0

    def _diffused(self, x: torch.Tensor, z_lq: torch.Tensor) -> torch.Tensor:
        return x - z_lq if self.kind == "residual" else x

    def network_input(self, x: torch.Tensor, z_lq: torch.Tensor, sigma: SigmaLike) -> torch.Tensor:
        """Return the noisy third of the UNet's input: the diffused latent brought to unit variance."""
        return self._diffused(x, z_lq) / _root(sigma**2 + self.sigma_data**2)

    def denoised(
        self, output: torch.Tensor, x: torch.Tensor, z_lq: torch.Tensor, sigma: SigmaLike
    ) -> torch.Tensor:
        """Return the denoised latent D of the noisy latent ``x`` from the network's output F.

        All of one shape; ``sigma`` is a float or a tensor that broadcasts. For "v" with sigma_data 1 this is
        ``-sigma / sqrt(sigma^2 + 1) F + x / (sigma^2 + 1)``, the EulerDiscreteScheduler's v_prediction.
        """
        variance = sigma**2 + self.sigma_data**2
        skip = self.sigma_data**2 / variance
        gain = sigma * self.sigma_data / _root(variance)
        if self.kind == "residual":
            return z_lq + skip * (x - z_lq) + gain * output
        return skip * x - gain * output
