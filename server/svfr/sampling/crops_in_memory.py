"""Crops as a network sees them, held in memory for the sampler: a job keeps them on disk."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.models.model import Model
from svfr.sampling.network_input import seen_by_network


class CropsInMemory:
    """A :class:`svfr.sampling.sampler.CropSource` over ``pixels`` (F, 3 or 4, S, S) in [-1, 1].

    Frames are numbered from ``first``.
    """

    def __init__(self, pixels: torch.Tensor, first: int = 0) -> None:
        self.pixels = pixels
        self.frames = range(first, first + len(pixels))

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return crops (stop - start, 3 or 4, S, S)."""
        return self.pixels[start:stop]


def as_model_sees(
    model: Model, codes: Float32, hole: NDArray[np.bool_] | None, tasks: frozenset[str]
) -> Float32:
    """Return the crops (F, S, S, 3 or 4) that the network gets of ``codes`` (F, S, S, 3) for ``tasks``."""
    spec = model.spec
    return np.stack([seen_by_network(c, tasks, hole, spec.hole_fill, spec.hole_plane) for c in codes])
