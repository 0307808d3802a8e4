"""The codec of the embedded preview model: a fixed orthonormal transform of 4x4 RGB patches.

A learned autoencoder would cost more to train than the preview model itself, and a small one loses more
than the degradations it is to undo. A 4x4 cosine transform on three colour axes loses only the
coefficients that are left out, is exactly linear, and runs in a microsecond a patch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from svfr.validation import Finite, Positive, Strict

PATCH_PX = 4
COEFFICIENT_COUNT = 3 * PATCH_PX**2
# Luma-like axis first, then red-blue and green-magenta: natural images have most variance in that order.
_COLOUR_AXES = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])


@dataclass(frozen=True)
class LinearPatchSpec(Strict):
    """Which coefficients are kept and how they are scaled: the ``codec`` object of model.json.

    ``coefficients`` are indices ``axis * 16 + vertical * 4 + horizontal`` into the 48 of a patch; ``mean``
    and ``std`` bring each kept one to zero mean and unit variance over the training pictures.
    """

    coefficients: tuple[Annotated[int, Field(ge=0, lt=COEFFICIENT_COUNT)], ...]
    mean: tuple[Finite, ...]
    std: tuple[Positive, ...]
    kind: Literal["linear_patch"] = "linear_patch"
    factor: ClassVar[int] = PATCH_PX

    def __post_init__(self) -> None:
        if not len(self.coefficients) == len(self.mean) == len(self.std):
            raise ValueError("coefficients, mean and std must be of one length")

    @property
    def channels(self) -> int:
        """The channels of a latent."""
        return len(self.coefficients)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> LinearPatchSpec:
        """Return the value of :meth:`to_json`, from a file that this project wrote."""
        return cls(
            tuple(int(i) for i in body["coefficients"]),
            tuple(float(v) for v in body["mean"]),
            tuple(float(v) for v in body["std"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the ``codec`` object of model.json."""
        return {
            "kind": self.kind,
            "coefficients": list(self.coefficients),
            "mean": list(self.mean),
            "std": list(self.std),
        }


def patch_basis(coefficients: Sequence[int]) -> torch.Tensor:
    """Return the orthonormal analysis filters, (C, 3, 4, 4) float32."""
    position = 2 * np.arange(PATCH_PX) + 1
    cosine = np.stack(
        [
            math.sqrt((1 if k == 0 else 2) / PATCH_PX) * np.cos(math.pi * position * k / (2 * PATCH_PX))
            for k in range(PATCH_PX)
        ]
    )
    axes = _COLOUR_AXES / np.linalg.norm(_COLOUR_AXES, axis=1, keepdims=True)
    filters = np.einsum("ac,ui,vj->auvcij", axes, cosine, cosine).reshape(48, 3, PATCH_PX, PATCH_PX)
    return torch.tensor(filters[list(coefficients)], dtype=torch.float32)


class LinearPatchCodec(torch.nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to latents (N, C, H/4, W/4) of unit variance, and back."""

    factor = PATCH_PX
    scaling_factor = 1.0
    filters: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, spec: LinearPatchSpec) -> None:
        super().__init__()
        self.spec = spec
        self.channels = len(spec.coefficients)
        self.register_buffer("filters", patch_basis(spec.coefficients), persistent=False)
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1), persistent=False)

    def in_place(self) -> AbstractContextManager[None]:
        """Return a block without an effect: the weights are where they are."""
        return nullcontext()

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Transform (N, 3, H, W) to (N, C, H/4, W/4); H and W must be multiples of 4.

        A fourth plane, -1 outside and 1 inside a hole, becomes channel C + 1: its share of each patch.
        """
        latents = (functional.conv2d(pictures[:, :3], self.filters, stride=PATCH_PX) - self.mean) / self.std
        if pictures.shape[1] == 3:
            return latents
        share = functional.avg_pool2d(pictures[:, 3:], PATCH_PX) * 0.5 + 0.5
        return torch.cat([latents, share], dim=1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Transform (N, C, h, w) to (N, 3, 4h, 4w); left-out coefficients are zero."""
        return functional.conv_transpose2d(latents * self.std + self.mean, self.filters, stride=PATCH_PX)


def measure_spec(coefficients: Sequence[int], pictures: torch.Tensor) -> LinearPatchSpec:
    """Return the spec whose mean and std are those of (N, 3, H, W) training pictures."""
    raw = functional.conv2d(pictures, patch_basis(coefficients), stride=PATCH_PX)
    mean, std = raw.mean((0, 2, 3)), raw.std((0, 2, 3))
    return LinearPatchSpec(tuple(coefficients), tuple(mean.tolist()), tuple(std.tolist()))


def with_scaling_of(spec: LinearPatchSpec, given: LinearPatchSpec) -> LinearPatchSpec:
    """Return ``spec`` with the mean and std that ``given`` has for the coefficients that both keep."""
    known = {index: at for at, index in enumerate(given.coefficients)}
    means = [given.mean[known[c]] if c in known else spec.mean[k] for k, c in enumerate(spec.coefficients)]
    spreads = [given.std[known[c]] if c in known else spec.std[k] for k, c in enumerate(spec.coefficients)]
    return LinearPatchSpec(spec.coefficients, tuple(means), tuple(spreads))
