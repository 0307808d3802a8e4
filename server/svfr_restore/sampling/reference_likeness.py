"""How alike a restored face is to the reference that it was restored after, frame by frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch

from svfr.eight_bit import eight_bit
from svfr.sampling.network_input import from_network
from svfr_restore.faces.likeness import LikenessFinder, Portrait, alike
from svfr_restore.plan.model_output import ModelOutput
from svfr_restore.plan.track_plan import TrackPlan


class ReferenceLikeness:
    """Compares the faces of a frame with their references; may be asked from several threads.

    ``reference_of`` returns the reference (3, S, S) in [-1, 1] of a track by its number, None where there is
    none; it is asked once a track, when its first frame is restored. The measure is that of
    :mod:`svfr_restore.faces.likeness`: only compare figures of one face within one shot.
    """

    def __init__(self, reference_of: Callable[[int], torch.Tensor | None]) -> None:
        self._reference_of = reference_of
        self._finder = LikenessFinder()
        self._references: dict[int, Portrait | None] = {}
        self._lock = threading.Lock()

    def of_faces(
        self, numbers: Sequence[int], faces: Sequence[tuple[TrackPlan, ModelOutput]]
    ) -> dict[int, float | None]:
        """Return the likeness of each face by its index, None where five points are not found.

        ``numbers`` are the tracks' numbers, in the order of ``faces``.
        """
        found: dict[int, float | None] = {}
        for number, (track, answer) in zip(numbers, faces, strict=True):
            reference = self._reference(number)
            face = self._portrait(answer.picture)
            is_known = reference is not None and face is not None
            found[track.index] = alike(reference, face) if is_known else None  # type: ignore[arg-type]
        return found

    def _reference(self, number: int) -> Portrait | None:
        with self._lock:
            known = number in self._references
        if not known:
            picture = self._reference_of(number)
            portrait = None if picture is None else self._portrait(np.clip(from_network(picture), 0.0, 1.0))
            with self._lock:
                self._references[number] = portrait
        return self._references[number]

    def _portrait(self, codes: np.ndarray) -> Portrait | None:
        with self._lock:  # the nets keep buffers
            return self._finder.portrait(eight_bit(codes))
