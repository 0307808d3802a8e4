"""What a step of the colour stage is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch


@dataclass(frozen=True)
class ColourBatch:
    """Pictures (B, 3, S, S) of code values 0 to 1, and what grey footage would show of them (B, 1, S, S).

    The grey ones are damaged; the colours that they are to be given are those of the undamaged pictures.
    """

    clean: torch.Tensor
    grey: torch.Tensor

    def to(self, device: torch.device) -> ColourBatch:
        """Return the batch on ``device``."""
        return ColourBatch(self.clean.to(device), self.grey.to(device))


class ColourSource(Protocol):
    """Where pictures come from; equal generators give equal batches."""

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> ColourBatch:
        """Draw ``count`` damaged grey pictures of ``crop_px`` a side, of people who are learnt from."""

    def aside(self, crop_px: int) -> ColourBatch | None:
        """Return the people who are kept aside, at rest and undamaged; None: nobody is."""
