"""The recipe of a stage whose network changes a reference: one TOML file, read strictly.

``stage`` is "colour" for the network that colours it, "hole" for the one that paints its hole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, TypeAdapter

from svfr.nets.patch_unet import PatchUNetSizes
from svfr.nets.size_limits import SidePx
from svfr.training.recipe.config import FolderName, RunConfig, Share, checked, read_tables
from svfr.validation import NotNegative, NotNegativeInt, Positive, PositiveInt, Strict, read_toml

Stage = Literal["colour", "hole"]
_LAST_SHARE_OF_RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class ReferencePhase(Strict):
    """So many steps with pictures of this side."""

    steps: PositiveInt
    crop_px: SidePx


@dataclass(frozen=True, kw_only=True)
class ReferenceOptimiser(Strict):
    """AdamW; its rate rises over ``warmup_steps`` and falls as a cosine after ``constant_share`` of all.

    ``dropout`` is a share of the coarse features; the average of the weights is over the last
    1 / (1 - ``ema_decay``) steps, over fewer at first.
    """

    batch: PositiveInt
    learning_rate: Positive
    warmup_steps: NotNegativeInt
    constant_share: Share
    weight_decay: NotNegative
    dropout: Annotated[float, Field(ge=0, lt=1)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class AdversaryConfig(Strict):
    """A discriminator from step ``begin_step`` on, and how much its verdict counts beside the error.

    ``weight`` is reached over ``warmup_steps``. ``widths`` are those of its layers, of which all but the last
    halve the side.
    """

    weight: Positive
    begin_step: NotNegativeInt
    warmup_steps: PositiveInt
    learning_rate: Positive
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=2)]


@dataclass(frozen=True, kw_only=True)
class ReferenceConfig(Strict):
    """Everything that decides a run of such a stage, beside the data and the base model.

    ``phases`` come one after the other; the pictures of the last one are of the side that the model's are.
    One in ``validation_of`` of the people who are trained with is kept aside, to see whether what is learnt
    is true of others; 0: none.
    """

    stage: Stage
    name: FolderName
    seed: NotNegativeInt
    validation_of: NotNegativeInt = 0
    network: PatchUNetSizes
    phases: Annotated[tuple[ReferencePhase, ...], Field(min_length=1)]
    optimiser: ReferenceOptimiser
    run: RunConfig
    adversary: AdversaryConfig | None = None

    def __post_init__(self) -> None:
        if self.validation_of == 1:
            raise ValueError("validation_of 1 would keep everybody aside: 0 keeps nobody, 10 every tenth")
        if self.run.sheet_every_steps:
            raise ValueError("run.sheet_every_steps must be 0: this stage writes no sheets")
        if self.adversary is not None and self.stage != "hole":
            raise ValueError("adversary is for the stage hole: colours have no discriminator")
        multiple = self.network.side_multiple
        if any(phase.crop_px % multiple for phase in self.phases):
            raise ValueError(f"crop_px of every phase must be a multiple of {multiple}, for this network")

    @property
    def steps(self) -> int:
        """The steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def side_px(self) -> int:
        """The side of the pictures that the trained network is given."""
        return self.phases[-1].crop_px

    def crop_px_at(self, step: int) -> int:
        """Return the side of the pictures of a step, counted from 0."""
        for phase in self.phases:
            if step < phase.steps:
                return phase.crop_px
            step -= phase.steps
        return self.side_px

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        optimiser, steps = self.optimiser, self.steps
        constant = optimiser.constant_share * steps
        warm = min(1.0, (step + 1) / optimiser.warmup_steps) if optimiser.warmup_steps else 1.0
        if step < constant or constant >= steps:
            return optimiser.learning_rate * warm
        fallen = 0.5 * (1.0 + math.cos(math.pi * (step - constant) / (steps - constant)))
        return optimiser.learning_rate * warm * (fallen + _LAST_SHARE_OF_RATE)


@cache
def _adapter() -> TypeAdapter[ReferenceConfig]:
    return TypeAdapter(ReferenceConfig)


def is_reference_recipe(path: Path) -> bool:
    """Return whether a recipe is one of these stages."""
    try:
        return read_toml(path.read_text(encoding="utf-8")).get("stage") in get_args(Stage)
    except (OSError, ValueError):
        return False


def read_reference_config(path: Path) -> ReferenceConfig:
    """Read a recipe; raises RecipeInvalid for every missing, unknown and impossible key, all at once."""
    return checked(_adapter(), read_tables(path), path)
