"""What model.json says of the optional network that adds detail to a restored crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from svfr.errors import DetailOutOfRange, ModelHasNoDetail
from svfr.nets.detail_net import DetailSizes
from svfr.nets.size_limits import BlockCounts, Widths
from svfr.validation import Strict

Amount = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class DetailAmounts(Strict):
    """How much of the detail each preset adds, unless the job says so."""

    draft: Amount
    standard: Amount
    final: Amount

    def of(self, preset: str) -> float:
        """Return the amount of a preset by name."""
        return float(getattr(self, preset))


@dataclass(frozen=True, kw_only=True)
class DetailSpec(Strict):
    """The sizes of a :class:`svfr.nets.detail_net.DetailNet`, and how much of it each preset adds."""

    widths: Widths
    blocks: BlockCounts
    presets: DetailAmounts
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        _ = self.sizes  # asking for the sizes checks them

    @property
    def sizes(self) -> DetailSizes:
        """The sizes as the network takes them."""
        return DetailSizes(self.widths, self.blocks)


def amount_of_detail(model: str, detail: DetailSpec | None, preset: str, asked: float | None) -> float:
    """Return how much detail is added, 0 to 1: what was asked for, else the preset's, else none.

    ``model`` is the model's name, ``detail`` what it has. Raises DetailOutOfRange, and ModelHasNoDetail where
    some was asked for and there is none.
    """
    if asked is not None and not 0.0 <= asked <= 1.0:
        raise DetailOutOfRange(f"The detail is {asked:g}, outside 0 to 1.", remedy="0 is the safest.")
    if detail is not None:
        return detail.presets.of(preset) if asked is None else asked
    if asked:
        text = f"The model {model} adds no detail, and {asked:g} of it is asked for."
        raise ModelHasNoDetail(text, remedy="Leave detail out, or choose another model.")
    return 0.0
