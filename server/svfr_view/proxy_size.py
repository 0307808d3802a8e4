"""How large the pictures of a page are, and how a picture becomes that size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from svfr.arrays import Float32

_WIDTHS = ((120, 1280), (300, 960), (700, 640))
_LEAST_WIDTH = 512


@dataclass(frozen=True)
class ProxySize:
    """The size of one picture of the movie, in pixels, both even."""

    width: int
    height: int

    @staticmethod
    def of(width: int, height: int, pixel_aspect: float, frames: int) -> ProxySize:
        """Return the size for so many frames of a plate, square pixels: the more frames, the smaller."""
        widest = next((px for count, px in _WIDTHS if frames <= count), _LEAST_WIDTH)
        shown = width * pixel_aspect
        scale = min(1.0, widest / shown, widest / height)
        return ProxySize(_even(shown * scale), _even(height * scale))

    def reduced(self, picture: Float32) -> Float32:
        """Return a picture (h, w) or (h, w, C) at this size, each pixel the mean of those it covers."""
        small = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32)


def _even(length: float) -> int:
    return max(2, 2 * math.floor(length / 2 + 0.5))
