"""What a user types to go on, with the list's own name: the end of every remedy of a farm's task.

The ledger above a plan's folder knows the list that it was planned from, and the handover beside the plan its
engine. Where neither is there, as on a machine that was sent the plan alone, the command is general.
"""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

from svfr_client.errors import SeveralProblems, SvfrError, each_of
from svfr_farm.errors import ModelIsNotThePlans
from svfr_farm.ledger import LedgerShot, Submission
from svfr_farm.plan import PlanFile
from svfr_farm.shot_list import by_column

_ONLY_FAILED = "--only-failed"
_OF_THE_FARM = "FARM_"  # how codes begin that no row of the list decides


def plan_command(shot_list: Path | str, work: Path | None = None) -> str:
    """Return the command that plans a list again."""
    return _command("plan", shot_list, work, [])


def submit_command(
    shot_list: Path | str, work: Path | None = None, engine: str | None = None, *, only_failed: bool = True
) -> str:
    """Return the command that hands over what did not end well, or else what was not yet handed over."""
    options = ["--engine", engine] if engine else []
    return _command("submit", shot_list, work, [*options, *([_ONLY_FAILED] if only_failed else [])])


def status_command(shot_list: Path | str, work: Path | None = None, *, live: bool = False) -> str:
    """Return the command that shows how the shots stand, until they have ended where it is ``live``."""
    return _command("status", shot_list, work, ["--live"] if live else [])


def _command(verb: str, shot_list: Path | str, work: Path | None, options: list[str]) -> str:
    words = [str(shot_list), *(["--work", str(work)] if work else []), *options]
    return f"svfr farm {verb} {shlex.join(words)}"


def leading_on(file: PlanFile, problem: SvfrError) -> SvfrError:
    """Return a task's problem with the shot's command at the end of each remedy, as it can be typed.

    What the shot is made of may be gone for good: its problems say too how the shot is planned without it.
    """
    shot_list, work, engine = _origin(file)
    again, plan = submit_command(shot_list, work, engine), plan_command(shot_list, work)
    found = [_leading_on(one, again, plan) for one in each_of(problem)]
    return found[0] if len(found) == 1 else SeveralProblems(found)


def _leading_on(problem: SvfrError, again: str, plan: str) -> SvfrError:
    is_of_farm = problem.code.startswith(_OF_THE_FARM) and problem.code != ModelIsNotThePlans.code
    remedy = by_column(problem)
    words = [remedy, f"Then: {again}"] if remedy else [f"When that is put right: {again}"]
    if not is_of_farm:
        words.append(f"(After a change of its row, or to do without what is gone, first: {plan})")
    problem.remedy = " ".join(words)
    return problem


def _origin(file: PlanFile) -> tuple[str, Path | None, str | None]:
    """Return the list of a plan, its work folder where that is not the usual one, and its engine."""
    folder = file.folder.parents[2] if len(file.folder.parents) > 2 else file.folder
    submission = Submission(folder)
    shot_list, engine = "", None
    with contextlib.suppress(SvfrError):
        shot_list = submission.shot_list()
        entry = LedgerShot(shot=file.plan.shot, asked_sha256="", plan_sha256=file.sha256)
        handover = submission.handover(entry)
        engine = None if handover is None else handover.engine
    if not shot_list:
        return "SHOTS.csv", None, engine
    return shot_list, submission.work_of(Path(shot_list)), engine
