"""The recipe of the detail stage as data: one TOML file, read strictly, with ``stage = "detail"``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from svfr.models.detail_spec import DetailAmounts
from svfr.nets.detail_net import DetailSizes
from svfr.training.recipe.config import FolderName, checked, read_tables
from svfr.validation import (
    NotNegative,
    NotNegativeInt,
    Positive,
    PositiveInt,
    Strict,
    read_toml,
)

STAGE = "detail"


@dataclass(frozen=True, kw_only=True)
class BankConfig(Strict):
    """Samples that are made once and learnt from many times: the base model's pictures cost most of a step.

    ``clips`` of two frames, under ``damage``; after ``refill_steps`` steps they are others, 0: never.
    """

    clips: PositiveInt
    damage: str
    refill_steps: NotNegativeInt = 0


@dataclass(frozen=True, kw_only=True)
class DetailLosses(Strict):
    """Weights; see :mod:`svfr.training.detail.losses`. The adversarial ones grow over ``ramp_steps``."""

    pixel: NotNegative
    contrast: NotNegative
    adversarial: NotNegative
    features: NotNegative
    flicker: NotNegative
    ramp_steps: PositiveInt


@dataclass(frozen=True, kw_only=True)
class DetailOptimiser(Strict):
    """Adam for both networks; the network's rate falls linearly over the last ``cooldown_steps``."""

    steps: PositiveInt
    batch: PositiveInt
    crop_px: PositiveInt
    learning_rate: Positive
    discriminator_rate: Positive
    cooldown_steps: PositiveInt
    ema_decay: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class DetailConfig(Strict):
    """Everything that decides a run of the detail stage, beside the data and the base model.

    ``presets`` says how much of the detail each preset adds unless the job says so, 0 to 1. ``strength`` is
    how many times what was learnt the exported network adds at 1: losses that stay near the truth make it
    timid.
    """

    stage: Literal["detail"]
    name: FolderName
    seed: NotNegativeInt
    task_shares: Mapping[str, NotNegative]
    presets: DetailAmounts
    network: DetailSizes
    bank: BankConfig
    losses: DetailLosses
    strength: Positive = 1.0
    optimiser: DetailOptimiser
    save_every_steps: PositiveInt = 100
    log_every_steps: PositiveInt = 25


@cache
def _adapter() -> TypeAdapter[DetailConfig]:
    return TypeAdapter(DetailConfig)


def is_detail_recipe(path: Path) -> bool:
    """Return whether a recipe is one of the detail stage."""
    try:
        return read_toml(path.read_text(encoding="utf-8")).get("stage") == STAGE
    except (OSError, ValueError):
        return False


def read_detail_config(path: Path) -> DetailConfig:
    """Read a recipe; raises RecipeInvalid for every missing, unknown and impossible key, all at once."""
    return checked(_adapter(), read_tables(path), path)
