"""What model.json says of the optional networks that change a reference: its colours, or its hole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from svfr.nets.patch_unet import PatchUNetSizes
from svfr.nets.size_limits import BlockCounts, SidePx, Widths
from svfr.validation import Strict


@dataclass(frozen=True, kw_only=True)
class ReferenceNetSpec(Strict):
    """The sizes of a :class:`svfr.nets.patch_unet.PatchUNet`, and the side of the pictures that it sees."""

    widths: Widths
    blocks: BlockCounts
    side_px: SidePx
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        multiple = self.sizes.side_multiple  # asking for the sizes checks them
        if self.side_px % multiple:
            raise ValueError(f"side_px must be a multiple of {multiple}: 2 px times 2 for each further level")

    @property
    def sizes(self) -> PatchUNetSizes:
        """The sizes as the network takes them."""
        return PatchUNetSizes(self.widths, self.blocks)
