"""How large a network may be that a file describes: it is built before a weight of it is read.

The limits are far above every network that is trained, and far below what would keep a process busy or
overflow. A recipe has them too, so that whatever is trained can be loaded.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST_LEVELS, MOST_WIDTH, MOST_BLOCKS, MOST_SIDE_PX = 8, 4096, 64, 2048
# Residual layers of a level, and transformer layers of each of those, of the networks that diffusers builds.
MOST_DIFFUSERS_LAYERS = 16

Width = Annotated[int, Field(ge=1, le=MOST_WIDTH)]
Blocks = Annotated[int, Field(ge=1, le=MOST_BLOCKS)]
SidePx = Annotated[int, Field(ge=1, le=MOST_SIDE_PX)]
Widths = Annotated[tuple[Width, ...], Field(max_length=MOST_LEVELS)]
BlockCounts = Annotated[tuple[Blocks, ...], Field(max_length=MOST_LEVELS)]
