"""How far apart the pictures are that a model makes of one crop with different seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from svfr.arrays import Float32


def seed_spread(pictures: Sequence[Float32]) -> Float32:
    """Return the standard deviation (h, w) of two or more pictures (h, w, 3), in their code values.

    It is the sample's, with N - 1 below the fraction line, and the root mean square of red, green and blue.
    Pictures that are alike in a pixel spread by exactly 0 there.
    """
    variance = np.var(np.stack(pictures), axis=0, ddof=1, dtype=np.float64)
    # the mean of equal float32 values is exact in float64 for up to 16 of them
    return np.sqrt(variance.mean(axis=-1)).astype(np.float32)
