"""The training recipe as data: one TOML file, read strictly.

A recipe trains the preview network (``[network]`` as in configs/mini.toml) or SVFR's own from Stable Video
Diffusion (``[network]`` with ``kind = "svd"``, as in configs/full.toml). SVFR's auxiliary losses are off
unless a recipe has a table ``[losses]``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from svfr.nets.identity import IdCrop
from svfr.training.errors import RecipeInvalid
from svfr.training.losses.facial_prior import FacialPriorConfig
from svfr.training.losses.unified_latent import UnifiedLatentConfig
from svfr.training.recipe.toml_table import read_table


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the preview network. ``coefficients``: see :mod:`svfr.nets.linear_patch`.

    ``hole_plane`` tells the network where the hole is: see :class:`svfr.models.spec.ModelSpec`; ``hole_fill``
    is how holes are filled before the network sees them. ``layers`` is the number of residual blocks of each
    width on the way down; the way up has one more. ``attention`` is in all blocks of the lowest resolution,
    or in the middle block alone.
    """

    crop_px: int
    window: int
    overlap: int
    widths: tuple[int, ...]
    token_channels: int
    coefficients: tuple[int, ...]
    sigma_data: float
    sigma_min: float
    sigma_max: float
    hole_plane: bool = False
    hole_fill: Literal["telea", "blend"] = "telea"
    layers: tuple[int, ...] | int = 1
    attention: Literal["lowest", "middle"] = "lowest"


@dataclass(frozen=True)
class SvdNetworkConfig:
    """SVFR's network, grown from the Stable Video Diffusion folder that the run is given.

    ``identity`` "iresnet100" trains a projection of frozen ArcFace features, as published; "none" trains
    without identity tokens. ``id_crop``: see :class:`svfr.models.spec.IdentitySpec`.
    """

    kind: Literal["svd"]
    crop_px: int
    window: int
    overlap: int
    identity: Literal["iresnet100", "none"]
    id_crop: IdCrop


@dataclass(frozen=True)
class NoiseConfig:
    """Noise levels of the published noise loss: ``ln sigma`` is normal (Karras et al. 2022, table 1)."""

    log_sigma_mean: float
    log_sigma_std: float


@dataclass(frozen=True)
class LossWeights:
    """The recipe's table ``[losses]``; the defaults are SVFR's (section 4, lambda 1 and lambda 2)."""

    noise: float = 1.0
    unified_latent: float = 0.01
    facial_prior: float = 0.1

    def __post_init__(self) -> None:
        if min(self.noise, self.unified_latent, self.facial_prior) < 0.0:
            raise ValueError("weights of losses must not be negative")


