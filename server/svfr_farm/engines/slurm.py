"""Slurm: a job for the reference, an array for the segments, a job for the assembly, tied by ``afterok``.

A node that dies has its task queued again and run elsewhere (``--requeue``). Scripts are the same for every
shot and hold no value: the command comes as their arguments. What a task wrote is the truth, not what Slurm
says of it, since without an accounting database Slurm forgets.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from svfr_client.files import write_whole
from svfr_farm.engines.commands import STEPS, Wanted, task_command
from svfr_farm.errors import EngineIsMissing, EngineRefused
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step

# The command is the script's arguments. exec: a signal reaches the task itself, and no shell outlives it.
SCRIPT = '#!/bin/sh\nexec "$@"\n'
ARRAY_SCRIPT = '#!/bin/sh\nexec "$@" --index "$SLURM_ARRAY_TASK_ID"\n'
_WAIT_S = 60.0
_CANCELLED_AT_ONCE = 500


class SlurmEngine:
    """Submits plans by ``sbatch``. ``options`` are a studio's own, such as ``--partition=render``."""

    def __init__(self, program: Sequence[str], options: Sequence[str] = ()) -> None:
        self._program, self._options = tuple(program), tuple(options)

    def submit(self, file: PlanFile, wanted: Wanted) -> tuple[str, ...]:
        """Submit what is wanted of a plan; return Slurm's ids. Raises EngineIsMissing, EngineRefused."""
        (file.folder / "logs").mkdir(exist_ok=True)
        ids: list[str] = []
        try:
            for step in STEPS:
                if _wants(wanted, step):
                    ids.append(self._sbatch(file, self.arguments(file, step, wanted, ids[-1:]), step))
        except EngineRefused:
            self.cancel(ids)
            raise
        return tuple(ids)

    def arguments(self, file: PlanFile, step: Step, wanted: Wanted, after: Sequence[str]) -> list[str]:
        """Return sbatch's arguments for a step that waits for the job ``after``."""
        number = "%4a" if step == "segment" else "0000"
        arguments = [
            "sbatch",
            "--parsable",
            f"--job-name=svfr-{file.plan.shot}-{step}",
            f"--comment=svfr {file.sha256}",
            f"--output={file.folder}/logs/{step}-{number}.log",
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
        """Cancel jobs; those that are gone are no error."""
        if ids:
            subprocess.run(["scancel", *ids], capture_output=True, timeout=_WAIT_S, check=False)

    def cancel_all(self, ids: Sequence[str]) -> None:
        """Cancel jobs that were submitted earlier. Raises EngineIsMissing, EngineRefused.

        Jobs that have ended, or that Slurm has forgotten, are left out.
        """
        active = {name.split("_")[0] for name, state in self.states(ids).items() if state in _ACTIVE}
        for start in range(0, len(active), _CANCELLED_AT_ONCE):
            _run(["scancel", *sorted(active)[start : start + _CANCELLED_AT_ONCE]], "Slurm did not cancel")

    def _sbatch(self, file: PlanFile, arguments: list[str], step: Step) -> str:
        script = file.folder / "logs" / f"slurm-{step}.sh"
        write_whole(script, ARRAY_SCRIPT if step == "segment" else SCRIPT)
        command = [*arguments, str(script), *task_command(self._program, file, step)]
        return _run(command, "Slurm did not take the job").strip().split(";")[0]


_ACTIVE = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "REQUEUED", "RESIZING")


def _wants(wanted: Wanted, step: Step) -> bool:
    if step == "segment":
        return bool(wanted.segments)
    return wanted.reference if step == "reference" else wanted.assemble


def _run(command: list[str], refusal: str | None) -> str:
    if shutil.which(command[0]) is None:
        remedy = "Install Slurm's client programs, or choose another engine."
        raise EngineIsMissing(f"There is no {command[0]} on this machine.", remedy=remedy)
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    if done.returncode != 0:
        text = f"{refusal or 'Slurm does not answer'}: {done.stderr.strip()[-500:]}"
        raise EngineRefused(text, remedy="Ask Slurm's administrator, or change --engine-option.")
    return done.stdout
