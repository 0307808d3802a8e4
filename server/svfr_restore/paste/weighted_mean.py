"""The mean of pictures that overlap, by weight."""

from __future__ import annotations

import numpy as np

from svfr.arrays import Float32


class WeightedMean:
    """A running mean over a canvas; a pixel that only one picture has weight on keeps that one's bits.

    ``value`` (h, w, 3) is the mean so far, 0 where nothing was added.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.value: Float32 = np.zeros((*shape, 3), np.float32)
        self._weight: Float32 = np.zeros(shape, np.float32)

    def add(self, place: tuple[slice, slice], picture: Float32, weight: Float32) -> None:
        """Add a picture (h, w, 3) with weights (h, w), 0 or more, to the pixels at ``place``."""
        total = self._weight[place] + weight
        share = np.divide(weight, total, out=np.zeros_like(total), where=total > 0.0)[..., None]
        before = self.value[place]
        self.value[place] = np.where(share == 1.0, picture, before + share * (picture - before))
        self._weight[place] = total
