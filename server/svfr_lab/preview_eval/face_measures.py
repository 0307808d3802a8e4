"""What PSNR does not see of a restored clip: the face's points, identity and detail, and whether it is found.

Every figure is of one clip, and no frame drops out where a method fails: points that are not found count with
``MISSED_ERROR``, the face is embedded where the truth's points are, and frames on which the detector does not
find the face are counted. It misses some of the truth's too, which is a row of every table: to count only
those that it finds there would charge for faces that are barely lost, and not credit those barely found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32, Float64
from svfr.eight_bit import eight_bit
from svfr_lab.metrics.detail import detail
from svfr_lab.metrics.landmarks import landmark_error
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.hog import HogDetector
from svfr_restore.faces.landmarks import FivePointFinder

Figures: TypeAlias = dict[str, float]

_NOSE = 2


@dataclass(frozen=True)
class Measure:
    """One figure: its name, what it is of, which direction is better, and whether it is a count of frames."""

    name: str
    unit: str
    better: Literal["lower", "higher", "near the truth's"]
    counts: bool = False


MEASURES = (
    Measure("landmark_error", "distances between the eyes", "lower"),
    Measure("landmarks_missed", "frames", "lower", counts=True),
    Measure("faces_missed", "frames", "lower", counts=True),
    Measure("identity_distance", "Euclidean distance to the truth's embedding", "lower"),
    Measure("identity_step", "Euclidean distance of neighbouring frames' embeddings", "near the truth's"),
    Measure("identity_step_off", "how far the step is from the truth's", "lower"),
    Measure("detail_true", "share of the truth's detail", "higher"),
    Measure("detail_energy", "in units of the truth's", "near the truth's"),
)
IDENTITY_MEASURES = ("identity_distance", "identity_step", "identity_step_off")


class Embedder(Protocol):
    """Turns a face into numbers that tell people apart; see :mod:`svfr_lab.metrics.dlib_identity`."""

    @property
    def name(self) -> str:
        """What the embedder is called in a report."""

    @property
    def sha256(self) -> str:
        """The hash of its weights."""

    def embedding(self, crop: Float32, points: Float64) -> Float64:
        """Return the embedding (D,) of a face in a crop (H, W, 3) at points (5, 2)."""


@dataclass(frozen=True)
class TruthFaces:
    """What is known of one clip's truth, gathered once for all methods.

    ``points`` (F, 5, 2) are known. ``embeddings`` are those of the two middle frames, None without an
    embedder.
    """

    clip: Float32
    points: Float64
    embeddings: tuple[Float64, Float64] | None


class FaceMeasures:
    """Takes the figures of clips; ``embedder`` None leaves identity out."""

    def __init__(self, embedder: Embedder | None) -> None:
        self.embedder = embedder
        self._finder, self._detector = FivePointFinder(), HogDetector()

    def names(self) -> list[str]:
        """Return the names of the figures that are taken."""
        return [m.name for m in MEASURES if self.embedder is not None or m.name not in IDENTITY_MEASURES]

    def know(self, truth: Float32, points_px: NDArray[np.floating]) -> TruthFaces:
        """Return what is known of a truth (F, H, W, 3) of which the points (F, 5, 2) are known."""
        points = np.asarray(points_px, np.float64)
        return TruthFaces(truth, points, self._embeddings(truth, points))

    def measure(self, clip: Float32, known: TruthFaces, hole: NDArray[np.bool_] | None) -> Figures:
        """Return the figures of ``clip``; detail is that of the hole where there is one."""
        points = [self._finder.five_points(eight_bit(frame)) for frame in clip]
        errors = [landmark_error(*pair) for pair in zip(points, known.points, strict=True)]
        found = [self._finds(frame, face[_NOSE]) for frame, face in zip(clip, known.points, strict=True)]
        fine = detail(clip, known.clip, hole)
        figures = {
            "landmark_error": float(np.mean(errors)),
            "landmarks_missed": float(sum(found is None for found in points)),
            "faces_missed": float(len(found) - sum(found)),
            "detail_true": fine.true_share,
            "detail_energy": fine.energy,
        }
        return figures | self._identity(clip, known)

    def _finds(self, frame: Float32, nose: Float64) -> bool:
        return any(_holds(box, nose) for box in self._detector.detect(eight_bit(frame)))

    def _embeddings(self, clip: Float32, points: Float64) -> tuple[Float64, Float64] | None:
        if self.embedder is None:
            return None
        second = max(1, len(clip) // 2)
        first, then = (self.embedder.embedding(clip[i], points[i]) for i in (second - 1, second))
        return first, then

    def _identity(self, clip: Float32, known: TruthFaces) -> Figures:
        here = self._embeddings(clip, known.points)
        if here is None or known.embeddings is None:
            return {}
        away = [np.linalg.norm(a - b) for a, b in zip(here, known.embeddings, strict=True)]
        step, truths = (float(np.linalg.norm(pair[1] - pair[0])) for pair in (here, known.embeddings))
        return {
            "identity_distance": float(np.mean(away)),
            "identity_step": step,
            "identity_step_off": abs(step - truths),
        }


def by_measure(clips: Sequence[Mapping[str, Figures]]) -> dict[str, dict[str, list[float]]]:
    """Turn clips of methods of figures into figures of methods of clips."""
    if not clips:
        return {}
    methods = list(clips[0])
    return {
        measure: {method: [clip[method][measure] for clip in clips] for method in methods}
        for measure in clips[0][methods[0]]
    }


def _holds(box: FaceBox, nose: Float64) -> bool:
    """Return whether a box is around this face: a box elsewhere is another thing."""
    return abs(nose[0] - box.centre_x) <= box.width / 2 and abs(nose[1] - box.centre_y) <= box.height / 2
