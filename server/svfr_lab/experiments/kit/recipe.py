"""The small recipe that experiments train by: seconds instead of hours, the same code.

48 px, single frames, 2.4 million weights: on one core a step of sixteen faces takes an eighth of a second,
so that minutes give each arm of a comparison hundreds of steps. The temporal parts stay the identity they
start as. The learning rate is constant, since nobody knows beforehand how many steps fit in.
"""

from __future__ import annotations

from pathlib import Path

from svfr.training.losses.facial_prior import FacialPriorConfig
from svfr.training.losses.unified_latent import UnifiedLatentConfig
from svfr.training.recipe.config import (
    NetworkConfig,
    OptimiserConfig,
    Phase,
    PreviewRecipe,
    RunConfig,
)
from svfr_client.vocabulary import TASKS
from svfr_lab.heads.dataset import open_rendered_folder

CROP_PX = 48
FRAMES = 4
"""Frames of a clip: training draws single ones, and measuring restores all."""

# More than any budget allows: a run ends when its time is over.
_ENDLESS_STEPS = 10**7

PHASE = Phase(steps=_ENDLESS_STEPS, frames=1, batch=16, noised_share=0.0, tasks_per_clip=2)

BASE = PreviewRecipe(
    name="lab",
    seed=1,
    task_shares={task: 1.0 for task in TASKS},
    reference_share=0.5,
    own_reference_share=0.5,
    network=NetworkConfig(
        crop_px=CROP_PX,
        window=FRAMES,
        overlap=1,
        # group norm with 32 groups: 32 channels alone would hide the task from the network
        widths=(32, 64, 64),
        token_channels=32,
        # as mini: the sixteen coefficients that hold most of a face
        coefficients=(0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 17, 20, 32, 33, 36),
        sigma_data=0.5,
        sigma_min=0.05,
        sigma_max=20.0,
    ),
    optimiser=OptimiserConfig(
        learning_rate=1e-3,
        betas=(0.9, 0.99),
        weight_decay=1e-3,
        warmup_steps=10,
        cooldown_steps=1,
        gradient_clip=1.0,
        # short, so that a run of twenty steps is not mostly what it started as
        ema_decay=0.9,
    ),
    phases=(PHASE,),
    # in float32 the steps of one machine are those of another, and at this size bfloat16 is no faster
    run=RunConfig(precision="float32", save_every_steps=_ENDLESS_STEPS, log_every_steps=10),
)

UNIFIED_LATENT = UnifiedLatentConfig(
    denominator="negatives", temperature=0.07, queue=256, width=64, layers=1, heads=4, embedding=64
)
"""As configs/full.toml, with a transformer and a queue of this network's size."""


def facial_prior(landmarks: int) -> FacialPriorConfig:
    """Return the loss for clips with so many landmarks; constants as in configs/full.toml."""
    return FacialPriorConfig(
        landmarks=landmarks, width=64, units_per_side=64.0, wing_width=10.0, wing_curvature=2.0
    )


def landmarks_of(clips: Path) -> int:
    """Return how many landmarks the facial prior can learn from a rendered folder: 68, or 5 in old ones."""
    return 5 if open_rendered_folder(clips).landmarks68_px is None else 68


def seeds_for(budget_s: float) -> int:
    """Return how many times everything is trained: from four minutes on twice, from a quarter hour thrice."""
    return 1 + (budget_s >= 240.0) + (budget_s >= 900.0)


def from_seeds(seeds: int) -> str:
    """Return how a paragraph says so."""
    return "from one seed" if seeds == 1 else f"from each of {seeds} seeds"
