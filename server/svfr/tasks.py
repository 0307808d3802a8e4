"""The three restoration tasks and the form in which the network is told of them.

SVFR embeds the task set as three bits, gamma = [bfr, colorize, inpaint] in {0, 1}^3, through the UNet's
``added_time_ids`` (SVFR section 3.2; inference code, ``added_time_ids`` of three values).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from svfr.errors import UnknownTask
from svfr_client.vocabulary import TASKS, Task


@dataclass(frozen=True)
class TaskSet:
    """What a job asks for; at least one task, in any combination."""

    bfr: bool = False
    colorize: bool = False
    inpaint: bool = False

    def __post_init__(self) -> None:
        if not (self.bfr or self.colorize or self.inpaint):
            raise UnknownTask("No task was chosen.", remedy=f"Choose at least one of {', '.join(TASKS)}.")

    @classmethod
    def of(cls, names: Iterable[str]) -> TaskSet:
        """Return the set of the given task names; repeated names count once, UnknownTask names all others."""
        asked = list(names)
        unknown = sorted({ascii(name)[:60] for name in asked if name not in TASKS})
        if unknown:
            raise UnknownTask(
                f"Unknown task {', '.join(unknown)}.",
                remedy=f"The tasks are {', '.join(TASKS)}.",
            )
        return cls(*(name in asked for name in TASKS))

    @classmethod
    def from_bits(cls, bits: Iterable[int]) -> TaskSet:
        """Return the set of three 0/1 values in the order bfr, colorize, inpaint."""
        values = list(bits)
        if len(values) != len(TASKS) or any(v not in (0, 1) for v in values):
            raise UnknownTask(f"Task bits must be three values of 0 or 1, not {values}.")
        return cls(*(bool(v) for v in values))

    @property
    def bits(self) -> tuple[int, int, int]:
        """The 0/1 values in the order bfr, colorize, inpaint."""
        return int(self.bfr), int(self.colorize), int(self.inpaint)

    @property
    def names(self) -> tuple[Task, ...]:
        """The names of the chosen tasks, in the fixed order."""
        return tuple(name for name, bit in zip(TASKS, self.bits, strict=True) if bit)

    def added_time_ids(self) -> torch.Tensor:
        """Return the UNet's third conditioning input, (1, 3) float32."""
        return torch.tensor([self.bits], dtype=torch.float32)
