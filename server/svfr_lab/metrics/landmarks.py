"""Landmark drift: how far the features of a restored face lie from where they are in the truth.

The five points of the shipped finder (the eyes, the nose tip, the mouth corners), in units of the truth's
distance between the eyes. Jitter is what of that error changes from frame to frame: a face that is steadily
off has none.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float64

_LEFT_EYE, _RIGHT_EYE = 0, 1

MISSED_ERROR = 0.5
"""What a frame counts whose points are not found, in distances between the eyes; no frame counts more.

More than any shape of points that is accepted as a face may be off, so giving up is never better."""


def offsets(result: Float64, truth: Float64) -> Float64:
    """Return by how much each point (5, 2) of the result is off, in distances between the truth's eyes."""
    return (result - truth) / float(np.linalg.norm(truth[_RIGHT_EYE] - truth[_LEFT_EYE]))


def drift(offsets_now: Float64) -> float:
    """Return the mean length of the offsets (5, 2) of one frame."""
    return float(np.linalg.norm(offsets_now, axis=1).mean())


def jitter(offsets_before: Float64, offsets_now: Float64) -> float:
    """Return the mean length by which the offsets (5, 2) changed since the frame before."""
    return drift(offsets_now - offsets_before)


def landmark_error(found: Float64 | None, truth: Float64) -> float:
    """Return the drift of one frame's points (5, 2), at most :data:`MISSED_ERROR`, which None counts too.

    Eyes that lie one behind the other have no distance: such a frame counts as missed.
    """
    if found is None or not float(np.linalg.norm(truth[_RIGHT_EYE] - truth[_LEFT_EYE])) > 0.0:
        return MISSED_ERROR
    return min(drift(offsets(found, truth)), MISSED_ERROR)


def mean_landmark_error(found: Iterable[Float64 | None], truth: NDArray[np.floating]) -> float:
    """Return the mean :func:`landmark_error` over the frames of a clip, whose points (F, 5, 2) are known."""
    pairs = zip(found, np.asarray(truth, np.float64), strict=True)
    return float(np.mean([landmark_error(*pair) for pair in pairs]))
