"""Meter a shot: the one exposure that puts its faces where the network knows faces.

The gain is a constant of the shot. A gain per frame would flicker, and windows would not agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svfr_ocio.errors import NothingToMeter

FACE_LUMINANCE = 0.20
"""The ACEScg luminance a face's median is brought to: code value 0.48."""

LIMIT_STOPS = 5.0


def face_median(luminance: NDArray[np.float32], matte: NDArray[np.float32]) -> float | None:
    """Return the median luminance of a frame's face, or None when the matte holds no pixel.

    ``luminance`` (h, w) comes from :meth:`svfr_ocio.domain.ModelDomain.to_linear_luminance`; a pixel counts
    where ``matte`` (h, w) is at least one half.
    """
    inside = luminance[matte >= 0.5]
    return float(np.median(inside)) if inside.size else None


def auto_exposure(medians: Sequence[float]) -> float:
    """Return the exposure in stops of a shot from the :func:`face_median` of its frames.

    The median over the frames is brought to 0.20, by no more than 5 stops either way; a black face gets +5.
    Raises :class:`~svfr_ocio.errors.NothingToMeter` for no frames.
    """
    if len(medians) == 0:
        raise NothingToMeter(
            "No frame of the shot shows a face to measure the exposure on.",
            remedy="Set the exposure in stops, or give a box or a mask where the face is.",
        )
    median = float(np.median(np.asarray(medians, dtype=np.float64)))
    if median <= 0.0:
        return LIMIT_STOPS
    return max(-LIMIT_STOPS, min(LIMIT_STOPS, math.log2(FACE_LUMINANCE / median)))
