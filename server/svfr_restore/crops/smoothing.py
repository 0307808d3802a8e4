"""From the jumping boxes of a detector to a crop that moves like a camera: smooth, or not at all.

SVFR's published code takes one static square for a whole clip, the union of the boxes of every fifth frame
grown by 0.4 of their size on each side. A static crop does not jitter, but wastes resolution on a face that
moves; so a face that moves gets a crop that follows it, smoothed over both past and future.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from svfr.arrays import Float64
from svfr.models.framing_spec import PUBLISHED
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.faces.box import FaceBox
from svfr_restore.media.window import Window

# Each side of the box grows by this part of the box: 0.4, as published.
EXPAND = (PUBLISHED.side_in_faces - 1.0) / 2.0
# 2nd differences of a jittering HOG track (7 px) fall to 0.1 px at this width; twice as much lags 4 px.
SIGMA_FRAMES = 4.0
OUTLIER_FRAMES = 5
# Centres and sizes that stay within this part of the crop give a static crop.
STATIC_PART = 0.15


class BoxesOfFrames(Protocol):
    """What is smoothed: a numbered thing with a box for every consecutive frame (a FaceTrack is one)."""

    @property
    def index(self) -> int:
        """The track's number."""

    @property
    def boxes(self) -> Mapping[int, FaceBox]:
        """The box of every consecutive absolute frame."""


def smooth_track(
    track: BoxesOfFrames,
    display: Window,
    pixel_aspect: float,
    *,
    expand: float = EXPAND,
    upward: float = 0.0,
) -> CropTrack:
    """Return the crop of a track of boxes.

    The side is (1 + 2 ``expand``) times the longer side of the face on screen, and its middle ``upward``
    times that side above the face's. Outliers go by a median over
    5 frames; then, if centre and size stay within 15 % of the crop, one square around all of them is held;
    else centre and log size are smoothed by a Gaussian over past and future, and the side grows by what the
    smoothed centre lags behind at most. At last the square is pushed inside the display window: it
    overhangs an edge only as far as the face itself does, or where it is larger than the plate.
    """
    frames = sorted(track.boxes)
    boxes = [track.boxes[frame] for frame in frames]
    aspect = pixel_aspect
    x = _without_outliers(np.array([box.centre_x * aspect for box in boxes]))
    y = _without_outliers(np.array([box.centre_y for box in boxes]))
    size = _without_outliers(np.array([max(box.width * aspect, box.height) for box in boxes]))
    grow = 1.0 + 2.0 * expand
    if _is_still(x, y, size * grow):
        face = np.full(len(frames), float(size.max()))
        side = _union_side(x, y, size) + 2.0 * expand * face
        x, y = np.full(len(frames), _middle(x)), np.full(len(frames), _middle(y))
    else:
        raw_x, raw_y = x, y
        x, y = _smooth(x, SIGMA_FRAMES), _smooth(y, SIGMA_FRAMES)
        lag = float(max(np.abs(raw_x - x).max(), np.abs(raw_y - y).max()))
        face = np.exp(_smooth(np.log(size), SIGMA_FRAMES))
        side = face * grow + 2.0 * lag
    side = np.minimum(side, np.maximum(min(display.width * aspect, display.height), size))
    x = _pushed_inside(x, x, side, size, (display.x * aspect, display.right * aspect))
    y = _pushed_inside(y - upward * face, y, side, size, (display.y, display.bottom))
    return CropTrack(index=track.index, first_frame=frames[0], centre_x=x / aspect, centre_y=y, side_px=side)


def _without_outliers(values: Float64) -> Float64:
    """Return the running median; at the ends the window shrinks to stay centred, so trends are kept."""
    half = OUTLIER_FRAMES // 2
    count = len(values)
    reach = [min(half, i, count - 1 - i) for i in range(count)]
    middle = np.array([np.median(values[i - r : i + r + 1]) for i, r in enumerate(reach)])
    if count > 2 * half:  # the very ends have no neighbours on one side: take the outlier out of them too
        middle[0] = np.median([values[0], middle[1], 2 * middle[1] - middle[2]])
        middle[-1] = np.median([values[-1], middle[-2], 2 * middle[-2] - middle[-3]])
    return middle


def _smooth(values: Float64, sigma: float) -> Float64:
    """Return a Gaussian over past and future; the ends are reflected through their end points."""
    reach = int(np.ceil(4.0 * sigma))
    if len(values) < 2 or reach == 0:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _is_still(x: Float64, y: Float64, side: Float64) -> bool:
    allowed = STATIC_PART * float(side.min())
    return bool(np.ptp(x) < allowed and np.ptp(y) < allowed and np.ptp(side) < allowed)


def _middle(values: Float64) -> float:
    return float(values.min() + values.max()) / 2


def _union_side(x: Float64, y: Float64, size: Float64) -> float:
    """Return the longer side of the union of squares."""
    across = (x + size / 2).max() - (x - size / 2).min()
    down = (y + size / 2).max() - (y - size / 2).min()
    return float(max(across, down))


def _pushed_inside(
    centre: Float64, face: Float64, side: Float64, size: Float64, ends: tuple[float, float]
) -> Float64:
    """Return centres whose span overhangs the ends no further than that of the face, at ``face``, does."""
    first, last = ends
    low = np.minimum(first, face - size / 2)
    high = np.maximum(last, face + size / 2)
    pushed = np.clip(centre, low + side / 2, np.maximum(high - side / 2, low + side / 2))
    return np.where(side > high - low, (low + high) / 2, pushed)
