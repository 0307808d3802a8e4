"""What would be submitted, written beside each plan to be read, and nothing submitted.

Bundles and job files are those that a submission writes. Commands that it would run stand in
``commands.txt``, quoted as a shell takes them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from svfr_client.files import make_folder, write_whole
from svfr_client.sizes import counted
from svfr_farm.engines.commands import EngineName, Wanted, indexed_command
from svfr_farm.engines.exporters import export
from svfr_farm.engines.openjd import OpenJdEngine, write_bundle
from svfr_farm.engines.slurm import SlurmEngine, logs_folder
from svfr_farm.plan import PlanFile

COMMANDS_FILE = "commands.txt"
_OF_SLURM = "# Each sbatch prints its job's id, which the next one has in place of REFERENCE and SEGMENTS."


def rehearse(
    engine: EngineName, file: PlanFile, wanted: Wanted, *, program: Sequence[str], slurm: SlurmEngine
) -> str:
    """Write what an engine would be given of a shot; return what that is, where it lies, and the commands.

    ``slurm`` is the engine that would submit it, where that is Slurm. Raises FileCannotBeWritten.
    """
    if engine == "local":
        lines = [shlex.join(indexed_command(program, file, step, index)) for step, index in wanted.tasks]
        return _summary(counted(len(lines), "task"), _written(file.folder / engine, lines), lines)
    if engine == "slurm":
        folder = slurm.write_scripts(file)
        lines = [shlex.join(command) for command in slurm.rehearsed(file, wanted)]
        make_logs = shlex.join(["mkdir", "-p", str(logs_folder(file))])
        _written(folder, [_OF_SLURM, make_logs, *lines])
        return _summary(counted(len(lines), "job"), folder, lines)
    if engine == "openjd":
        folder = write_bundle(file, program)
        lines = [shlex.join(OpenJdEngine(program).command(file, "openjd"))]
        return _summary("a job bundle", _written(folder, lines), lines)
    return _summary("job files", export(engine, file, program), [])


def _written(folder: Path, lines: Sequence[str]) -> Path:
    make_folder(folder)
    write_whole(folder / COMMANDS_FILE, "\n".join(lines) + "\n")
    return folder


def _summary(what: str, folder: Path, lines: Sequence[str]) -> str:
    return "\n  ".join([f"{what}, written to {folder}", *lines])