NOISE_ALONE = LossWeights(1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Phase:
    """A stretch of training steps.

    ``frames`` of each clip are seen at once (1: spatial parts only, for the preview network); ``batch``
    samples a step and process, of ``batch / tasks_per_clip`` clips; ``noised_share`` of the samples are
    diffused, the rest start from the low-quality latent without noise, as the one-step preset does.
    ``damage`` names the source's set of degradations, ``faded_colour_share`` of the clips have little colour.
    """

    steps: int
    frames: int
    batch: int
    noised_share: float
    damage: str = "usual"
    tasks_per_clip: int = 1
    faded_colour_share: float = 0.0

    def __post_init__(self) -> None:
        if min(self.steps, self.frames, self.batch, self.tasks_per_clip) < 1:
            raise ValueError("steps, frames, batch and tasks_per_clip must be positive")
        if self.batch % self.tasks_per_clip:
            raise ValueError(f"batch {self.batch} is no multiple of tasks_per_clip {self.tasks_per_clip}")


@dataclass(frozen=True)
class OptimiserConfig:
    """Warm-up, a constant stretch, and a linear cool-down over the last ``cooldown_steps``.

    ``kind`` "adamw", or "muon" (:mod:`svfr.training.loop.muon`) with ``momentum`` for the matrices and AdamW
    with ``betas`` for everything else. The constant stretch can be lengthened after the fact without
    invalidating what was trained (Haegele et al. 2024, arXiv 2405.18392). ``accumulate`` batches make one
    step.
    """

    learning_rate: float
    betas: tuple[float, float]
    weight_decay: float
    warmup_steps: int
    cooldown_steps: int
    gradient_clip: float
    ema_decay: float
    accumulate: int = 1
    kind: Literal["adamw", "muon"] = "adamw"
    momentum: float = 0.95


@dataclass(frozen=True)
class RunConfig:
    """The recipe's table ``[run]``: what decides memory, speed and what is written, not what is learned.

    ``precision`` "auto" computes the networks in bfloat16 where the machine has it natively, else in float32;
    weights and optimiser stay float32. ``sheet_every_steps`` 0 writes no validation sheets.
    """

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    gradient_checkpointing: bool = False
    save_every_steps: int = 500
    log_every_steps: int = 50
    sheet_every_steps: int = 0

    def __post_init__(self) -> None:
        if self.save_every_steps < 1 or self.log_every_steps < 1 or self.sheet_every_steps < 0:
            raise ValueError(
                "save_every_steps and log_every_steps must be positive, sheet_every_steps not negative"
            )


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, beside the data."""

    name: str
    seed: int
    task_shares: Mapping[str, float]
    reference_share: float
    own_reference_share: float
    network: NetworkConfig | SvdNetworkConfig
    optimiser: OptimiserConfig
    phases: tuple[Phase, ...] = field(default=())
    noise: NoiseConfig | None = None
    losses: LossWeights = NOISE_ALONE
    unified_latent: UnifiedLatentConfig | None = None
    facial_prior: FacialPriorConfig | None = None
    run: RunConfig = RunConfig()

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


_TABLES: Mapping[str, type] = {
    "optimiser": OptimiserConfig,
    "noise": NoiseConfig,
    "losses": LossWeights,
    "unified_latent": UnifiedLatentConfig,
    "facial_prior": FacialPriorConfig,
    "run": RunConfig,
}


def read_config(path: Path) -> TrainConfig:
    """Read a recipe; raises RecipeInvalid naming every missing and unknown key of a table."""
    try:
        body: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        text = f"The recipe cannot be read: {error}."
        raise RecipeInvalid(text, path=path, remedy="Start from a copy of a packaged recipe.") from error
    network = body.get("network", {})
    is_svd = isinstance(network, Mapping) and network.get("kind") == "svd"
    body["network"] = read_table(SvdNetworkConfig if is_svd else NetworkConfig, network, "[network]")
    for name, kind in _TABLES.items():
        if name in body or name == "optimiser":
            body[name] = read_table(kind, body.get(name, {}), f"[{name}]")
    phases = enumerate(body.get("phases", []))
    body["phases"] = tuple(read_table(Phase, phase, f"[[phases]] {i}") for i, phase in phases)
    config = read_table(TrainConfig, body, str(path))
    if problems := contradictions(config):
        raise RecipeInvalid(f"{path}: {'; '.join(problems)}.", remedy="Mend the recipe.")
    return config


def contradictions(config: TrainConfig) -> list[str]:
    """Return what cannot be true together in a recipe that is well formed."""
    losses, svd = config.losses, isinstance(config.network, SvdNetworkConfig)
    pairs = all(phase.tasks_per_clip > 1 for phase in config.phases)
    claims = [
        (bool(config.phases), "there must be at least one of [[phases]]"),
        (not losses.unified_latent or config.unified_latent, "the loss unified_latent needs its table"),
        (not losses.unified_latent or pairs, "the loss unified_latent needs tasks_per_clip of 2 or more"),
        (not losses.facial_prior or config.facial_prior, "the loss facial_prior needs its table"),
        (not svd or config.noise, "an svd network needs the table noise"),
        (svd or not config.noise, "the table noise is for svd networks: others draw their own levels"),
        # single frames skip the temporal parts, which recomputing them would not know
        (svd or not config.run.gradient_checkpointing, "gradient_checkpointing is for svd networks"),
        (not svd or not config.own_reference_share, "own_reference_share must be 0 for an svd network"),
        (
            not svd or all(phase.noised_share == 1.0 for phase in config.phases),
            "noised_share must be 1 for an svd network",
        ),
    ]
    return [message for holds, message in claims if not holds]
