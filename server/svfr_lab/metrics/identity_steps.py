"""How far the face's identity moves, by the recogniser whose weights the user has.

The measure is VIDD's of :mod:`svfr_lab.metrics.arcface`, whose ArcFace is not shipped. Neither is dlib's
ResNet, which takes ArcFace's place where the variable names its file, under another name: "identity step".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_lab.metrics.dlib_identity import DLIB_FACES, DlibFaces

NO_RECOGNISER = (
    f"Identity was not measured: it needs a recogniser's weights, which are not shipped. {DLIB_FACES} may "
    "name dlib_face_recognition_resnet_model_v1.dat; VIDD itself is by ArcFace and was not computed."
)
_PAIRS = 8


@dataclass(frozen=True)
class IdentitySteps:
    """Measures identities at the truth's own five points (F, 5, 2) in pixels: eyes, nose, mouth corners."""

    recogniser: DlibFaces

    @property
    def name(self) -> str:
        """The recogniser's name, for a report."""
        return self.recogniser.name

    def step(self, clip: Float32, points_px: NDArray[np.floating]) -> float:
        """Return the mean distance between the embeddings of neighbouring frames, over eight pairs."""
        starts = spread_over(len(clip) - 1)
        return float(np.mean([self._distance(clip, points_px, start, clip, start + 1) for start in starts]))

    def distance(self, clip: Float32, truth: Float32, points_px: NDArray[np.floating]) -> float:
        """Return the mean distance of a clip's embeddings to the truth's of the same frame, over eight."""
        frames = spread_over(len(clip))
        return float(np.mean([self._distance(clip, points_px, frame, truth, frame) for frame in frames]))

    def _distance(
        self, one: Float32, points_px: NDArray[np.floating], frame: int, other: Float32, other_frame: int
    ) -> float:
        points = np.asarray(points_px, np.float64)
        here = self.recogniser.embedding(one[frame], points[frame])
        there = self.recogniser.embedding(other[other_frame], points[other_frame])
        return float(np.linalg.norm(here - there))


def identity_steps() -> IdentitySteps | None:
    """Return the measure if the user has named weights; raises what reading them raises."""
    weights = os.environ.get(DLIB_FACES)
    return None if weights is None else IdentitySteps(DlibFaces(Path(weights)))


def spread_over(count: int, most: int = _PAIRS) -> Sequence[int]:
    """Return at most ``most`` of the numbers 0..count - 1, evenly apart."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})
