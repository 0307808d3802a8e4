"""A plate as code values.

Whatever its space, a picture is brought to the model domain of svfr_ocio (Rec.709 primaries, sRGB curve),
without an exposure, over its display window, and cut off at 0 and 1: what a display shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from svfr.arrays import Float32
from svfr_client.job import ColourClaim
from svfr_ocio.contract import agree, describe
from svfr_ocio.domain import ModelDomain
from svfr_restore.media.plate import Plate, open_plate


@dataclass(frozen=True)
class CodePlate:
    """A plate and its way into code values; ``colour`` says which config and space that was."""

    plate: Plate
    domain: ModelDomain
    colour: Mapping[str, Any]

    @classmethod
    def open(cls, path: str, space: str | None, config: str | None) -> CodePlate:
        """Open a plate in the given colour space, else the one that its file states.

        Raises what opening a plate and agreeing on its colour raise, UnknownColourSpace among them.
        """
        plate = open_plate(path)
        agreed = agree(ColourClaim(space=space, config=config), plate.colour_hint)
        domain = ModelDomain.build(agreed.config, agreed.space)
        return cls(plate, domain, describe(agreed.config, agreed.space))

    def read(self, frame: int) -> Float32:
        """Return a frame over its display window, (H, W, 3) in 0..1; black where the file has no pixels."""
        picture = self.plate.read(frame)
        codes = np.clip(self.domain.to_codes(picture.rgb), 0.0, 1.0)
        if picture.data_window == picture.display_window:
            return codes
        shown = np.zeros((*picture.display_window.shape, 3), np.float32)
        both = picture.data_window.intersect(picture.display_window)
        if not both.is_empty:
            shown[both.slices_in(picture.display_window)] = codes[both.slices_in(picture.data_window)]
        return shown
