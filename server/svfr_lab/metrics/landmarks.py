"""Landmark drift: how far the features of a restored face lie from where they are in the truth.

The five points of the shipped finder (the eyes, the nose tip, the mouth corners), in units of the truth's
distance between the eyes. Jitter is what of that error changes from frame to frame: a face that is steadily
off has none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_LEFT_EYE, _RIGHT_EYE = 0, 1


def offsets(result: Float64, truth: Float64) -> Float64:
    """Return by how much each point (5, 2) of the result is off, in distances between the truth's eyes."""
    return (result - truth) / float(np.linalg.norm(truth[_RIGHT_EYE] - truth[_LEFT_EYE]))


def drift(offsets_now: Float64) -> float:
    """Return the mean length of the offsets (5, 2) of one frame."""
    return float(np.linalg.norm(offsets_now, axis=1).mean())


def jitter(offsets_before: Float64, offsets_now: Float64) -> float:
    """Return the mean length by which the offsets (5, 2) changed since the frame before."""
    return drift(offsets_now - offsets_before)
