"""How steadily a restored clip moves, told by optical flow.

Flow is found by DIS (Kroeger et al. 2016, arXiv 1603.03590) between neighbouring frames. The warping error is
that of Lai et al. 2018 (arXiv 1808.00449): a frame is fetched along the truth's flow onto the one before, and
what differs there is flicker. Where the truth's flows there and back disagree something came into sight or
left it, and nothing is compared. The flow error says how far the result's own motion is from the truth's:
features that swim about move although their flicker may be small.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr_lab.errors import ArgumentOutOfRange

_SMALLEST_SIDE_PX = 24
# Sundaram et al. 2010, as Lai et al. use it: flows disagree by more than a hundredth of their lengths and
# half a pixel, squared.
_DISAGREEMENT_SHARE, _DISAGREEMENT_PX2 = 0.01, 0.5


@dataclass(frozen=True)
class TruthMotion:
    """Flows (F - 1, S, S, 2) in pixels from each frame of a truth to the next, and where they hold."""

    flows: Float32
    holds: NDArray[np.bool_]


def motion_of(truth: Float32) -> TruthMotion:
    """Return the motion of a clip (F, S, S, 3); raises ArgumentOutOfRange for one frame or tiny ones."""
    if len(truth) < 2 or min(truth.shape[1:3]) < _SMALLEST_SIDE_PX:
        raise ArgumentOutOfRange(
            f"No motion can be told from a clip of the shape {truth.shape}.",
            remedy=f"Use two frames or more of at least {_SMALLEST_SIDE_PX} px.",
        )
    forward, backward = flows_of(truth), flows_of(truth[::-1])[::-1]
    return TruthMotion(forward, np.stack([_agree(f, b) for f, b in zip(forward, backward, strict=True)]))


def flows_of(clip: Float32) -> Float32:
    """Return the flow (F - 1, S, S, 2) in pixels from each frame to the next."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    nothing_known = np.zeros((*clip.shape[1:3], 2), np.float32)
    grey = [_grey(frame) for frame in clip]
    return np.stack([finder.calc(a, b, nothing_known.copy()) for a, b in itertools.pairwise(grey)])


def warping_error_codes(clip: Float32, motion: TruthMotion) -> float:
    """Return the root mean square warping error of a clip in codes of 255, along the truth's motion."""
    errors = [
        (_fetched(after, flow) - before)[holds]
        for before, after, flow, holds in zip(clip, clip[1:], motion.flows, motion.holds, strict=False)
    ]
    return float(255.0 * np.sqrt(np.mean(np.concatenate(errors).astype(np.float64) ** 2)))


def flow_error_px(clip: Float32, motion: TruthMotion) -> float:
    """Return the mean distance in pixels between a clip's own flow and the truth's, where that holds."""
    distance = np.linalg.norm(flows_of(clip) - motion.flows, axis=-1)
    return float(distance[motion.holds].mean(dtype=np.float64))


def _grey(frame: Float32) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(eight_bit(frame), cv2.COLOR_RGB2GRAY), np.uint8)


def _fetched(picture: Float32, flow: Float32) -> Float32:
    """Return at each pixel what ``picture`` has where the flow leads from there."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    contiguous = np.ascontiguousarray(picture)
    border = cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.remap(contiguous, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=border),
        np.float32,
    )


def _agree(forward: Float32, backward: Float32) -> NDArray[np.bool_]:
    """Return where going forth and back ends near the start, and never outside the frame."""
    height, width = forward.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    inside = (x + forward[..., 0] >= 0) & (x + forward[..., 0] <= width - 1)
    inside &= (y + forward[..., 1] >= 0) & (y + forward[..., 1] <= height - 1)
    back = _fetched(backward, forward)
    missed = np.square(forward + back).sum(-1)
    lengths = np.square(forward).sum(-1) + np.square(back).sum(-1)
    return np.asarray(inside & (missed <= _DISAGREEMENT_SHARE * lengths + _DISAGREEMENT_PX2), np.bool_)
