"""A portrait that moves: a smooth similarity and a mild warp change with the frame.

Frame k sees the portrait through ``source = A_k (x + k w(x))``: A_k moves, turns and zooms at a constant
rate, w is a smooth field of a pixel or less. Since both are known, so is where every pixel of a frame lies in
another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.models.framing_spec import PUBLISHED

# Crops around the face, and what lies around them for the motion to show.
SIDE_IN_FACES = PUBLISHED.side_in_faces
MARGIN = 1.5
# Pixels of a stored square for each pixel of a crop: what zooming in by as much still fills.
FINER = 1.25
_CELLS = 4
_INVERSIONS = 4
_SOFTEN_BELOW = 0.85


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How a portrait moves: all rates are a frame; pixels are those of the crop of ``crop_px`` a side.

    ``zoom`` 1 shows the face as a job's crop does. ``warp`` (cells, cells, 2) are the control points of w.
    """

    crop_px: int
    zoom: float
    turn_degrees: float
    shift_px: tuple[float, float]
    zoom_rate: float
    turn_rate: float
    shift_rate: tuple[float, float]
    warp: Float32

    def source_places(self, frame: float, stored_px: int) -> Float32:
        """Return where each pixel of a frame is in the stored square: (S, S, 2), x before y, in pixels."""
        places = _grid(self.crop_px)
        if self.warp.any():
            places = places + np.float32(frame) * self._warp_at(self.crop_px)
        to_stored = self.matrix(frame, stored_px)
        return np.asarray(places @ to_stored[:, :2].T + to_stored[:, 2], np.float32)

    def flow(self, frame: float, other: float, stored_px: int) -> Float32:
        """Return where each pixel of ``frame`` lies in ``other``: (S, S, 2), x before y, in pixels."""
        source = self.source_places(frame, stored_px)
        back = cv2.invertAffineTransform(self.matrix(other, stored_px)).astype(np.float32)
        straight = source @ back[:, :2].T + back[:, 2]
        if not self.warp.any():
            return np.asarray(straight, np.float32)
        field = self._warp_at(self.crop_px)
        places = straight
        for _ in range(_INVERSIONS):  # a contraction: w changes by a hundredth of a pixel in a pixel
            there = cv2.remap(
                field,
                np.ascontiguousarray(places[..., 0]),
                np.ascontiguousarray(places[..., 1]),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            places = np.asarray(straight - np.float32(other) * there, np.float32)
        return places

    def matrix(self, frame: float, stored_px: int) -> Float32:
        """Return the affine map (2, 3) from pixels of a frame to pixels of the stored square."""
        per_px = stored_px / (MARGIN * self.crop_px)
        scale = per_px / (self.zoom * (1.0 + self.zoom_rate * frame))
        angle = np.deg2rad(self.turn_degrees + self.turn_rate * frame)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = (self.crop_px - 1) / 2
        shift = np.array(self.shift_px) + frame * np.array(self.shift_rate)
        offset = (stored_px - 1) / 2 - turn @ (np.array([middle, middle]) + shift)
        return np.concatenate([turn, offset[:, None]], axis=1).astype(np.float32)

    def _warp_at(self, crop_px: int) -> Float32:
        return np.asarray(
            cv2.resize(self.warp, (crop_px, crop_px), interpolation=cv2.INTER_CUBIC), np.float32
        )


def draw_motion(
    rng: np.random.Generator,
    crop_px: int,
    frames: int,
    zoom: float | None = None,
    turn_degrees: float | None = None,
) -> Motion:
    """Draw a head's motion over ``frames`` frames: stillness and quick turns of the head both come.

    ``zoom`` and ``turn_degrees`` of the middle frame are drawn too, unless given.
    """
    scale = crop_px / 192
    speed = float(rng.choice([0.0, 0.4, 1.0], p=[0.15, 0.45, 0.4]))
    middle = -(frames - 1) / 2
    shift_rate = rng.normal(0, 1.1 * scale * speed, 2)
    turn_rate, zoom_rate = rng.normal(0, 0.5 * speed), rng.normal(0, 0.004 * speed)
    shift = rng.uniform(-12, 12, 2) * scale + middle * shift_rate
    return Motion(
        crop_px=crop_px,
        zoom=float(rng.uniform(0.85, 1.25)) if zoom is None else zoom,
        turn_degrees=float((rng.normal(0, 7) if turn_degrees is None else turn_degrees) + middle * turn_rate),
        shift_px=(float(shift[0]), float(shift[1])),
        zoom_rate=float(zoom_rate),
        turn_rate=float(turn_rate),
        shift_rate=(float(shift_rate[0]), float(shift_rate[1])),
        warp=rng.normal(0, 0.35 * scale * speed, (_CELLS, _CELLS, 2)).astype(np.float32),
    )


def seen(stored: NDArray[np.uint8], motion: Motion, frame: float) -> Float32:
    """Return a frame (S, S, 3) of code values in 0..1 of a stored square (s, s, 3)."""
    finer = stored.shape[0] / (MARGIN * motion.crop_px * motion.zoom)
    picture = stored
    if 1 / finer < _SOFTEN_BELOW:
        picture = np.asarray(cv2.GaussianBlur(stored, (0, 0), 0.32 * finer), np.uint8)
    places = motion.source_places(frame, stored.shape[0])
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    moved = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return moved.astype(np.float32) / np.float32(255)


def points_in_frame(points_stored: Float32, motion: Motion, frame: float, stored_px: int) -> Float32:
    """Return points (L, 2) of the stored square in pixels of a frame; the warp is left out, it is small."""
    back = cv2.invertAffineTransform(motion.matrix(frame, stored_px))
    return np.asarray(points_stored @ back[:, :2].T + back[:, 2], np.float32)


def _grid(side: int) -> Float32:
    across, down = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return np.stack([across, down], axis=-1)
