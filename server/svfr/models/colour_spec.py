"""What model.json says of the optional network that colours a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from svfr.nets.colour_net import ColourSizes
from svfr.validation import Strict

# Bounds of a file that anybody may name: what it says is built before a weight is read.
MOST_LEVELS, MOST_SIDE_PX = 8, 2048
Width = Annotated[int, Field(ge=1, le=4096)]
Blocks = Annotated[int, Field(ge=1, le=64)]


@dataclass(frozen=True, kw_only=True)
class ColourSpec(Strict):
    """The sizes of a :class:`svfr.nets.colour_net.ColourNet`, and the side of the pictures that it sees."""

    widths: Annotated[tuple[Width, ...], Field(max_length=MOST_LEVELS)]
    blocks: Annotated[tuple[Blocks, ...], Field(max_length=MOST_LEVELS)]
    side_px: Annotated[int, Field(ge=1, le=MOST_SIDE_PX)]
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        multiple = self.sizes.side_multiple  # asking for the sizes checks them
        if self.side_px % multiple:
            raise ValueError(f"side_px must be a multiple of {multiple}: 2 px times 2 for each further level")

    @property
    def sizes(self) -> ColourSizes:
        """The sizes as the network takes them."""
        return ColourSizes(self.widths, self.blocks)
