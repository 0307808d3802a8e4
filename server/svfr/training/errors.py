"""What can keep a training run from going on, each with what to do about it."""

from __future__ import annotations

from svfr_client.errors import SvfrError


class RecipeInvalid(SvfrError, ValueError):
    """A training recipe cannot be read, or asks for things that cannot be true together."""

    code = "TRAINING_RECIPE_INVALID"


class TrainingDataUnusable(SvfrError):
    """The clips are not of the size, length or kind that the recipe asks for."""

    code = "TRAINING_DATA_UNUSABLE"


class TrainingDiverged(SvfrError):
    """The loss is no longer a finite number."""

    code = "TRAINING_DIVERGED"


class TrainingPartMissing(SvfrError):
    """A recipe needs weights or a library that were not given."""

    code = "TRAINING_PART_MISSING"


class StartUnusable(SvfrError):
    """A run was to start from a model that its recipe's network cannot take over."""

    code = "START_UNUSABLE"
