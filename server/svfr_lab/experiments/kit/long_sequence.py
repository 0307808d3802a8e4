"""Long rendered sequences: how long they are, and restoring one stretch by stretch from one reference.

The motion goes forth and back again and again, so that every stretch shows the same pictures and the truth is
known; only the noise of the degradation is always fresh. Nothing grows with the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr_lab.degradation.basic import EVALUATION, BasicRecipe
from svfr_lab.degradation.degrade import degrade
from svfr_lab.experiments.kit.reference_runs import BFR, ReferenceRun, given_by, second_pass

FRAMES_PER_SECOND = 25
LONG_CLIP_FRAMES = 10 * FRAMES_PER_SECOND

_SHORT_CLIP_FRAMES = 2 * FRAMES_PER_SECOND
# Rendering and restoring one long clip in every way takes most of a minute on one core.
_BUDGET_FOR_LONG_CLIPS_S = 300.0
_STRETCHES_KEPT = 3

# One degradation for the whole sequence: the middle of what evaluation draws from.
_DEGRADATION = replace(
    EVALUATION, noise_sd_code=(6 / 255, 6 / 255), jpeg_quality=(65, 66), blur_sigma_px=(0.65, 0.65)
)


def clip_frames(budget_s: float) -> int:
    """Return how many frames a clip has: ten seconds from five minutes on, else two."""
    return LONG_CLIP_FRAMES if budget_s >= _BUDGET_FOR_LONG_CLIPS_S else _SHORT_CLIP_FRAMES


@dataclass(frozen=True)
class Scene:
    """A motion of ``loop`` frames with its exact five points (F, 5, 2) in pixels, played forth and back."""

    number: int
    loop: Float32
    points_px: NDArray[np.float64]

    def truth(self, frames: range) -> tuple[Float32, NDArray[np.float64]]:
        """Return frames of the endless sequence and their points."""
        length = len(self.loop)
        places = [f % length if (f // length) % 2 == 0 else length - 1 - f % length for f in frames]
        return self.loop[places], self.points_px[places]

    def damaged(self, truth: Float32, stretch: int, parameters: BasicRecipe = _DEGRADATION) -> Float32:
        """Return frames blurred alike, under noise that is each stretch's own."""
        return degrade(truth, BFR, np.random.default_rng([self.number, stretch]), parameters).lq


class ScenePlayer:
    """Restores a scene stretch by stretch with the reference of its first window."""

    def __init__(self, model: Model, scene: Scene, ways: Sequence[ReferenceRun]) -> None:
        self.scene, self._model = scene, model
        self._recent: dict[int, Float32] = {}
        truth, _ = scene.truth(range(len(scene.loop)))
        damaged = scene.damaged(truth, 0)
        self._given = {way: given_by(model, damaged, truth, way) for way in ways}
        # windows start every so many frames from the sequence's first: with a context of whole strides
        # a stretch is cut into the same windows as the sequence
        stride = model.spec.window - model.spec.overlap
        self._context = stride * -(-2 * model.spec.window // stride)
        self._stride = stride

    def restored(self, stretch: int) -> Iterator[tuple[ReferenceRun, Float32, Float32, NDArray[np.float64]]]:
        """Yield for every way its result of a stretch, the truth, and the truth's points."""
        length = len(self.scene.loop)
        frames = range(stretch * length, (stretch + 1) * length)
        start = max(0, (frames.start - self._context) // self._stride * self._stride)
        wide = range(start, frames.stop + self._context)
        truth, points = self.scene.truth(wide)
        damaged = self._damaged(wide, length)
        inner = slice(frames.start - wide.start, frames.stop - wide.start)
        for way in self._given:
            result = second_pass(self._model, damaged, wide.start, self._given[way], way)[inner]
            yield way, result, truth[inner], points[inner]

    def _damaged(self, frames: range, length: int) -> Float32:
        """Return damaged frames; a frame is damaged alike in whatever range it is asked for."""
        parts = []
        for stretch in range(frames.start // length, (frames.stop - 1) // length + 1):
            whole = range(stretch * length, (stretch + 1) * length)
            damaged = self._stretch(stretch, whole)
            first, last = max(whole.start, frames.start), min(whole.stop, frames.stop)
            parts.append(damaged[first - whole.start : last - whole.start])
        return np.concatenate(parts)

    def _stretch(self, number: int, frames: range) -> Float32:
        """Return a damaged stretch; the last ones are kept, since neighbours need their ends."""
        if number not in self._recent:
            truth, _ = self.scene.truth(frames)
            self._recent[number] = self.scene.damaged(truth, number)
            self._recent.pop(number - _STRETCHES_KEPT, None)
        return self._recent[number]
