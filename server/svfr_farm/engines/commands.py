"""The commands that every engine runs, and which of them a plan still needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step, read_state

STEPS: tuple[Step, ...] = ("reference", "segment", "assemble")
EngineName = Literal["local", "openjd", "slurm", "opencue", "deadline10", "flamenco"]


def own_program() -> tuple[str, ...]:
    """Return the command of this very installation: right where the farm shares its folder."""
    return (sys.executable, "-m", "svfr_cli.main")


def task_command(program: Sequence[str], file: PlanFile, step: Step) -> list[str]:
    """Return the command of a step; a segment's index is added by the engine, after ``--index``."""
    return [*program, "farm", step, "--plan", str(file.path)]


@dataclass(frozen=True)
class Wanted:
    """The tasks of one plan that are still to do."""

    reference: bool
    segments: tuple[int, ...]
    assemble: bool

    @property
    def count(self) -> int:
        """How many tasks they are."""
        return self.reference + len(self.segments) + self.assemble


def everything(file: PlanFile) -> Wanted:
    """Return all tasks of a plan."""
    return Wanted(True, tuple(range(len(file.plan.segments))), True)


def unfinished(file: PlanFile) -> Wanted:
    """Return the tasks that did not end well, and those that come after one of them."""
    reference = not _is_done(file, "reference", 0)
    indices = range(len(file.plan.segments))
    segments = tuple(i for i in indices if reference or not _is_done(file, "segment", i))
    return Wanted(reference, segments, bool(segments) or not _is_done(file, "assemble", 0))


def _is_done(file: PlanFile, step: Step, index: int) -> bool:
    state = read_state(file, step, index)
    return state is not None and state.state == "done" and state.plan_sha256 == file.sha256
