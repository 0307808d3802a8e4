"""What a step of a reference stage is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch


@dataclass(frozen=True)
class PictureBatch:
    """Pictures (B, 3, S, S) of code values 0 to 1, and a plane (B, 1, S, S) that says what is seen of them.

    For colours ``plane`` is what grey footage would show, damaged, and the colours to be given are those of
    the undamaged picture. For holes it is 1 where the picture is lost, else 0.
    """

    clean: torch.Tensor
    plane: torch.Tensor

    def to(self, device: torch.device) -> PictureBatch:
        """Return the batch on ``device``."""
        return PictureBatch(self.clean.to(device), self.plane.to(device))

    def mirrored(self) -> PictureBatch:
        """Return the batch as in a mirror."""
        return PictureBatch(self.clean.flip(3), self.plane.flip(3))

    def split(self, count: int) -> list[PictureBatch]:
        """Return the batch in parts of at most ``count`` pictures."""
        parts = zip(self.clean.split(count), self.plane.split(count), strict=True)
        return [PictureBatch(*part) for part in parts]


class PictureSource(Protocol):
    """Where pictures come from; equal generators give equal batches."""

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> PictureBatch:
        """Draw ``count`` pictures of ``crop_px`` a side, of people who are learnt from."""

    def aside(self, crop_px: int) -> PictureBatch | None:
        """Return the people who are kept aside, at rest and undamaged; None: nobody is."""
