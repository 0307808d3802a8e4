"""Facial Prior Learning: the middle of the network must know where the face's landmarks are.

SVFR (section 3, Facial Prior Learning): middle-block features, average pool, a five-layer perceptron, 68
landmarks, Wing loss against the landmarks of the clean frames. The paper gives neither the loss's two
constants nor the unit of its distances; both are in the recipe, with their source.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import nn

from svfr.validation import Positive, PositiveInt, Strict

_LAYERS = 5

# Of the 68 points of the usual annotation: both eyes' contours, the nose's tip and the mouth's corners.
_FIVE_OF_68 = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))
_SMALL, _LARGE = 5, 68


@dataclass(frozen=True, kw_only=True)
class FacialPriorConfig(Strict):
    """The recipe's table ``[facial_prior]``.

    ``landmarks`` is their number, ``width`` the perceptron's. Distances are measured in shares of the crop's
    side times ``units_per_side``; ``wing_width`` and ``wing_curvature`` (w and epsilon) are in that unit.
    """

    landmarks: PositiveInt
    width: PositiveInt
    units_per_side: Positive
    wing_width: Positive
    wing_curvature: Positive


def wing_loss(difference: torch.Tensor, width: float, curvature: float) -> torch.Tensor:
    """Return the Wing loss of every element (Feng et al. 2018, arXiv 1711.06753).

    ``w ln(1 + |x| / epsilon)`` below w, ``|x| - C`` from there, with C such that the parts meet.
    """
    distance = difference.abs()
    offset = width - width * math.log1p(width / curvature)
    return torch.where(distance < width, width * torch.log1p(distance / curvature), distance - offset)


def landmark_loss(predicted: torch.Tensor, truth: torch.Tensor, config: FacialPriorConfig) -> torch.Tensor:
    """Return the mean loss of landmarks (..., L, 2) in shares of the side, a scalar.

    Landmarks of which ``truth`` has no finite position do not count; with none known the loss is 0.
    """
    known = torch.isfinite(truth).all(-1, keepdim=True).expand_as(truth)
    difference = torch.where(known, predicted - truth, 0.0) * config.units_per_side
    losses = wing_loss(difference, config.wing_width, config.wing_curvature)
    return losses.sum() / known.sum().clamp(min=1)


class LandmarkHead(nn.Module):
    """Middle-block features (N, C, h, w) to landmarks (N, L, 2), x before y, in shares of the crop's side."""

    def __init__(self, channels: int, config: FacialPriorConfig) -> None:
        super().__init__()
        sizes = (channels, *[config.width] * (_LAYERS - 1), 2 * config.landmarks)
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise(sizes):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the landmarks; the perceptron's answer counts from the middle of the crop."""
        return self.body(features.mean((2, 3))).unflatten(-1, (-1, 2)) + 0.5


class FacialPrior(nn.Module):
    """The loss with the perceptron that is trained for it."""

    def __init__(self, channels: int, config: FacialPriorConfig) -> None:
        super().__init__()
        self.config = config
        self.head = LandmarkHead(channels, config)

    def forward(self, features: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        """Return the loss of features (B * F, C, h, w) against landmarks (B, F, L, 2)."""
        return landmark_loss(self.head(features), landmarks.flatten(0, 1), self.config)


def five_points(landmarks: torch.Tensor) -> torch.Tensor:
    """Return eyes, nose and mouth corners (..., 5, 2), left ones first, of 5 or 68 landmarks (..., L, 2)."""
    if landmarks.shape[-2] == _SMALL:
        return landmarks
    if landmarks.shape[-2] == _LARGE:
        return torch.stack([landmarks[..., list(group), :].mean(-2) for group in _FIVE_OF_68], dim=-2)
    raise ValueError(f"five points can be told from 5 or 68 landmarks, not from {landmarks.shape[-2]}")
