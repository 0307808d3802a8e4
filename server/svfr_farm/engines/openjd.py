"""Open Job Description: a job bundle for each shot, run here by ``openjd run`` or sent to AWS Deadline Cloud.

The bundle is JSON, which its tools read as well as YAML: ``template.json``, ``parameter_values.json``,
``asset_references.json``. Values reach a command as arguments and never as text of a script. A session keeps
the models warm from its first task to its last; every action has an end.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svfr_client.files import write_whole
from svfr_farm.engines.commands import Wanted
from svfr_farm.errors import EngineIsMissing, TaskFailed
from svfr_farm.plan import PlanFile

SPECIFICATION = "jobtemplate-2023-09"
START_S, STOP_S, NOTIFY_S = 600, 60, 30
_STATE = "{{Session.WorkingDirectory}}/svfr"


def job_template(file: PlanFile, program: Sequence[str], limit_s: int = 24 * 3600) -> dict[str, Any]:
    """Return the job template of a plan: the same for every shot but for its name and needs."""
    amounts = [{"name": "amount.worker.gpu", "min": file.plan.gpus}] if file.plan.gpus else []
    needs: dict[str, Any] = {"hostRequirements": {"amounts": amounts}} if amounts else {}
    segments = {
        "parameterSpace": {
            "taskParameterDefinitions": [
                {"name": "Segment", "type": "INT", "range": "0-{{Param.LastSegment}}"}
            ]
        }
    }
    index = ["--index", "{{Task.Param.Segment}}"]
    return {
        "specificationVersion": SPECIFICATION,
        "name": f"SVFR {file.plan.shot}",
        "parameterDefinitions": [
            {"name": "Plan", "type": "PATH", "objectType": "FILE", "dataFlow": "IN"},
            {"name": "Work", "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "INOUT"},
            {"name": "LastSegment", "type": "INT", "minValue": 0},
        ],
        "jobEnvironments": [_session(program)],
        "steps": [
            {"name": "Reference", **needs, **_action(program, "reference", [], limit_s)},
            {
                "name": "Segments",
                "dependencies": [{"dependsOn": "Reference"}],
                **segments,
                **needs,
                **_action(program, "segment", index, limit_s),
            },
            {
                "name": "Assemble",
                "dependencies": [{"dependsOn": "Segments"}],
                **needs,
                **_action(program, "assemble", [], limit_s),
            },
        ],
    }


def _session(program: Sequence[str]) -> dict[str, Any]:
    command, *rest = program

    def action(word: str, limit_s: int) -> dict[str, Any]:
        arguments = [*rest, "farm", "session", word, "--state", _STATE]
        return {"command": command, "args": arguments, "timeout": limit_s}

    return {
        "name": "SvfrSession",
        "script": {"actions": {"onEnter": action("start", START_S), "onExit": action("stop", STOP_S)}},
    }


def _action(program: Sequence[str], step: str, index: list[str], limit_s: int) -> dict[str, Any]:
    command, *rest = program
    rules = ["--path-rules", "{{Session.PathMappingRulesFile}}", "--openjd"]
    return {
        "script": {
            "actions": {
                "onRun": {
                    "command": command,
                    "args": [*rest, "farm", step, "--plan", "{{Param.Plan}}", *index, *rules],
                    "timeout": limit_s,
                    "cancelation": {
                        "mode": "NOTIFY_THEN_TERMINATE",
                        "notifyPeriodInSeconds": NOTIFY_S,
                    },
                }
            }
        }
    }


def bundle_files(file: PlanFile, program: Sequence[str], limit_s: int = 24 * 3600) -> dict[str, str]:
    """Return a plan's job bundle, by file name: the same text for the same plan."""
    job = file.plan.job_here()
    values = {"Plan": str(file.path), "Work": str(file.folder), "LastSegment": len(file.plan.segments) - 1}
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    references = {
        "assetReferences": {
            "inputs": {"filenames": [str(file.path)], "directories": [str(Path(job.plate).parent)]},
            "outputs": {"directories": sorted({str(Path(job.output).parent), str(file.folder)})},
            "referencedPaths": [],
        }
    }
    bodies = {
        "template": job_template(file, program, limit_s),
        "parameter_values": {"parameterValues": parameters},
        "asset_references": references,
    }
    return {f"{name}.json": json.dumps(body, indent=1) + "\n" for name, body in bodies.items()}


def write_bundle(file: PlanFile, program: Sequence[str], limit_s: int = 24 * 3600) -> Path:
    """Write a plan's job bundle beside it and return its folder."""
    folder = file.folder / "openjd"
    folder.mkdir(exist_ok=True)
    for name, text in bundle_files(file, program, limit_s).items():
        write_whole(folder / name, text)
    return folder


class OpenJdEngine:
    """Runs bundles on this machine by ``openjd run``: one session a shot, its tasks one after the other."""

    def __init__(self, program: Sequence[str], limit_s: int = 24 * 3600) -> None:
        self._program, self._limit_s = tuple(program), limit_s

    def command(self, file: PlanFile, wanted: Wanted) -> list[str]:
        """Return the ``openjd run`` of the wanted tasks. Steps that are done notice it and end at once."""
        values = [f"Plan={file.path}", f"Work={file.folder}", f"LastSegment={len(file.plan.segments) - 1}"]
        parameters = [word for value in values for word in ("-p", value)]
        template = str(file.folder / "openjd" / "template.json")
        return [*openjd_program(), "run", template, *parameters, "--step", "Assemble", "--run-dependencies"]

    def run(self, file: PlanFile, wanted: Wanted) -> None:
        """Write the bundle and run it to its end. Raises EngineIsMissing, TaskFailed with the log's end.

        Interrupted, it has ``openjd`` cancel the task and leave the session, so that no server stays behind.
        """
        write_bundle(file, self._program, self._limit_s)
        log = file.folder / "logs" / "openjd.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(file, wanted),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # it hears of Ctrl-C from here alone, once
            )
            try:
                status = process.wait()
            except BaseException:
                _end(process)
                raise
        if status != 0:
            text = f"openjd ended with status {status} for {file.plan.shot}."
            raise TaskFailed(text, path=log, remedy="Read its log, then submit with --only-failed.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have ``openjd run`` cancel its task and leave its session; end it by force when it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(NOTIFY_S + STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def openjd_program() -> list[str]:
    """Return how ``openjd`` is started: beside this interpreter, or on the PATH. Raises EngineIsMissing."""
    beside = Path(sys.executable).with_name("openjd")
    found = str(beside) if beside.is_file() else shutil.which("openjd")
    if found is None:
        remedy = 'Install it: pip install "svfr-studio[farm]".'
        raise EngineIsMissing("The program openjd is not on this machine.", remedy=remedy)
    return [found]
