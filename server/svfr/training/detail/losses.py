"""What the detail network is told: stay near the truth, have as much texture, and such as photographs have.

Pictures are (N, 3, S, S) in [-1, 1]; losses are given for each sample, (N,), so that a stage can weight them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from svfr.luma import LUMA_601

_FINE_SIGMA_PX, _FINE_RADIUS_PX = 1.5, 5
_CONTRAST_PX = 8
_LEAST_CONTRAST = 1e-4
_SLOPE = 0.2


def luma(pictures: torch.Tensor) -> torch.Tensor:
    """Return the 601 luma (N, 1, S, S)."""
    weights = pictures.new_tensor(LUMA_601).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def fine(planes: torch.Tensor) -> torch.Tensor:
    """Return planes (N, 1, S, S) less their Gaussian blur of 1.5 px."""
    reach = torch.arange(-_FINE_RADIUS_PX, _FINE_RADIUS_PX + 1, dtype=planes.dtype, device=planes.device)
    kernel = torch.exp(-0.5 * (reach / _FINE_SIGMA_PX) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    padded = functional.pad(planes, (_FINE_RADIUS_PX,) * 4, mode="reflect")
    return planes - functional.conv2d(functional.conv2d(padded, kernel), kernel.transpose(2, 3))


def texture_bands(pictures: torch.Tensor) -> torch.Tensor:
    """Return the fine luma and its undecimated Haar bands, (N, 4, S, S): what the discriminator sees.

    Colours and shading are not among them (arXiv 2402.19215), so that it cannot ask for studio light.
    """
    y = luma(pictures)
    padded = functional.pad(y, (0, 1, 0, 1), mode="reflect")
    a, b = padded[..., :-1, :-1], padded[..., :-1, 1:]
    c, d = padded[..., 1:, :-1], padded[..., 1:, 1:]
    bands = [fine(y), a - b + c - d, a + b - c - d, a - b - c + d]
    return 4.0 * torch.cat(bands, dim=1)


def pixel_loss(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute error (N,)."""
    return (result - truth).abs().mean((1, 2, 3))


def contrast_loss(result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return how far the strength of the fine luma is from the truth's, in fields of 8 px (N,)."""
    strengths = []
    for pictures in (result, truth):
        energy = functional.avg_pool2d(fine(luma(pictures)).square(), _CONTRAST_PX, _CONTRAST_PX // 2)
        strengths.append((energy + _LEAST_CONTRAST**2).sqrt())
    return (strengths[0] - strengths[1]).abs().mean((1, 2, 3))


def flicker_loss(result: torch.Tensor, truth: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Return how much more or less a result (N, 2, 3, S, S) changes along the motion than the truth (N,).

    ``flow`` (N, S, S, 2) says where each pixel of the later frame lies in the earlier one, x before y, in
    pixels; where that is outside, nothing counts.
    """
    side = flow.shape[1]
    grid = (flow + 0.5) * (2.0 / side) - 1.0
    inside = (grid.abs() <= 1.0).all(-1, keepdim=True).permute(0, 3, 1, 2).to(result)
    moved = [
        functional.grid_sample(frame, grid, mode="bicubic", padding_mode="border", align_corners=False)
        for frame in (result[:, 0], truth[:, 0])
    ]
    change = (result[:, 1] - moved[0]) - (truth[:, 1] - moved[1])
    return (change.abs() * inside).mean((1, 2, 3))


class TextureDiscriminator(nn.Module):
    """Rates for each patch of about 40 px how much of a photograph its texture is; spectrally normalised."""

    def __init__(self, widths: Sequence[int] = (48, 96, 144)) -> None:
        super().__init__()
        sizes = (4, *widths)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in itertools.pairwise(sizes)
        )
        self.verdict = spectral_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the verdicts (N, 1, s, s) and the features of every layer."""
        x = texture_bands(pictures)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        return self.verdict(x), features


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return the relativistic average hinge loss of the discriminator (arXiv 1807.00734)."""
    real_lead, fake_lead = real - fake.mean(), fake - real.mean()
    return functional.relu(1 - real_lead).mean() + functional.relu(1 + fake_lead).mean()


def generator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return the network's side of it (N,): its texture is to pass for more real than photographs'."""
    real_lead, fake_lead = real - fake.mean(), fake - real.mean()
    return functional.relu(1 + real_lead).mean((1, 2, 3)) + functional.relu(1 - fake_lead).mean((1, 2, 3))


def feature_loss(found: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean distance of discriminator features (N,)."""
    distances = [(a - b.detach()).abs().mean((1, 2, 3)) for a, b in zip(found, wanted, strict=True)]
    return torch.stack(distances).mean(0)
