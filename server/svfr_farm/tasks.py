"""One task from beginning to end: run a step, keep its state file, write what assembly found."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_client.path_map import PathRule
from svfr_client.reasons import reason_of
from svfr_client.records import to_plain
from svfr_farm.errors import PlanIsBad, TaskFailed
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step, TaskRecorder
from svfr_restore.reports import CancelCheck, JobContext, Report

if TYPE_CHECKING:
    from svfr_farm.steps import Assembled
    from svfr_restore.plan.models import ModelCache

RESULT_FILE = "result.json"
ReportCallback = Callable[[Report], None]


def load_models() -> ModelCache:
    """Return the models on the GPUs that the engine left visible to this process, or on the CPU.

    The windows of a shot are spread over all of them.
    """
    from svfr_restore.plan.models import ModelCache, devices_here

    first, *others = devices_here()
    return ModelCache(first, further_devices=others)


def device_kind(models: ModelCache) -> str:
    """Return what decides the last bits of a result: the processor's kind, and torch's build."""
    import torch

    if models.device.startswith("cuda"):
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"CPU {platform.machine()} {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def run_task(
    file: PlanFile,
    step: Step,
    index: int,
    models: ModelCache,
    *,
    path_rules: tuple[PathRule, ...] = (),
    cancelled: CancelCheck = lambda: False,
    on_report: ReportCallback = lambda report: None,
) -> None:
    """Run a step of a shot and keep its state; raises what the step raises, TaskFailed for a bug.

    It ends as cancelled when ``cancelled`` says so, and when somebody cancelled the whole shot.
    """
    from svfr_farm.cancel_mark import CancelWatch
    from svfr_farm.checkpoints import TaskCheckpoints
    from svfr_farm.steps import StepRun, assemble, make_reference, restore_segment

    device = device_kind(models)
    recorder = TaskRecorder(file, step, index, device)
    checkpoints = TaskCheckpoints(file.folder / "checkpoints" / f"{step}-{index:04d}")

    def report(one: Report) -> None:
        recorder.report(one)
        on_report(one)

    watch = CancelWatch(file)
    context = JobContext(report=report, cancelled=lambda: cancelled() or watch(), store=checkpoints)
    run = StepRun(file=file, models=models, context=context, device=device, path_rules=path_rules)
    try:
        context.stop_if_cancelled()
        if step == "reference":
            make_reference(run)
        elif step == "segment":
            restore_segment(run, index)
        else:
            _write_result(file, assemble(run), recorder)
    except SvfrError as problem:
        recorder.end("cancelled" if problem.code == "CANCELLED" else "failed", problem)
        raise
    except Exception as problem:
        text = f"The task failed through an error of the program ({type(problem).__name__})."
        recorder.end("failed", TaskFailed(text, remedy="See the task's log."))
        raise
    recorder.end("done")
    checkpoints.clear()


def _write_result(file: PlanFile, found: Assembled, recorder: TaskRecorder) -> None:
    body = {"plan_sha256": file.sha256, **to_plain(found), "warnings": list(recorder.warnings)}
    write_whole(file.folder / RESULT_FILE, json.dumps(body, indent=1) + "\n")


def read_rules(path: Path | None) -> tuple[PathRule, ...]:
    """Read the rules that an OpenJD session gives its tasks; none without a file. Raises PlanIsBad."""
    if path is None:
        return ()
    try:
        rules = read_json_file(path).get("path_mapping_rules", [])
        return tuple(PathRule(rule["source_path"], rule["destination_path"]) for rule in rules)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        text = f"The session's path rules cannot be read: {reason_of(problem)}."
        raise PlanIsBad(text, path=path, remedy="Submit the shots again.") from problem
