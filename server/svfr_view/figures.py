"""What changed over time: how much, and whether the face flickers more or less than before.

All figures are taken at the movie's size on sRGB code values 0..255, weighted by the matte. ``changed`` is
the mean absolute change; ``flicker_before`` and ``flicker_after`` are the mean absolute difference to the
frame before, under the matte of both frames: where a face moves, both rise together, and only their distance
speaks of the restoration.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from svfr.arrays import Float32
from svfr_ocio.curve import encode_srgb
from svfr_view.pictures import FramePair


@dataclass
class Figures:
    """Figures frame by frame; None where there is nothing to measure. Feed it the frames in order."""

    frames: list[int] = field(default_factory=list)
    changed: list[float | None] = field(default_factory=list)
    flicker_before: list[float | None] = field(default_factory=list)
    flicker_after: list[float | None] = field(default_factory=list)
    _last: tuple[int, Float32, Float32, Float32] | None = None

    def add(self, pair: FramePair) -> None:
        """Measure one frame; a gap in the numbering or an empty matte has no flicker."""
        before, after = (255 * encode_srgb(np.clip(one, 0.0, 1.0)) for one in (pair.before, pair.after))
        self.frames.append(pair.frame)
        self.changed.append(_mean(np.abs(after - before), pair.matte))
        earlier = self._last
        if earlier is not None and earlier[0] == pair.frame - 1:
            common = pair.matte * earlier[3]
            self.flicker_before.append(_mean(np.abs(before - earlier[1]), common))
            self.flicker_after.append(_mean(np.abs(after - earlier[2]), common))
        else:
            self.flicker_before.append(None)
            self.flicker_after.append(None)
        self._last = (pair.frame, before, after, pair.matte)


def _mean(values: Float32, weight: Float32) -> float | None:
    total = float(weight.sum(dtype=np.float64))
    if total <= 0.0:
        return None
    return round(float((values.mean(axis=-1) * weight).sum(dtype=np.float64) / total), 4)
