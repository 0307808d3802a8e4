"""The number types that may be asked for a model's networks, by name; knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from svfr.validation import Strict

NumberType = Literal["float32", "float16", "bfloat16"]
NUMBER_TYPES: tuple[NumberType, ...] = get_args(NumberType)


@dataclass(frozen=True, kw_only=True)
class NumberTypes(Strict):
    """In what UNet and picture decoder compute; None: as the device's policy says."""

    unet: NumberType | None = None
    decode: NumberType | None = None

    def over(self, other: NumberTypes | None) -> NumberTypes:
        """Return these types, and those of ``other`` where these say nothing."""
        if other is None:
            return self
        return NumberTypes(unet=self.unet or other.unet, decode=self.decode or other.decode)
