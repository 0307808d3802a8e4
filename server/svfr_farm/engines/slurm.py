"""Slurm: a job for the reference, an array for the segments, a job for the assembly, tied by ``afterok``.

A node that dies has its task queued again and run elsewhere (``--requeue``). Scripts are the same for every
shot and hold no value: the command comes as their arguments. What a task wrote is the truth, not what Slurm
says of it, since without an accounting database Slurm forgets.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.files import make_folder, write_whole
from svfr_client.reasons import reason_of
from svfr_farm.engines.commands import STEPS, Wanted, task_command
from svfr_farm.engines.priority import LOWEST
from svfr_farm.errors import EngineIsMissing, EngineRefused
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step

# The command is the script's arguments. exec: a signal reaches the task itself, and no shell outlives it.
SCRIPT = '#!/bin/sh\nexec "$@"\n'
ARRAY_SCRIPT = '#!/bin/sh\nexec "$@" --index "$SLURM_ARRAY_TASK_ID"\n'
_ID_OF: dict[Step, str] = {"reference": "REFERENCE", "segment": "SEGMENTS", "assemble": "ASSEMBLY"}
_WAIT_S = 60.0
_CANCELLED_AT_ONCE = 500


class SlurmEngine:
    """Submits plans by ``sbatch``. ``options`` are a studio's own, such as ``--partition=render``.

    ``highest`` is the highest priority of the list: shots below it get that much ``--nice``, since Slurm
    lets everybody put jobs back and only its operators put them forward.
    """

    def __init__(self, program: Sequence[str], options: Sequence[str] = (), highest: int = LOWEST) -> None:
        self._program, self._options, self._highest = tuple(program), tuple(options), highest

    def submit(self, file: PlanFile, wanted: Wanted) -> tuple[str, ...]:
        """Submit what is wanted of a plan; return Slurm's ids. Raises EngineIsMissing, EngineRefused."""
        self.write_scripts(file)
        ids: list[str] = []
        try:
            for step in wanted.steps:
                command = self.command(file, step, wanted, ids[-1:])
                ids.append(_run(command, "Slurm did not take the job").strip().split(";")[0])
        except EngineRefused:
            self.cancel(ids)
            raise
        return tuple(ids)

    def write_scripts(self, file: PlanFile) -> Path:
        """Write the scripts that sbatch takes beside the plan, and return their folder.

        The folder of the logs is made too: Slurm fails a job whose log it cannot open.
        """
        make_folder(logs_folder(file))
        make_folder(_folder(file))
        for step in STEPS:
            write_whole(_script(file, step), ARRAY_SCRIPT if step == "segment" else SCRIPT)
        return _folder(file)

    def rehearsed(self, file: PlanFile, wanted: Wanted) -> list[list[str]]:
        """Return the commands of a submission, with REFERENCE and SEGMENTS for the ids that Slurm gives."""
        found, before = [], list[str]()
        for step in wanted.steps:
            found.append(self.command(file, step, wanted, before))
            before = [_ID_OF[step]]
        return found

    def command(self, file: PlanFile, step: Step, wanted: Wanted, after: Sequence[str]) -> list[str]:
        """Return the sbatch of a step: its arguments, its script, and the task's command as the script's."""
        arguments = self.arguments(file, step, wanted, after)
        return [*arguments, str(_script(file, step)), *task_command(self._program, file, step)]

    def arguments(self, file: PlanFile, step: Step, wanted: Wanted, after: Sequence[str]) -> list[str]:
        """Return sbatch's arguments for a step that waits for the job ``after``."""
        number = "%4a" if step == "segment" else "0000"
        arguments = [
            "sbatch",
            "--parsable",
            f"--job-name=svfr-{file.plan.shot}-{step}",
            f"--comment=svfr {file.sha256}",
            f"--output={str(file.folder).replace('%', '%%')}/logs/{step}-{number}.log",
            "--open-mode=append",
            "--requeue",
            "--kill-on-invalid-dep=yes",
        ]
        if file.plan.gpus and step != "assemble":
            arguments.append(f"--gres=gpu:{file.plan.gpus}")
        elif file.plan.gpus:
            arguments.append("--gres=gpu:1")
        if step == "segment":
            arguments.append("--array=" + ",".join(map(str, wanted.segments)))
        if after:
            arguments.append(f"--dependency=afterok:{after[0]}")
        if self._highest > file.plan.job.priority:
            arguments.append(f"--nice={self._highest - file.plan.job.priority}")
        return [*arguments, *self._options]

    def is_active(self, ids: Sequence[str]) -> bool:
        """Return whether any of the jobs still waits or runs. Jobs that Slurm has forgotten do not."""
        return any(state in _ACTIVE for state in self.states(ids).values())

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        """Return Slurm's state of each job and array task that it still knows, in one question."""
        if not ids:
            return {}
        listing = _run(["squeue", "-h", "-t", "all", "-r", "-o", "%i %T"], None)
        lines = [line.split() for line in listing.splitlines() if len(line.split()) == 2]
        return {name: state for name, state in lines if name.split("_")[0] in ids}

    def find(self, file: PlanFile) -> tuple[str, ...]:
        """Return the ids of a plan's jobs that wait or run, by their comment: of a submission that died."""
        listing = _run(["squeue", "-h", "-o", "%F %k"], None)
        lines = [line.split(maxsplit=1) for line in listing.splitlines()]
        return tuple({line[0] for line in lines if len(line) == 2 and line[1] == f"svfr {file.sha256}"})

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel jobs that were just submitted; what Slurm says of it does not matter."""
        if ids:
            with contextlib.suppress(SvfrError):  # what went before says what is wrong with Slurm
                _run(["scancel", *ids], "Slurm did not cancel")

    def cancel_all(self, ids: Sequence[str]) -> None:
        """Cancel jobs that were submitted earlier. Raises EngineIsMissing, EngineRefused.

        Jobs that have ended, or that Slurm has forgotten, are left out.
        """
        active = {name.split("_")[0] for name, state in self.states(ids).items() if state in _ACTIVE}
        for start in range(0, len(active), _CANCELLED_AT_ONCE):
            _run(["scancel", *sorted(active)[start : start + _CANCELLED_AT_ONCE]], "Slurm did not cancel")


_ACTIVE = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "REQUEUED", "RESIZING")


def logs_folder(file: PlanFile) -> Path:
    """Return the folder of a shot's logs, which has to be there before its jobs are submitted."""
    return file.folder / "logs"


def _folder(file: PlanFile) -> Path:
    return file.folder / "slurm"


def _script(file: PlanFile, step: Step) -> Path:
    return _folder(file) / f"{step}.sh"


def _run(command: list[str], refusal: str | None) -> str:
    if shutil.which(command[0]) is None:
        remedy = "Install Slurm's client programs, or choose another engine."
        raise EngineIsMissing(f"There is no {command[0]} on this machine.", remedy=remedy)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        text = f"{refusal or 'Slurm does not answer'}: {reason_of(problem)}."
        raise EngineRefused(text, remedy="Ask Slurm's administrator, then submit again.") from problem
    if done.returncode != 0:
        text = f"{refusal or 'Slurm does not answer'}: {done.stderr.strip()[-500:]}"
        raise EngineRefused(text, remedy="Ask Slurm's administrator, or change --engine-option.")
    return done.stdout
