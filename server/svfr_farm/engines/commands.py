"""The commands that every engine runs, and which of them a plan still needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from svfr_farm.errors import EngineRefused
from svfr_farm.frames_there import missing_frames
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


def indexed_command(program: Sequence[str], file: PlanFile, step: Step, index: int) -> list[str]:
    """Return the command of one task, a segment's with its index."""
    return [*task_command(program, file, step), *(["--index", str(index)] if step == "segment" else [])]


# What an engine takes for its own in a path or a command, or cannot write down.
_NOT_CARRIED: dict[str, tuple[str, ...]] = {
    "slurm": ("\\",),
    "openjd": ("{{", "}}"),
    "opencue": ("#",),
    "deadline10": ('"', "<", ">"),
    "flamenco": ("{", "}"),
}


def require_carried(engine: str, file: PlanFile, program: Sequence[str]) -> None:
    """Raise EngineRefused for a path or program that would reach a task as something else.

    The engine ``local`` starts processes and carries anything.
    """
    if engine == "local":
        return
    for text in (str(file.path), *program):
        wrong = [part for part in _NOT_CARRIED.get(engine, ()) if part in text]
        wrong += [repr(letter) for letter in text if not letter.isprintable()]
        if wrong:
            raise EngineRefused(
                f"{engine} cannot carry {', '.join(dict.fromkeys(wrong))} in a path or command.",
                path=file.path,
                remedy="Give a plain folder with --work, and a plain command with --program.",
            )


@dataclass(frozen=True)
class Wanted:
    """The tasks of one plan that are still to do."""

    reference: bool
    segments: tuple[int, ...]
    assemble: bool

    @property
    def tasks(self) -> list[tuple[Step, int]]:
        """Each of them, by step and index, in order."""
        found: list[tuple[Step, int]] = [("reference", 0)] if self.reference else []
        found += [("segment", index) for index in self.segments]
        return [*found, ("assemble", 0)] if self.assemble else found

    @property
    def steps(self) -> list[Step]:
        """The steps that have tasks, in order."""
        found = {step for step, _ in self.tasks}
        return [step for step in STEPS if step in found]

    @property
    def count(self) -> int:
        """How many tasks they are."""
        return len(self.tasks)


def everything(file: PlanFile) -> Wanted:
    """Return all tasks of a plan."""
    return Wanted(True, tuple(range(len(file.plan.segments))), True)


def unfinished(file: PlanFile) -> Wanted:
    """Return the tasks that did not end well or whose results are gone, and those that come after them."""
    reference = not (_is_done(file, "reference", 0) and file.reference_path.is_file())
    indices = range(len(file.plan.segments))
    segments = tuple(
        i
        for i in indices
        if reference or not (_is_done(file, "segment", i) and file.segment_path(i).is_file())
    )
    is_assembled = not segments and _is_done(file, "assemble", 0) and not missing_frames(file)
    return Wanted(reference, segments, not is_assembled)


def _is_done(file: PlanFile, step: Step, index: int) -> bool:
    state = read_state(file, step, index)
    return state is not None and state.state == "done" and state.plan_sha256 == file.sha256
