"""The training recipe as data: one TOML file, read strictly.

A recipe trains the preview network (:class:`PreviewRecipe`, as configs/mini.toml) or SVFR's own from Stable
Video Diffusion (:class:`SvdRecipe`: ``[network]`` with ``kind = "svd"``, as configs/full.toml). SVFR's
auxiliary losses are off unless a recipe has a table ``[losses]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from svfr.models.attenuation_spec import Attenuation
from svfr.models.framing_spec import Framing
from svfr.nets.identity import IdCrop
from svfr.training.errors import RecipeInvalid
from svfr.training.losses.facial_prior import FacialPriorConfig
from svfr.training.losses.unified_latent import UnifiedLatentConfig
from svfr.validation import (
    SCHEMA_DIALECT,
    Finite,
    NotNegative,
    NotNegativeInt,
    Positive,
    PositiveInt,
    Strict,
    read_strictly,
    read_toml,
    sentences_of,
)
from svfr_client.reasons import reason_of

Share = Annotated[float, Field(ge=0, le=1)]


def _names_a_folder(name: str) -> str:
    if not name or name.startswith(".") or any(character in name for character in "/\\:\0"):
        raise ValueError("must be a name for the folder that the model is written to")
    return name


FolderName = Annotated[str, Field(max_length=100), AfterValidator(_names_a_folder)]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Strict):
    """Sizes of the preview network. ``coefficients``: see :mod:`svfr.nets.linear_patch`.

    ``hole_plane`` tells the network where the hole is: see :class:`svfr.models.spec.ModelSpec`; ``hole_fill``
    is how holes are filled before the network sees them. ``layers`` is the number of residual blocks of each
    width on the way down; the way up has one more. ``attention`` is in all blocks of the lowest resolution,
    or in the middle block alone. ``attenuation``: see :mod:`svfr.sampling.attenuation`,
    ``colour_framing`` :mod:`svfr.models.framing_spec`, and ``largest_crop_px``
    :class:`svfr.models.spec.Preset`, of all presets but draft; training knows nothing of them.
    """

    crop_px: PositiveInt
    window: PositiveInt
    overlap: NotNegativeInt
    widths: tuple[PositiveInt, ...]
    token_channels: PositiveInt
    coefficients: tuple[NotNegativeInt, ...]
    sigma_data: Positive
    sigma_min: Positive
    sigma_max: Positive
    kind: Literal["preview"] = "preview"
    hole_plane: bool = False
    hole_fill: Literal["telea", "blend"] = "telea"
    layers: tuple[PositiveInt, ...] | PositiveInt = 1
    attention: Literal["lowest", "middle"] = "lowest"
    attenuation: Attenuation | None = None
    colour_framing: Framing | None = None
    largest_crop_px: PositiveInt | None = None


@dataclass(frozen=True, kw_only=True)
class SvdNetworkConfig(Strict):
    """SVFR's network, grown from the Stable Video Diffusion folder that the run is given.

    ``identity`` "iresnet100" trains a projection of frozen ArcFace features, as published; "none" trains
    without identity tokens. ``id_crop``: see :class:`svfr.models.spec.ArcFaceSpec`.
    """

    kind: Literal["svd"] = "svd"
    crop_px: PositiveInt
    window: PositiveInt
    overlap: NotNegativeInt
    identity: Literal["iresnet100", "none"]
    id_crop: IdCrop


@dataclass(frozen=True)
class NoiseConfig(Strict):
    """Noise levels of the published noise loss: ``ln sigma`` is normal (Karras et al. 2022, table 1)."""

    log_sigma_mean: Finite
    log_sigma_std: Positive


@dataclass(frozen=True)
class LossWeights(Strict):
    """The recipe's table ``[losses]``; the defaults are SVFR's (section 4, lambda 1 and lambda 2)."""

    noise: NotNegative = 1.0
    unified_latent: NotNegative = 0.01
    facial_prior: NotNegative = 0.1


NOISE_ALONE = LossWeights(1.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Phase(Strict):
    """A stretch of training steps.

    ``frames`` of each clip are seen at once (1: spatial parts only, for the preview network); ``batch``
    samples a step and process, of ``batch / tasks_per_clip`` clips; ``noised_share`` of the samples are
    diffused, the rest start from the low-quality latent without noise, as the one-step preset does.
    ``damage`` names the source's set of degradations, ``faded_colour_share`` of the clips have little colour.
    """

    steps: PositiveInt
    frames: PositiveInt
    batch: PositiveInt
    noised_share: Share
    damage: str = "usual"
    tasks_per_clip: PositiveInt = 1
    faded_colour_share: Share = 0.0

    def __post_init__(self) -> None:
        if self.batch % self.tasks_per_clip:
            raise ValueError(f"batch {self.batch} is no multiple of tasks_per_clip {self.tasks_per_clip}")


@dataclass(frozen=True, kw_only=True)
class SvdPhase(Phase):
    """A stretch of training steps from Stable Video Diffusion: every sample is diffused."""

    noised_share: Annotated[float, Field(ge=1, le=1)]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig(Strict):
    """Warm-up, a constant stretch, and a linear cool-down over the last ``cooldown_steps``.

    ``kind`` "adamw", or "muon" (:mod:`svfr.training.loop.muon`) with ``momentum`` for the matrices and AdamW
    with ``betas`` for everything else. The constant stretch can be lengthened after the fact without
    invalidating what was trained (Haegele et al. 2024, arXiv 2405.18392). ``accumulate`` batches make one
    step.
    """

    learning_rate: Positive
    betas: tuple[Share, Share]
    weight_decay: NotNegative
    warmup_steps: PositiveInt
    cooldown_steps: PositiveInt
    gradient_clip: Positive
    ema_decay: Share
    accumulate: PositiveInt = 1
    kind: Literal["adamw", "muon"] = "adamw"
    momentum: Share = 0.95


@dataclass(frozen=True, kw_only=True)
class RunConfig(Strict):
    """The recipe's table ``[run]``: what decides memory, speed and what is written, not what is learned.

    ``precision`` "auto" computes the networks in bfloat16 where the machine has it natively, else in float32;
    weights and optimiser stay float32. ``sheet_every_steps`` 0 writes no validation sheets.
    """

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    save_every_steps: PositiveInt = 500
    log_every_steps: PositiveInt = 50
    sheet_every_steps: NotNegativeInt = 0


@dataclass(frozen=True, kw_only=True)
class SvdRunConfig(RunConfig):
    """The table ``[run]`` of a recipe from Stable Video Diffusion, whose activations can be computed twice.

    The preview network's cannot: single frames skip its temporal parts, which recomputing would not know.
    """

    gradient_checkpointing: bool = False


@dataclass(frozen=True, kw_only=True)
class _Recipe(Strict):
    """Everything that decides a training run, beside the data, whatever the network."""

    name: FolderName
    seed: NotNegativeInt
    task_shares: Mapping[str, NotNegative]
    reference_share: Share
    optimiser: OptimiserConfig
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    losses: LossWeights = NOISE_ALONE
    unified_latent: UnifiedLatentConfig | None = None
    facial_prior: FacialPriorConfig | None = None

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


@dataclass(frozen=True, kw_only=True)
class PreviewRecipe(_Recipe):
    """A run of the preview network; ``own_reference_share`` of its references are its own first pass."""

    network: NetworkConfig
    own_reference_share: Share
    run: RunConfig = RunConfig()


@dataclass(frozen=True, kw_only=True)
class SvdRecipe(_Recipe):
    """A run from Stable Video Diffusion, with clean frames as references: an own first pass costs much."""

    network: SvdNetworkConfig
    noise: NoiseConfig
    own_reference_share: Annotated[float, Field(ge=0, le=0)] = 0.0
    phases: Annotated[tuple[SvdPhase, ...], Field(min_length=1)]
    run: SvdRunConfig = SvdRunConfig()


Recipe: TypeAlias = PreviewRecipe | SvdRecipe


@cache
def _adapter(kind: type[PreviewRecipe] | type[SvdRecipe]) -> TypeAdapter[Recipe]:
    return TypeAdapter(kind)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; raises RecipeInvalid for every missing, unknown and impossible key, all at once."""
    body = read_tables(path)
    network = body.get("network")
    is_svd = isinstance(network, Mapping) and network.get("kind") == "svd"
    recipe = checked(_adapter(SvdRecipe if is_svd else PreviewRecipe), body, path)
    if problems := contradictions(recipe):
        raise _invalid(path, problems)
    return recipe


