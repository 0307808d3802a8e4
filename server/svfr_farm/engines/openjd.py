"""Open Job Description: a job bundle for each shot, run here by ``openjd run`` or sent to AWS Deadline Cloud.

The bundle is JSON, which its tools read as well as YAML: ``template.json``, ``parameter_values.json``,
``asset_references.json``. Values reach a command as arguments and never as text of a script. A session keeps
the models warm from its first task to its last; every action has an end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svfr_client.files import make_folder, open_to_append, write_whole
from svfr_client.job import JobSpec
from svfr_client.sequences import is_sequence
from svfr_client.transfer.job_files import is_config_file, is_model_folder, named_paths
from svfr_client.transfer.ocio_pack import lut_paths
from svfr_farm.engines.priority import of_hundred
from svfr_farm.errors import EngineIsMissing, TaskFailed
from svfr_farm.next_step import leading_on
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
    """Return a plan's job bundle, by file name: the same text for the same plan.

    Raises FileCannotBeSent for an OCIO config whose LUTs cannot be looked up.
    """
    job = file.plan.job_here()
    values = {"Plan": str(file.path), "Work": str(file.folder), "LastSegment": len(file.plan.segments) - 1}
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    # No part of the specification: AWS Deadline Cloud's own, which `openjd run` is not given.
    parameters.append({"name": "deadline:priority", "value": of_hundred(job.priority)})
    references = {
        "assetReferences": {
            "inputs": _inputs(file, job),
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


def _inputs(file: PlanFile, job: JobSpec) -> dict[str, list[str]]:
    """Return all that a shot is made of: files by their names, folders of what is numbered.

    Raises FileCannotBeSent for an OCIO config that cannot be read.
    """
    files, folders = {str(file.path)}, set[str]()
    for path in named_paths(job):
        if is_sequence(path):
            folders.add(str(Path(path).parent))
        else:
            files.add(path)
    config = job.colour.config
    if config and is_config_file(config):
        files |= {os.path.normpath(lut) for lut in lut_paths(Path(config), job.colour.context)}
    if is_model_folder(job.model):
        folders.add(job.model)
    return {"filenames": sorted(files), "directories": sorted(folders)}


def write_bundle(file: PlanFile, program: Sequence[str], limit_s: int = 24 * 3600) -> Path:
    """Write a plan's job bundle beside it and return its folder."""
    folder = file.folder / "openjd"
    make_folder(folder)
    for name, text in bundle_files(file, program, limit_s).items():
        write_whole(folder / name, text)
    return folder


class OpenJdEngine:
    """Runs bundles on this machine by ``openjd run``: one session a shot, its tasks one after the other."""

    def __init__(self, program: Sequence[str], limit_s: int = 24 * 3600) -> None:
        self._program, self._limit_s = tuple(program), limit_s

    def command(self, file: PlanFile, openjd: str) -> list[str]:
        """Return the ``openjd run`` of a shot. Steps that are done notice it and end at once."""
        values = [f"Plan={file.path}", f"Work={file.folder}", f"LastSegment={len(file.plan.segments) - 1}"]
        parameters = [word for value in values for word in ("-p", value)]
        template = str(file.folder / "openjd" / "template.json")
        return [openjd, "run", template, *parameters, "--step", "Assemble", "--run-dependencies"]

    def run(self, file: PlanFile) -> None:
        """Write the bundle and run it to its end. Raises EngineIsMissing, TaskFailed with the log's end.

        Interrupted, it has ``openjd`` cancel the task and leave the session, so that no server stays behind.
        """
        write_bundle(file, self._program, self._limit_s)
        command = self.command(file, openjd_program())
        log = file.folder / "logs" / "openjd.log"
        make_folder(log.parent)
        with open_to_append(log) as output:
            process = subprocess.Popen(
                command,
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
            raise leading_on(file, TaskFailed(text, path=log, remedy="Read its log."))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have ``openjd run`` cancel its task and leave its session; end it by force when it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(NOTIFY_S + STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def openjd_program() -> str:
    """Return how ``openjd`` is started: beside this interpreter, or on the PATH. Raises EngineIsMissing."""
    beside = Path(sys.executable).with_name("openjd")
    found = str(beside) if beside.is_file() else shutil.which("openjd")
    if found is None:
        remedy = 'Install it: pip install "svfr-studio[farm]".'
        raise EngineIsMissing("The program openjd is not on this machine.", remedy=remedy)
    return found
