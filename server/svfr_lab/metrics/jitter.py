"""How unsteadily a clip moves: what moves evenly has no jitter, flicker has much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svfr_lab.errors import ArgumentOutOfRange


def jitter_codes(clip: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> float:
    """Return the root mean square second difference over time of a clip (F, H, W, 3), in codes of 255.

    With ``mask`` (H, W) only its True pixels count. Raises
    ArgumentOutOfRange for fewer than three frames.
    """
    if len(clip) < 3:
        raise ArgumentOutOfRange(
            f"Jitter needs three frames, there are {len(clip)}.", remedy="Use longer clips."
        )
    bends = np.diff(clip.astype(np.float64), n=2, axis=0)
    if mask is not None:
        bends = bends[:, mask]
    return float(255.0 * np.sqrt(np.mean(bends**2)))
