"""What model.json says of how much a face's crop shows, where colour is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from svfr.validation import Strict


@dataclass(frozen=True, kw_only=True)
class Framing(Strict):
    """The side of a crop in sides of the face's box, and how far its middle is above the face's.

    SVFR's published code crops 1.8 sides around the middle of the face. What lies outside stays as it was: of
    a restored face nobody sees where that begins, but colour must not end in the middle of the hair.
    """

    side_in_faces: Annotated[float, Field(ge=1.0, le=4.0)] = 1.8
    upward_in_faces: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


PUBLISHED = Framing()
