"""The recipe of the colour stage as data: one TOML file, read strictly, with ``stage = "colour"``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from svfr.nets.colour_net import ColourSizes
from svfr.nets.size_limits import SidePx
from svfr.training.recipe.config import FolderName, RunConfig, Share, checked, read_tables
from svfr.validation import NotNegative, NotNegativeInt, Positive, PositiveInt, Strict, read_toml

STAGE = "colour"
_LAST_SHARE_OF_RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class ColourPhase(Strict):
    """So many steps with pictures of this side."""

    steps: PositiveInt
    crop_px: SidePx


@dataclass(frozen=True, kw_only=True)
class ColourOptimiser(Strict):
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
class ColourConfig(Strict):
    """Everything that decides a run of the colour stage, beside the data and the base model.

    ``phases`` come one after the other; the pictures of the last one are of the side that the model's are.
    One in ``validation_of`` of the people who are trained with is kept aside, to see whether what is learnt
    is true of others; 0: none.
    """

    stage: Literal["colour"]
    name: FolderName
    seed: NotNegativeInt
    validation_of: NotNegativeInt = 0
    network: ColourSizes
    phases: Annotated[tuple[ColourPhase, ...], Field(min_length=1)]
    optimiser: ColourOptimiser
    run: RunConfig

    def __post_init__(self) -> None:
        if self.validation_of == 1:
            raise ValueError("validation_of 1 would keep everybody aside: 0 keeps nobody, 10 every tenth")
        if self.run.sheet_every_steps:
            raise ValueError("run.sheet_every_steps must be 0: the colour stage writes no sheets")
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
def _adapter() -> TypeAdapter[ColourConfig]:
    return TypeAdapter(ColourConfig)


def is_colour_recipe(path: Path) -> bool:
    """Return whether a recipe is one of the colour stage."""
    try:
        return read_toml(path.read_text(encoding="utf-8")).get("stage") == STAGE
    except (OSError, ValueError):
        return False


def read_colour_config(path: Path) -> ColourConfig:
    """Read a recipe; raises RecipeInvalid for every missing, unknown and impossible key, all at once."""
    return checked(_adapter(), read_tables(path), path)
