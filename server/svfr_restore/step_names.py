"""How checkpoints of a walk through the noise levels are named: what both kinds of stores must agree on."""

from __future__ import annotations

import re
from typing import NamedTuple

# The one tensor of a checkpoint's safetensors file.
TENSOR_KEY = "value"
_STEP = re.compile(r"(.*/step)(\d+)\Z")


class StepName(NamedTuple):
    """The name of a denoise step's latents, ``pass1/step0003``."""

    walk: str
    step: int
    digits: int

    @classmethod
    def read(cls, name: str) -> StepName | None:
        """Return a checkpoint's name in its parts; None where it is not that of a step."""
        found = _STEP.match(name)
        return None if found is None else cls(found[1], int(found[2]), len(found[2]))

    def before(self) -> str | None:
        """Return the name of the step before, not needed once this one is kept; None for the first."""
        return f"{self.walk}{self.step - 1:0{self.digits}d}" if self.step else None
