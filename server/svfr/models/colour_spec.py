"""What model.json says of the optional network that colours a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from svfr.nets.colour_net import ColourSizes
from svfr.validation import PositiveInt, Strict


@dataclass(frozen=True, kw_only=True)
class ColourSpec(Strict):
    """The sizes of a :class:`svfr.nets.colour_net.ColourNet`, and the side of the pictures that it sees."""

    widths: tuple[PositiveInt, ...]
    blocks: tuple[PositiveInt, ...]
    side_px: PositiveInt
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        multiple = self.sizes.side_multiple  # asking for the sizes checks them
        if self.side_px % multiple:
            raise ValueError(f"side_px must be a multiple of {multiple}: 2 px times 2 for each further level")

    @property
    def sizes(self) -> ColourSizes:
        """The sizes as the network takes them."""
        return ColourSizes(self.widths, self.blocks)
