"""Whether a batch is what the recipe asks for, said before the networks fail over it in their own words."""

from __future__ import annotations

from svfr.training.batches import ClipBatch
from svfr.training.errors import TrainingDataUnusable
from svfr.training.recipe.config import NetworkConfig, Phase, Recipe

_POINTED = (5, 68)


def check_batch(batch: ClipBatch, config: Recipe, phase: Phase, needs_reference_landmarks: bool) -> None:
    """Raise TrainingDataUnusable naming what is wrong with the clips."""
    side = config.network.crop_px
    plane = isinstance(config.network, NetworkConfig) and config.network.hole_plane
    for name, clips, planes in (("clean", batch.clean, 3), ("damaged", batch.low_quality, 3 + plane)):
        expected = (phase.batch, phase.frames, planes, side, side)
        if tuple(clips.shape) != expected:
            raise TrainingDataUnusable(
                f"The {name} clips have the shape {tuple(clips.shape)}, the recipe asks for {expected}.",
                remedy="Use clips of the recipe's crop_px and at least its frames, or change the recipe.",
            )
    prior = config.facial_prior if config.losses.facial_prior else None
    if prior is not None and batch.landmarks is not None and batch.landmarks.shape[2] != prior.landmarks:
        raise TrainingDataUnusable(
            f"The clips have {batch.landmarks.shape[2]} landmarks, [facial_prior] asks for "
            f"{prior.landmarks}.",
            remedy="Change landmarks in the recipe, or use clips with as many.",
        )
    points = batch.reference_landmarks
    if needs_reference_landmarks and points is not None and points.shape[1] not in _POINTED:
        raise TrainingDataUnusable(
            f"The identity encoder cuts faces by 5 points, which {points.shape[1]} landmarks do not tell.",
            remedy='Use clips with 5 or 68 landmarks, or set identity = "none".',
        )
