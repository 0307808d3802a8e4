"""The recipes of damage that a training recipe may name."""

from collections.abc import Mapping
from types import MappingProxyType

from svfr_lab.degradations import TRAINING, TRAINING_WIDE, DamageRecipe

DAMAGES: Mapping[str, DamageRecipe] = MappingProxyType({"usual": TRAINING, "wide": TRAINING_WIDE})
