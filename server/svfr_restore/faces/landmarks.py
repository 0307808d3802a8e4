"""Five points of the face in a crop: what the official identity encoder aligns by.

A small net answers with a probability map for each point, so that a point it cannot place is known as such.
It is trained on rendered heads, whose points are exact; no 300-W data, whose terms exclude commercial use.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from svfr.models.tensor_files import load_weights
from svfr.published_geometry import FACE_TEMPLATE_256, similarity
from svfr_restore.errors import PictureArrayDoesNotFit

INPUT_PX = 96
MAP_CELLS = 24
POINT_COUNT = 5
PACKAGED_WEIGHTS = Path(__file__).parents[1] / "data" / "landmarks.safetensors"

_WIDTHS = (24, 48, 64, 96)
_NORM_GROUPS = 8
# A point counts as placed when the net puts at least half of its probability within an eighth of the crop.
_NEAR = 1 / 8
_LEAST_NEAR_MASS = 0.5
# How far five points may be from any turned, scaled template, as root mean square in distances between the
# eyes. The largest of some 750 rendered heads, some seen nearly from the side, is 0.24; of five random points
# 99 % are above 0.36.
_MOST_MISFIT = 0.3
# A template placed smaller than this, in the points' own unit, is a point.
_NO_SIZE = 1e-9


class LandmarkNet(nn.Module):
    """Pictures (N, 3, 96, 96) in [-1, 1] to log probabilities (N, 5, 24, 24), each map summing to one.

    Four halvings see the whole face, two enlargements with shortcuts bring the place back. Points in the
    order of :data:`svfr.published_geometry.FACE_TEMPLATE_256`: the eyes, nose tip and mouth corners,
    picture's left first.
    """

    def __init__(self) -> None:
        super().__init__()
        first, fine, middle, coarse = _WIDTHS
        self.enter = nn.Sequential(_convolution(3, first, 2), _convolution(first, fine, 2))
        self.fine = _convolution(fine, fine, 1)
        self.to_middle = nn.Sequential(_convolution(fine, middle, 2), _convolution(middle, middle, 1))
        self.to_coarse = nn.Sequential(_convolution(middle, coarse, 2), _convolution(coarse, coarse, 1))
        self.back_to_middle = _convolution(coarse + middle, middle, 1)
        self.back_to_fine = _convolution(middle + fine, fine, 1)
        self.maps = nn.Conv2d(fine, POINT_COUNT, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the log probability of every cell to hold each point."""
        fine = self.fine(self.enter(pictures))
        middle = self.to_middle(fine)
        coarse = self.to_coarse(middle)
        middle = self.back_to_middle(torch.cat([_doubled(coarse), middle], dim=1))
        fine = self.back_to_fine(torch.cat([_doubled(middle), fine], dim=1))
        return functional.log_softmax(self.maps(fine).flatten(2), dim=2).unflatten(2, (MAP_CELLS, MAP_CELLS))


def _convolution(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
        nn.GroupNorm(_NORM_GROUPS, channels_out),
        nn.SiLU(),
    )


def _doubled(maps: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="nearest")


def cell_centres() -> torch.Tensor:
    """Return where the cells' centres lie in the crop, (24,) as a share of its side."""
    return (torch.arange(MAP_CELLS) + 0.5) / MAP_CELLS


def mean_points(log_maps: torch.Tensor) -> torch.Tensor:
    """Return the points (N, 5, 2), x before y, as shares of the crop's side, of the maps of the net.

    The mean of each map: finer than a cell, and smooth, so a net can be trained through it.
    """
    maps, centres = log_maps.exp(), cell_centres().to(log_maps)
    return torch.stack([(maps.sum(2) * centres).sum(-1), (maps.sum(3) * centres).sum(-1)], dim=-1)


def near_mass(log_maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Return how much probability (N, 5) lies within an eighth of the crop's side of each point."""
    centres = cell_centres().to(log_maps)
    across = (centres - points[..., :1]).square()[..., None, :]
    down = (centres - points[..., 1:]).square()[..., :, None]
    return (log_maps.exp() * (across + down <= _NEAR**2)).sum((2, 3))


def template_misfit(points: NDArray[np.float64]) -> float:
    """Return how far points (5, 2) are from the best placed face template.

    Root mean square, in distances between the eyes of the template as placed; infinite when all points fall
    together. Zero for a straight look, higher the more the head is turned, mirrored points are far.
    """
    template = FACE_TEMPLATE_256.astype(np.float64)
    matrix = similarity(template, points)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < _NO_SIZE:
        return float("inf")
    placed = template @ matrix[:, :2].T + matrix[:, 2]
    eyes_apart = scale * float(np.linalg.norm(template[1] - template[0]))
    return float(np.sqrt(np.square(placed - points).sum(axis=1).mean())) / eyes_apart


class FivePointFinder:
    """Finds the five points with the weights of one file."""

    def __init__(self, weights: Path = PACKAGED_WEIGHTS) -> None:
        """Load the net; raises ModelFileMissing, CheckpointUnreadable, TensorsMissing and their kin."""
        with torch.device("meta"):
            self._net = LandmarkNet()
        load_weights(self._net, weights, "cpu", torch.float32)

    @torch.no_grad()
    def five_points(self, crop_u8: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Return the points (5, 2) in pixels of a square crop (S, S, 3) uint8 RGB code values, or None.

        x right, y down, the first pixel's centre at (0.5, 0.5); the eyes, nose tip and mouth corners, the
        picture's left ones first. None when a point cannot be placed or the five form no face.
        """
        log_maps = self._net(_network_input(crop_u8))
        shares = mean_points(log_maps)
        if float(near_mass(log_maps, shares).min()) < _LEAST_NEAR_MASS:
            return None
        points = shares[0].double().numpy() * crop_u8.shape[0]
        return points if template_misfit(points) <= _MOST_MISFIT else None


def _network_input(crop_u8: NDArray[np.uint8]) -> torch.Tensor:
    if crop_u8.ndim != 3 or crop_u8.shape[0] != crop_u8.shape[1] or crop_u8.shape[2] != 3 or not crop_u8.size:
        raise PictureArrayDoesNotFit(
            f"Face points are sought on an array of shape {crop_u8.shape}.",
            remedy="Pass a square crop (S, S, 3) uint8.",
        )
    if crop_u8.dtype != np.uint8:
        raise PictureArrayDoesNotFit(
            f"Face points are sought on an array of type {crop_u8.dtype}.",
            remedy="Pass a square crop (S, S, 3) uint8.",
        )
    shrinks = crop_u8.shape[0] > INPUT_PX
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = cv2.resize(crop_u8, (INPUT_PX, INPUT_PX), interpolation=way)
    return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1.0
