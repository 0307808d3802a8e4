"""Fewer pixels: shrinking as scanners, cameras and converters do it, and enlarging to the size asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.draws import Range, log_uniform, require_within, weighted_choice

SMALLEST_SIDE_PX = 8
"""No clip is made smaller than this: a face of fewer pixels is nobody's."""


class Filter(StrEnum):
    """How pixels are made from pixels. The last two alias when they shrink, as cheap converters do."""

    AREA = "area"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


_INTERPOLATION = {
    Filter.AREA: cv2.INTER_AREA,
    Filter.BILINEAR: cv2.INTER_LINEAR,
    Filter.BICUBIC: cv2.INTER_CUBIC,
}


@dataclass(frozen=True)
class Shrink:
    """``factor`` 1 or more divides both sides."""

    factor: float
    filter: Filter

    def __post_init__(self) -> None:
        require_within("factor", self.factor, 1, 64)


@dataclass(frozen=True)
class ShrinkRanges:
    """Factors are drawn so that all ratios are equally likely."""

    factor: Range
    filters: tuple[tuple[Filter, float], ...] = (
        (Filter.AREA, 0.5),
        (Filter.BILINEAR, 0.25),
        (Filter.BICUBIC, 0.25),
    )

    def draw(self, rng: np.random.Generator) -> Shrink:
        """Draw the shrinking of one clip."""
        return Shrink(log_uniform(rng, self.factor), weighted_choice(rng, self.filters))


def shrink(clip: NDArray[np.float32], parameters: Shrink) -> NDArray[np.float32]:
    """Return the clip (F, h, w, 3) with smaller sides, not below SMALLEST_SIDE_PX."""
    height, width = (
        max(min(side, SMALLEST_SIDE_PX), round(side / parameters.factor)) for side in clip.shape[1:3]
    )
    return resize(clip, height, width, parameters.filter)


def resize(clip: NDArray[np.float32], height: int, width: int, kind: Filter) -> NDArray[np.float32]:
    """Return the clip (F, height, width, 3); bicubic may overshoot 0..1."""
    if clip.shape[1:3] == (height, width):
        return clip
    code = _INTERPOLATION[kind]
    return np.stack([cv2.resize(frame, (width, height), interpolation=code) for frame in clip])


def enlarge(
    clip: NDArray[np.float32], height: int, width: int, kind: Filter = Filter.BICUBIC
) -> NDArray[np.float32]:
    """Return the clip (F, h, w, 3) enlarged to (F, height, width, 3) and clipped to 0..1."""
    return np.clip(resize(clip, height, width, kind), 0, 1).astype(np.float32, copy=False)
