"""What model.json says of the optional network that colours a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from svfr.nets.colour_net import ColourSizes
from svfr.nets.size_limits import BlockCounts, SidePx, Widths
from svfr.validation import Strict


@dataclass(frozen=True, kw_only=True)
class ColourSpec(Strict):
    """The sizes of a :class:`svfr.nets.colour_net.ColourNet`, and the side of the pictures that it sees."""

    widths: Widths
    blocks: BlockCounts
    side_px: SidePx
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        multiple = self.sizes.side_multiple  # asking for the sizes checks them
        if self.side_px % multiple:
            raise ValueError(f"side_px must be a multiple of {multiple}: 2 px times 2 for each further level")

    @property
    def sizes(self) -> ColourSizes:
        """The sizes as the network takes them."""
        return ColourSizes(self.widths, self.blocks)
