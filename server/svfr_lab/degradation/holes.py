"""Holes: forms that stand still or move through a clip, as masks of what is lost.

A moving form drifts, sways, turns and pulses; all of it is a function of the frame's number, so that frames
can be made in any order and a clip may have any length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.draws import (
    Range,
    bernoulli,
    log_uniform,
    require_fields_within,
    uniform,
    weighted_choice,
)
from svfr_lab.degradation.shapes import ShapeKind, draw_shape

_ROAM: Range = (-0.1, 1.1)
_SMALLEST_STENCIL_PX = 16
_INSIDE = 128
_SMALLER = 0.9
_SPOT_SHARE = 0.04


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How a form moves. Lengths are shares of the shorter side, times are in frames; all 0: it stands still.

    ``drift`` (right, down) per frame · ``sway`` amplitudes (right, down) with ``sway_period_frames`` and
    ``sway_phase`` (0 to 1, one for each) · ``spin_deg`` per frame · ``pulse`` the amplitude of its size.
    """

    drift: tuple[float, float]
    sway: tuple[float, float]
    sway_period_frames: float
    sway_phase: tuple[float, float]
    spin_deg: float
    pulse: float

    def __post_init__(self) -> None:
        require_fields_within(self, sway_period_frames=(2, math.inf), pulse=(0, 0.9))


STILL = Motion(
    drift=(0.0, 0.0), sway=(0.0, 0.0), sway_period_frames=24.0, sway_phase=(0.0, 0.0), spin_deg=0.0, pulse=0.0
)


@dataclass(frozen=True, kw_only=True)
class Occluder:
    """A form and where it is in frame 0.

    ``shape_seed`` decides what exactly it looks like · ``radius`` in shares of the shorter side · ``centre``
    (right, down) in shares of width and height · ``angle_deg`` clockwise.
    """

    kind: ShapeKind
    shape_seed: int
    radius: float
    centre: tuple[float, float]
    angle_deg: float
    motion: Motion

    def __post_init__(self) -> None:
        require_fields_within(self, shape_seed=(0, math.inf), radius=(0.001, 2))


@dataclass(frozen=True)
class Holes:
    """The occluders of one clip; together they take at most ``max_share`` of any frame."""

    occluders: tuple[Occluder, ...]
    max_share: float

    def __post_init__(self) -> None:
        require_fields_within(self, max_share=(0.01, 0.9))


@dataclass(frozen=True)
class HoleRanges:
    """What holes are drawn from: one to ``most`` forms, ``moving_share`` of them moving.

    ``kinds`` says of each kind how often it is drawn, and its range of radii.
    """

    kinds: tuple[tuple[ShapeKind, float, Range], ...]
    centre: Range = (0.2, 0.8)
    most: int = 2
    moving_share: float = 0.5
    drift: float = 0.03
    sway: float = 0.12
    sway_period_frames: Range = (6.0, 40.0)
    spin_deg: float = 6.0
    pulse: float = 0.25
    max_share: float = 0.4

    def draw(self, rng: np.random.Generator) -> Holes:
        """Draw the holes of one clip."""
        count = int(rng.integers(1, self.most + 1))
        return Holes(tuple(self._occluder(rng) for _ in range(count)), self.max_share)

    def _occluder(self, rng: np.random.Generator) -> Occluder:
        kind, radius = weighted_choice(
            rng, tuple(((kind, radius), weight) for kind, weight, radius in self.kinds)
        )
        # lettering and boxes hang level, give or take; the others lie anyhow
        slant = 12.0 if kind in (ShapeKind.TEXT, ShapeKind.BOX) else 180.0
        return Occluder(
            kind=kind,
            shape_seed=int(rng.integers(2**31)),
            radius=uniform(rng, radius),
            centre=(uniform(rng, self.centre), uniform(rng, self.centre)),
            angle_deg=uniform(rng, (-slant, slant)),
            motion=self._motion(rng) if bernoulli(rng, self.moving_share) else STILL,
        )

    def _motion(self, rng: np.random.Generator) -> Motion:
        def both_ways(limit: float) -> float:
            return uniform(rng, (-limit, limit))

        return Motion(
            drift=(both_ways(self.drift), both_ways(self.drift)),
            sway=(both_ways(self.sway), both_ways(self.sway)),
            sway_period_frames=log_uniform(rng, self.sway_period_frames),
            sway_phase=(uniform(rng, (0.0, 1.0)), uniform(rng, (0.0, 1.0))),
            spin_deg=both_ways(self.spin_deg),
            pulse=uniform(rng, (0.0, self.pulse)),
        )


def hole_masks(holes: Holes, frames: int, height: int, width: int) -> NDArray[np.bool_]:
    """Return the masks (frames, height, width), True where the picture is lost.

    Forms that would take too much are made smaller, all by the same factor. If no frame had a hole, forms
    being elsewhere or thinner than a pixel, a spot in the middle of the middle frame is one.
    """
    smaller = 1.0
    masks = _masks(holes.occluders, frames, height, width)
    while masks.mean(axis=(1, 2)).max() > holes.max_share:
        smaller *= _SMALLER
        shrunk = [replace(one, radius=one.radius * smaller) for one in holes.occluders]
        masks = _masks(tuple(shrunk), frames, height, width)
    if not masks.any():
        spot_px = max(1, round(_SPOT_SHARE * min(height, width)))
        top, left = (height - spot_px) // 2, (width - spot_px) // 2
        masks[frames // 2, top : top + spot_px, left : left + spot_px] = True
    return masks


def _masks(occluders: tuple[Occluder, ...], frames: int, height: int, width: int) -> NDArray[np.bool_]:
    masks = np.zeros((frames, height, width), np.bool_)
    for one in occluders:
        side_px = max(_SMALLEST_STENCIL_PX, round(2 * one.radius * min(height, width)))
        stencil = draw_shape(one.kind, one.shape_seed, side_px)
        still = one.motion == STILL
        for frame in range(1 if still else frames):
            placed = cv2.warpAffine(stencil, _placing(one, frame, side_px, height, width), (width, height))
            masks[slice(None) if still else frame] |= placed >= _INSIDE
    return masks


def _placing(one: Occluder, frame: int, side_px: int, height: int, width: int) -> NDArray[np.float64]:
    """Return the affine matrix (2, 3) from pixels of the stencil to pixels of a frame."""
    motion, shorter = one.motion, min(height, width)
    turns = [2 * math.pi * (frame / motion.sway_period_frames + phase) for phase in motion.sway_phase]
    x, y = (
        _folded(start + (drift * frame + sway * math.sin(turn)) * shorter / side) * side
        for start, drift, sway, turn, side in zip(
            one.centre, motion.drift, motion.sway, turns, (width, height), strict=True
        )
    )
    scale = 2 * one.radius * shorter / side_px * (1 + motion.pulse * math.sin(turns[0]))
    angle = math.radians(one.angle_deg + motion.spin_deg * frame)
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    middle = (side_px - 1) / 2
    return np.array([[a, -b, x - 0.5 - (a - b) * middle], [b, a, y - 0.5 - (a + b) * middle]], np.float64)


def _folded(share: float) -> float:
    """Turn back what leaves the roaming range, which reaches a little beyond the frame."""
    low, high = _ROAM
    way = (share - low) % (2 * (high - low))
    return low + min(way, 2 * (high - low) - way)