def read_tables(path: Path) -> dict[str, Any]:
    """Return what a recipe's file holds, unchecked; raises RecipeInvalid when it is no TOML, or boundless."""
    try:
        return read_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        text = f"The recipe cannot be read: {reason_of(error)}."
        raise RecipeInvalid(text, path=path, remedy="Start from a copy of a packaged recipe.") from error


def checked(adapter: TypeAdapter[T], body: dict[str, Any], path: Path) -> T:
    """Return the recipe that the tables of ``path`` describe; raises RecipeInvalid of all their mistakes."""
    try:
        return read_strictly(adapter, body)
    except ValidationError as error:
        raise _invalid(path, sentences_of(error, body)) from error


def _invalid(path: Path, problems: list[str]) -> RecipeInvalid:
    return RecipeInvalid(f"The recipe is not valid: {'; '.join(problems)}.", path=path, remedy="Fix it.")


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipes, for editors of TOML."""
    either: TypeAdapter[Recipe] = TypeAdapter(Recipe)
    return {"$schema": SCHEMA_DIALECT, "title": "training recipe", **either.json_schema()}


def contradictions(recipe: Recipe) -> list[str]:
    """Return what cannot be true together in a recipe that is well formed."""
    losses = recipe.losses
    pairs = all(phase.tasks_per_clip > 1 for phase in recipe.phases)
    claims = [
        (not losses.unified_latent or recipe.unified_latent, "the loss unified_latent needs its table"),
        (not losses.unified_latent or pairs, "the loss unified_latent needs tasks_per_clip of 2 or more"),
        (not losses.facial_prior or recipe.facial_prior, "the loss facial_prior needs its table"),
    ]
    return [message for holds, message in claims if not holds]
