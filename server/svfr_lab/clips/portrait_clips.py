"""Moving portraits, degraded and prepared, as the trainer wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr.sampling.network_input import HoleFill
from svfr_lab.clips.augmentation import other_gamma_and_tint
from svfr_lab.clips.degraded_clips import CleanClip, DegradedClips
from svfr_lab.clips.portrait_motion import (
    FINER,
    MARGIN,
    SIDE_IN_FACES,
    Motion,
    draw_motion,
    points_in_frame,
    seen,
)
from svfr_lab.clips.portraits import PortraitList, read_portrait, read_portrait_list, square_around
from svfr_lab.heads.landmarks68 import mirrored_order
from svfr_restore.faces.landmarks import FivePointFinder

# The frames a still portrait is taken to have; references come from anywhere in them.
_FRAMES = 24
_POINTS = 5


class PortraitStore:
    """A :class:`svfr_lab.clips.degraded_clips.ClipStore` of portraits in memory.

    ``drawn`` come first, ``held_back`` after them. ``points`` asks for five landmarks of each.
    """

    shortest_frames = _FRAMES

    def __init__(self, portraits: PortraitList, crop_px: int, points: bool = False) -> None:
        self.crop_px = crop_px
        people = [*portraits.trained_with, *portraits.held_back]
        side = round(crop_px * MARGIN * FINER)
        self.stored = [
            square_around(read_portrait(portraits, p), p.box, SIDE_IN_FACES * MARGIN, side) for p in people
        ]
        count = len(portraits.trained_with)
        self.drawn = range(count)
        self.held_back = range(count, len(people))
        self._points = [_five_points(square) if points else _unknown() for square in self.stored]

    def frame_count(self, clip: int) -> int:
        """Return how many frames a portrait is taken to have."""
        return _FRAMES

    def picture_count(self, clip: int) -> int:
        """Return the same: there are no pictures beside them."""
        return _FRAMES

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Float32, Float32]:
        """Return a portrait at rest, as often as there are ``frames``."""
        return self.moving(clip, _at_rest(self.crop_px), [0.0 for _ in frames])

    def moving(self, clip: int, motion: Motion, frames: Sequence[float]) -> tuple[Float32, Float32]:
        """Return frames (n, S, S, 3) of a moving portrait, and their five landmarks (n, 5, 2) in pixels."""
        stored, points = self.stored[clip], self._points[clip]
        pictures = np.stack([seen(stored, motion, frame) for frame in frames])
        placed = [points_in_frame(points, motion, frame, stored.shape[0]) for frame in frames]
        return pictures, np.stack(placed)


class PortraitClips(DegradedClips):
    """A source of moving portraits; the people that the list holds back are never drawn."""

    def __init__(
        self,
        path: Path,
        task_shares: Mapping[str, float],
        *,
        crop_px: int,
        hole_fill: HoleFill = "blend",
        hole_plane: bool = True,
        points: bool = False,
    ) -> None:
        self.store = PortraitStore(read_portrait_list(path), crop_px, points)
        super().__init__(self.store, task_shares, hole_fill, hole_plane)

    def _clean_clip(self, rng: np.random.Generator, frames: int) -> CleanClip:
        """Draw a person, a motion, a grading and a reference; see the base class."""
        index = int(rng.integers(len(self.store.drawn)))
        motion = draw_motion(rng, self.store.crop_px, frames)
        far = float(rng.uniform(-_FRAMES, _FRAMES)) / 2
        times = [float(k) for k in range(frames)]
        codes, points = self.store.moving(index, motion, [*times, far])
        stored_px = self.store.stored[index].shape[0]
        flow = np.stack([motion.flow(k, k - 1, stored_px) for k in times[1:]]) if frames > 1 else None
        shares = points / np.float32(self.store.crop_px)
        if rng.random() < 0.5:
            codes = codes[:, :, ::-1]
            flow = None if flow is None else _mirrored(flow)
            shares = shares[:, mirrored_order(shares.shape[1])] * [-1.0, 1.0] + [1.0, 0.0]
        return CleanClip(index, graded(codes, rng), shares.astype(np.float32), flow)


def graded(codes: Float32, rng: np.random.Generator) -> Float32:
    """Return code values (F, H, W, 3) in 0..1 as another camera and another light would have them."""
    codes = other_gamma_and_tint(codes, rng, 0.2)
    if rng.random() < 0.5:
        codes = codes * np.float32(rng.uniform(0.65, 1.15)) + np.float32(rng.uniform(-0.04, 0.06))
    if rng.random() < 0.25:
        luma = luma_601(codes)
        codes = luma + (codes - luma) * np.float32(rng.uniform(0.4, 1.25))
    return np.ascontiguousarray(np.clip(codes, 0, 1), dtype=np.float32)


def _at_rest(crop_px: int) -> Motion:
    return Motion(
        crop_px=crop_px,
        zoom=1.0,
        turn_degrees=0.0,
        shift_px=(0.0, 0.0),
        zoom_rate=0.0,
        turn_rate=0.0,
        shift_rate=(0.0, 0.0),
        warp=np.zeros((4, 4, 2), np.float32),
    )


def _unknown() -> Float32:
    return np.full((_POINTS, 2), np.nan, np.float32)


def _five_points(stored: NDArray[np.uint8]) -> Float32:
    """Return the five points of a stored square (5, 2), NaN where they cannot be placed."""
    side = stored.shape[0]
    crop_px = round(side / MARGIN)
    edge = (side - crop_px) // 2
    found = FivePointFinder().five_points(np.ascontiguousarray(stored[edge:-edge, edge:-edge]))
    return _unknown() if found is None else (found + edge).astype(np.float32)


def _mirrored(flow: Float32) -> Float32:
    """Return the flow (F, S, S, 2) of mirrored frames."""
    across = flow.shape[2] - 1 - flow[:, :, ::-1, 0]
    return np.ascontiguousarray(np.stack([across, flow[:, :, ::-1, 1]], axis=-1), np.float32)
