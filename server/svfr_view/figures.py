"""What changed over time: how much, and whether the face flickers more or less than before.

All figures are taken at the movie's size on sRGB code values 0..255, weighted by the matte. ``changed`` is
the mean absolute change; ``flicker_before`` and ``flicker_after`` are the mean absolute difference to the
frame before, under the matte of both frames: where a face moves, both rise together, and only their distance
speaks of the restoration. ``doubts`` are the means of the result's layers under the matte, in the same unit,
and ``identity`` how like its reference each face is, by its number; both are empty where the result does not
say. Pixels that are NaN on either side count nowhere.
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
    doubts: dict[str, list[float | None]] = field(default_factory=dict)
    identity: dict[str, list[float | None]] = field(default_factory=dict)
    _last: tuple[int, Float32, Float32, Float32] | None = None

    def add(self, pair: FramePair) -> None:
        """Measure one frame; a gap in the numbering or an empty matte has no flicker."""
        unknown = np.isnan(pair.before).any(axis=-1) | np.isnan(pair.after).any(axis=-1)
        matte = np.where(unknown, np.float32(0.0), pair.matte)
        before, after = (_codes(one) for one in (pair.before, pair.after))
        self.frames.append(pair.frame)
        self.changed.append(_mean(np.abs(after - before), matte))
        for name, plane in pair.doubts.items():
            # the layer is under the matte already
            mean = _mean(255 * np.nan_to_num(plane)[..., None], np.ones_like(plane))
            share = float(pair.matte.mean(dtype=np.float64))
            value = round(mean / share, 4) if mean is not None and share > 0.0 else None
            self._note(self.doubts, name, value)
        for number, value in pair.identity.items():
            self._note(self.identity, number, value)
        earlier = self._last
        if earlier is not None and earlier[0] == pair.frame - 1:
            common = matte * earlier[3]
            self.flicker_before.append(_mean(np.abs(before - earlier[1]), common))
            self.flicker_after.append(_mean(np.abs(after - earlier[2]), common))
        else:
            self.flicker_before.append(None)
            self.flicker_after.append(None)
        self._last = (pair.frame, before, after, matte)

    def _note(self, where: dict[str, list[float | None]], name: str, value: float | None) -> None:
        """Keep a value of the newest frame; frames before and between that had none have None."""
        values = where.setdefault(name, [])
        values += [None] * (len(self.frames) - 1 - len(values)) + [value]

    def aligned(self, values: list[float | None]) -> list[float | None]:
        """Return values with None for the frames after the last that had one."""
        return values + [None] * (len(self.frames) - len(values))


def _codes(light: Float32) -> Float32:
    return np.asarray(255 * encode_srgb(np.clip(np.nan_to_num(light, posinf=1.0), 0.0, 1.0)), np.float32)


def _mean(values: Float32, weight: Float32) -> float | None:
    total = float(weight.sum(dtype=np.float64))
    if total <= 0.0:
        return None
    return round(float((values.mean(axis=-1) * weight).sum(dtype=np.float64) / total), 4)
