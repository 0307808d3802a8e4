"""Submissions for engines that were not run: written as text, for the engine's own tools.

OpenCue takes a Python script for its pyoutline, Deadline 10 three submissions of its command line, Flamenco a
job type in JavaScript with its settings. None of them has been run against the real engine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from svfr_client.files import make_folder, write_whole
from svfr_farm.engines.commands import STEPS, task_command
from svfr_farm.engines.priority import of_hundred, of_opencue
from svfr_farm.plan import PlanFile

NEVER_RUN = ("opencue", "deadline10", "flamenco")
UNTRIED = "Generated and compared with known text, but never run against the engine itself."

_OPENCUE = """\
# {untried}
# Run it where OpenCue's pyoutline is: python this_file.py
import json
import sys

from outline import Outline, cuerun
from outline.modules.shell import Shell

job = json.loads({job!r})
outline = Outline(job["name"])
layers = []
for step in job["steps"]:
    layer = Shell(
        step["name"], command=step["command"], range=step["range"], chunk=1, threads=1, gpus=job["gpus"]
    )
    if layers:
        layer.depend_all(layers[-1])
    outline.add_layer(layer)
    layers.append(layer)
cuerun.launch(outline, use_pycuerun=False, priority=job["priority"])
"""

_FLAMENCO = """\
// {untried}
const JOB_TYPE = {{
    label: "SVFR shot",
    settings: [
        {{ key: "program", type: "string", required: true }},
        {{ key: "plan", type: "string", required: true }},
        {{ key: "last_segment", type: "int32", default: 0 }},
    ],
}};

function compileJob(job) {{
    const task = (step, index) => {{
        const made = author.Task(step + " " + index, "misc");
        const program = JSON.parse(job.settings.program);
        const args = program.slice(1).concat(["farm", step, "--plan", job.settings.plan]);
        if (step === "segment") args.push("--index", String(index));
        made.addCommand(author.Command("exec", {{ exe: program[0], args: args }}));
        job.addTask(made);
        return made;
    }};
    const reference = task("reference", 0);
    const assemble = task("assemble", 0);
    for (let index = 0; index <= job.settings.last_segment; index++) {{
        const segment = task("segment", index);
        segment.addDependency(reference);
        assemble.addDependency(segment);
    }}
}}
"""


def opencue_script(file: PlanFile, program: Sequence[str]) -> str:
    """Return a pyoutline script of three layers; OpenCue puts the frame number in place of #IFRAME#."""
    last = len(file.plan.segments) - 1
    segment = [*task_command(program, file, "segment"), "--index", "#IFRAME#"]
    steps = [
        {"name": "reference", "command": task_command(program, file, "reference"), "range": "0-0"},
        {"name": "segment", "command": segment, "range": f"0-{last}"},
        {"name": "assemble", "command": task_command(program, file, "assemble"), "range": "0-0"},
    ]
    body = {
        "name": f"svfr_{file.plan.shot}",
        "gpus": file.plan.gpus,
        "priority": of_opencue(file.plan.job.priority),
        "steps": steps,
    }
    job = json.dumps(body)
    return _OPENCUE.format(untried=UNTRIED, job=job)


def deadline10_files(file: PlanFile, program: Sequence[str]) -> dict[str, str]:
    """Return the job and plugin info files of Deadline 10's CommandLine plugin, by file name.

    The jobs depend on each other by the ids that the submissions before print, so that they are submitted in
    order with ``JobDependencies`` added.
    """
    files: dict[str, str] = {}
    for order, step in enumerate(STEPS, 1):
        frames = f"0-{len(file.plan.segments) - 1}" if step == "segment" else "0"
        command = [f'"{word}"' for word in task_command(program, file, step)[1:]]
        command += ["--index", "<STARTFRAME>"] if step == "segment" else []
        files[f"{order}-{step}.job"] = (
            f"; {UNTRIED}\nPlugin=CommandLine\nName=SVFR {file.plan.shot} {step}\n"
            f"BatchName=SVFR {file.plan.shot}\nPriority={of_hundred(file.plan.job.priority)}\n"
            f"Frames={frames}\nChunkSize=1\n"
        )
        files[f"{order}-{step}.plugin"] = f"Executable={program[0]}\nArguments={' '.join(command)}\n"
    return files


def flamenco_files(file: PlanFile, program: Sequence[str]) -> dict[str, str]:
    """Return Flamenco's job type, and the settings of a shot's job, by file name."""
    settings = {
        "program": json.dumps(list(program)),
        "plan": str(file.path),
        "last_segment": len(file.plan.segments) - 1,
    }
    priority = of_hundred(file.plan.job.priority)
    body = {
        "name": f"SVFR {file.plan.shot}",
        "type": "svfr-shot",
        "priority": priority,
        "settings": settings,
    }
    return {
        "svfr-shot.js": _FLAMENCO.format(untried=UNTRIED),
        "job.json": json.dumps(body, indent=1) + "\n",
    }


def export_files(engine: str, file: PlanFile, program: Sequence[str]) -> dict[str, str]:
    """Return a shot's submission for one of these engines, by file name: the same text for the same plan."""
    if engine == "opencue":
        return {"submit.py": opencue_script(file, program)}
    if engine == "deadline10":
        return deadline10_files(file, program)
    return flamenco_files(file, program)


def export(engine: str, file: PlanFile, program: Sequence[str]) -> Path:
    """Write a shot's submission for one of these engines beside its plan and return the folder."""
    folder = file.folder / engine
    make_folder(folder)
    for name, text in export_files(engine, file, program).items():
        write_whole(folder / name, text)
    return folder
