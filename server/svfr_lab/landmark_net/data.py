"""Rendered faces and their five points, moved, re-graded and damaged: what the point net learns from.

A face in a job's crop is placed like the renderer's, but detectors differ, heads tilt and footage is worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from svfr.luma import luma_601
from svfr_lab.degradation.basic import TRAINING
from svfr_lab.degradation.degrade import degrade
from svfr_lab.heads.dataset import RenderedFolder
from svfr_restore.faces.landmarks import INPUT_PX

# After mirroring, the picture's left eye and mouth corner are the ones that were right.
_MIRRORED_ORDER = [1, 0, 2, 4, 3]

_TURN_SD_DEGREES, _MOST_TURN_DEGREES = 12.0, 40.0
_SCALE = (0.7, 1.35)
_SHIFT_SD = 0.05
_DAMAGED_SHARE, _GREY_SHARE, _SOFT_SHARE = 0.5, 0.15, 0.2


@dataclass(frozen=True)
class PointBatch:
    """Pictures (N, 3, 96, 96) in [-1, 1] and points (N, 5, 2), x before y, as shares of the side.

    ``inside`` (N, 5) bool: the point lies in the picture; others cannot be learned.
    """

    pictures: torch.Tensor
    points: torch.Tensor
    inside: torch.Tensor


def draw_batch(data: RenderedFolder, rng: np.random.Generator, count: int) -> PointBatch:
    """Draw ``count`` random frames, each moved and damaged; equal generators give equal batches."""
    pictures, points = zip(*(_sample(data, rng) for _ in range(count)), strict=True)
    shares = np.stack(points).astype(np.float32)
    inside = ((shares > 0.0) & (shares < 1.0)).all(axis=-1)
    inputs = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) * 2.0 - 1.0
    return PointBatch(inputs.contiguous(), torch.from_numpy(shares), torch.from_numpy(inside))


def draw_placement(rng: np.random.Generator, side_px: int) -> NDArray[np.float64]:
    """Return a random (2, 3) map of pixel positions of a square picture to shares of the drawn crop's side.

    Turned about and scaled from the middle, then shifted.
    """
    turn = np.deg2rad(np.clip(rng.normal(0.0, _TURN_SD_DEGREES), -_MOST_TURN_DEGREES, _MOST_TURN_DEGREES))
    scale = np.exp(rng.uniform(*np.log(_SCALE))) / side_px
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.full(2, side_px / 2)
    shift = 0.5 + rng.normal(0.0, _SHIFT_SD, 2) - linear @ middle
    return np.column_stack([linear, shift])


def place(
    picture: NDArray[np.float32], points_px: NDArray[np.floating], placement: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the placed picture (96, 96, 3) and its points (5, 2) as shares; edges are mirrored outwards."""
    moved = points_px @ placement[:, :2].T + placement[:, 2]
    # cv2 counts from the first pixel's centre, points count from its corner.
    matrix = placement * INPUT_PX
    matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    warped = cv2.warpAffine(
        picture, matrix, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(warped, np.float32), moved


def mirror(
    picture: NDArray[np.float32], points_px: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.floating]]:
    """Return a picture (H, W, 3) and its points (5, 2) seen in a mirror, the points in their own order."""
    mirrored = points_px[_MIRRORED_ORDER].copy()
    mirrored[:, 0] = picture.shape[1] - mirrored[:, 0]
    return np.ascontiguousarray(picture[:, ::-1]), mirrored


def _sample(
    data: RenderedFolder, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    clip, frame = int(rng.integers(len(data.clips))), int(rng.integers(data.clips.shape[1]))
    picture = data.clips[clip, frame].astype(np.float32) / np.float32(255)
    points_px: NDArray[np.floating] = data.landmarks_px[clip, frame]
    if rng.random() < 0.5:
        picture, points_px = mirror(picture, points_px)
    picture, points = place(picture, points_px, draw_placement(rng, picture.shape[0]))
    return _damage(_regrade(picture, rng), rng), points


def _regrade(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    graded = np.clip(picture, 0.0, 1.0) ** np.float32(np.exp(rng.normal(0.0, 0.25)))
    graded = graded * rng.uniform(0.85, 1.15, 3).astype(np.float32) * np.float32(rng.uniform(0.7, 1.25))
    graded = graded + np.float32(rng.uniform(-0.06, 0.06))
    if rng.random() < _GREY_SHARE:
        graded = np.repeat(luma_601(graded), 3, axis=-1)
    return np.clip(graded, 0.0, 1.0).astype(np.float32)


def _damage(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if rng.random() < _DAMAGED_SHARE:
        return degrade(picture[None], frozenset({"bfr"}), rng, TRAINING).lq[0]
    if rng.random() < _SOFT_SHARE:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5)), np.float32)
    return picture
