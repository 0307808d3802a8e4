"""From a picture of a face to the identity tokens of the UNet's cross-attention.

SVFR (section 3.4, Self-Referred Refinement) takes ArcFace features of the reference frame and projects them
to tokens. Every encoder here has the one interface :class:`IdentityEncoder`, so callers do not care which a
model has; all run in float32.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
import torch
from torch import nn

from svfr.errors import FacePointsNeeded
from svfr.nets.arcface import FEATURE_SIDE, IResNet
from svfr.nets.conv_identity import ConvIdentity
from svfr.published_geometry import id_face

IdCrop = Literal["official", "corrected"]


class IdProjection(nn.Module):
    """ArcFace's features (N, C_in, 7, 7) to tokens (N, 49, C_out): the official id_linear.pth."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.project1024 = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.final_norm = nn.LayerNorm(channels_out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return one token for each place, in raster order."""
        return self.final_norm(self.project1024(features).flatten(2).transpose(1, 2))


class IdentityEncoder(nn.Module):
    """Makes the identity tokens of one face.

    ``token_count`` and ``channels`` are the tokens' shape; ``needs_points`` says whether :meth:`encode`
    must be given the face's five points.
    """

    needs_points = False
    token_count: int
    channels: int

    @abstractmethod
    def encode(self, crop: torch.Tensor, points: np.ndarray | None = None) -> torch.Tensor:
        """Return tokens (1, token_count, channels), float32, of a crop (3, S, S), RGB in [-1, 1].

        ``points`` (5, 2) are the eyes, nose and mouth corners, left ones of the picture first, x before y,
        in crop pixels. Raises FacePointsNeeded when they are needed and None.
        """

    def zero_tokens(self) -> torch.Tensor:
        """Return the tokens of nobody, (1, token_count, channels): pass 1 and a face that was not found."""
        return torch.zeros(1, self.token_count, self.channels)


class ArcFaceIdentity(IdentityEncoder):
    """The official encoder: aligned face, IResNet-100, projection."""

    needs_points = True
    token_count = FEATURE_SIDE**2

    def __init__(self, recogniser: IResNet, projection: IdProjection, id_crop: IdCrop) -> None:
        super().__init__()
        self.recogniser = recogniser
        self.projection = projection
        self.id_crop = id_crop
        self.channels = projection.final_norm.normalized_shape[0]

    @torch.no_grad()
    def encode(self, crop: torch.Tensor, points: np.ndarray | None = None) -> torch.Tensor:
        """Return tokens (1, 49, channels); see the base class."""
        if points is None:
            raise FacePointsNeeded(
                "This model cuts the face by five points, and none were given.",
                remedy="Find the points first, or use zero tokens.",
            )
        face = id_face(crop, points, self.id_crop).to(self.projection.final_norm.weight)
        return self.projection(self.recogniser.layer4_features(face))


class ConvCropIdentity(IdentityEncoder):
    """The preview model's encoder: it sees the whole crop."""

    def __init__(self, network: ConvIdentity, crop_px: int) -> None:
        super().__init__()
        self.network = network
        # Every convolution halves the side, rounding up.
        halvings = sum(isinstance(layer, nn.Conv2d) for layer in network.body)
        self.token_count = (-(-crop_px // 2**halvings)) ** 2
        self.channels = network.final_norm.normalized_shape[0]

    @torch.no_grad()
    def encode(self, crop: torch.Tensor, points: np.ndarray | None = None) -> torch.Tensor:
        """Return tokens (1, token_count, channels); see the base class."""
        return self.network(crop[None].to(self.network.final_norm.weight))


class NoIdentity(IdentityEncoder):
    """Stands where a model has no identity encoder: one zero token."""

    token_count = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def encode(self, crop: torch.Tensor, points: np.ndarray | None = None) -> torch.Tensor:
        """Return zero tokens whatever the picture."""
        return self.zero_tokens()
