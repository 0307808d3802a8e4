"""The training recipe as data: one TOML file, read strictly."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the preview network. ``coefficients``: see :mod:`svfr.linear_patch`."""

    crop_px: int
    window: int
    overlap: int
    widths: tuple[int, ...]
    token_channels: int
    coefficients: tuple[int, ...]
    sigma_data: float
    sigma_min: float
    sigma_max: float


@dataclass(frozen=True)
class Phase:
    """A stretch of training steps.

    ``frames`` of each clip are seen at once (1: spatial parts only); ``noised_share`` of the samples are
    diffused, the rest start from the low-quality latent without noise, as the one-step preset does.
    ``damage`` names the source's set of degradations.
    """

    steps: int
    frames: int
    batch: int
    noised_share: float
    damage: str = "usual"


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with warm-up, a constant stretch and a linear cool-down over the last ``cooldown_steps``.

    The constant stretch can be lengthened after the fact without invalidating what was trained
    (Haegele et al. 2024, arXiv 2405.18392).
    """

    learning_rate: float
    betas: tuple[float, float]
    weight_decay: float
    warmup_steps: int
    cooldown_steps: int
    gradient_clip: float
    ema_decay: float


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, beside the data."""

    name: str
    seed: int
    task_shares: Mapping[str, float]
    reference_share: float
    own_reference_share: float
    network: NetworkConfig
    optimiser: OptimiserConfig
    phases: tuple[Phase, ...] = field(default=())

    @property
    def steps(self) -> int:
        """The number of optimiser steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step: int) -> Phase:
        """Return the phase that step ``step`` (from 0) belongs to."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of step ``step`` (from 0)."""
        optimiser = self.optimiser
        warmup = min(1.0, (step + 1) / optimiser.warmup_steps)
        cooldown = min(1.0, (self.steps - step) / optimiser.cooldown_steps)
        return optimiser.learning_rate * warmup * max(cooldown, 0.0)


def _build(kind: type[T], body: Mapping[str, Any], where: str) -> T:
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    missing, unknown = sorted(names - body.keys()), sorted(body.keys() - names)
    if missing or unknown:
        raise ValueError(f"{where}: missing {missing}, unknown {unknown}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in body.items()})


def read_config(path: Path) -> TrainConfig:
    """Read a recipe; raises ValueError naming every missing and unknown key of a table."""
    body = tomllib.loads(path.read_text(encoding="utf-8"))
    body["network"] = _build(NetworkConfig, body.get("network", {}), "[network]")
    body["optimiser"] = _build(OptimiserConfig, body.get("optimiser", {}), "[optimiser]")
    body["phases"] = tuple(_build(Phase, p, f"[[phases]] {i}") for i, p in enumerate(body.get("phases", [])))
    return _build(TrainConfig, body, str(path))
