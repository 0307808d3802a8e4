"""Cancelling shots, whatever engine has them: a mark beside the plan, which every task looks for.

A task that runs sees the mark within seconds and ends as cancelled, with what it has done kept; one that
starts later ends before it computes. So an engine that cannot be asked from here only starts tasks that end
at once. Slurm can be asked, and its waiting jobs go too. Submitting a shot again takes the mark away.
"""

from __future__ import annotations

from collections.abc import Callable

from svfr_client.errors import SvfrError, raise_problems
from svfr_farm.cancel_mark import mark_cancelled
from svfr_farm.engines.commands import unfinished
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.ledger import Submission

# What is left to do in engines that nothing here can talk to.
IN_WORDS = {
    "openjd": "its session ends with its running task. On AWS Deadline Cloud cancel the job there too",
    "opencue": "running tasks end by themselves. Kill the job in CueGUI or with cueadmin, so that no other "
    "task starts",
    "deadline10": "running tasks end by themselves. Delete or suspend the three jobs in the Deadline Monitor",
    "flamenco": "running tasks end by themselves. Cancel the job in Flamenco's web page",
}


def cancel(submission: Submission, program: tuple[str, ...], notify: Callable[[str], None]) -> int:
    """Cancel every shot that an engine has and that is not done; ``notify`` gets a line of each shot.

    Returns how many that were. Raises EngineIsMissing and EngineRefused when Slurm cannot be asked; the
    marks are there all the same; then PlanIsBad and LedgerIsBad of the shots that cannot be read.
    """
    slurm = SlurmEngine(program)
    ids: list[str] = []
    count = 0
    plans, problems = submission.sound_plans()
    for entry, file in plans:
        try:
            handover = submission.handover(entry)
        except SvfrError as problem:
            problems.append(problem)
            continue
        if handover is None:
            notify(f"{entry.shot}: was not submitted")
            continue
        if not unfinished(file).count:
            notify(f"{entry.shot}: is done already")
            continue
        count += 1
        mark_cancelled(file)
        if handover.engine == "slurm":
            ids += handover.ids or slurm.find(file)
        words = IN_WORDS.get(handover.engine, "its tasks end at their next step")
        notify(f"{entry.shot}: cancelled, with {handover.engine}: {words}")
    if ids:
        slurm.cancel_all(ids)
    raise_problems(problems)
    return count
