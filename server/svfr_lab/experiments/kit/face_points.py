"""How far a restored face's points are from where they are: the landmark error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svfr_lab.experiments.kit.held_out import Clip
from svfr_restore.faces.landmarks import FivePointFinder

MOST_ERROR = 1.0
"""A face that is not found counts as one distance between the eyes, and no face counts more."""


def landmark_error(finder: FivePointFinder, clip: Clip, points_px: NDArray[np.float32]) -> float:
    """Return the mean error of the five points of a clip (F, S, S, 3), in distances between the eyes.

    ``points_px`` (F, 5, 2) are the exact ones. The finder is the one that :mod:`svfr_restore` cuts faces by.
    """
    eight_bit = np.rint(np.clip(clip, 0.0, 1.0) * 255.0).astype(np.uint8)
    errors = []
    for frame, exact in zip(eight_bit, points_px, strict=True):
        found = finder.five_points(frame)
        if found is None:
            errors.append(MOST_ERROR)
            continue
        between_eyes = float(np.linalg.norm(exact[1] - exact[0]))
        mean = float(np.linalg.norm(found - exact, axis=-1).mean())
        # eyes one behind the other have no distance
        errors.append(min(MOST_ERROR, mean / between_eyes) if between_eyes > 0.0 else MOST_ERROR)
    return float(np.mean(errors))
