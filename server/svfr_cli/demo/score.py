"""The demo's figures: PSNR against the truth, inside the matte and over the frame, beside simple methods.

A simple method is pasted through the same matte as the model, so that only what it fills in counts. The best
one is chosen per case by its own score inside the matte, after the fact: that favours the baseline.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_lab.metrics.psnr_ssim import psnr_db

from .errors import NothingWasRestored

INSIDE = 0.5


@dataclass(frozen=True)
class Score:
    """PSNR in dB with peak 1: over pixels whose matte is at least one half, and over all."""

    inside_db: float
    frame_db: float


@dataclass(frozen=True)
class CaseScores:
    """One row of the demo's table."""

    damaged: Score
    baseline_name: str
    baseline: Score
    restored: Score


def score(clip: Float32, truth: Float32, inside: NDArray[np.bool_]) -> Score:
    """Return the scores of ``clip`` (F, H, W, 3); ``inside`` (F, H, W) moves with the face."""
    return Score(psnr_db(clip, truth, inside), psnr_db(clip, truth))


def paste(clip: Float32, damaged: Float32, mattes: NDArray[np.float32]) -> Float32:
    """Return the damaged frames (F, H, W, 3) with ``clip`` pasted through the mattes (F, H, W)."""
    return np.asarray(damaged + mattes[..., None] * (clip - damaged), np.float32)


def compare(
    damaged: Float32,
    restored: Float32,
    truth: Float32,
    mattes: NDArray[np.float32],
    simple: dict[str, Float32],
) -> CaseScores:
    """Score input, result and the best simple method, pasted like the result, against the truth.

    Raises:
        NothingWasRestored: no matte reaches one half anywhere.
    """
    inside = mattes >= INSIDE
    if not inside.any():
        raise NothingWasRestored("The job changed nothing.", remedy="See whether it found the face.")
    scores = {name: score(clip, truth, inside) for name, clip in simple.items()}
    best = max(scores, key=lambda name: scores[name].inside_db)
    return CaseScores(score(damaged, truth, inside), best, scores[best], score(restored, truth, inside))
