"""One task from beginning to end: run a step, keep its state file, write what assembly found."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError
from svfr_client.path_map import PathRule
from svfr_client.reasons import reason_of
from svfr_client.version import VERSION
from svfr_farm.assembly_result import write_result
from svfr_farm.errors import PlanIsBad, TaskFailed, disk_refused
from svfr_farm.next_step import leading_on
from svfr_farm.plan import PlanFile
from svfr_farm.task_state import Step, TaskRecorder
from svfr_restore.reports import CancelCheck, JobContext, Report

if TYPE_CHECKING:
    from svfr_restore.plan.models import ModelCache

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
    """Run a step of a shot and keep its state; raises what the step raises, DiskRefused for an OSError.

    It ends as cancelled when ``cancelled`` says so, and when somebody cancelled the whole shot.
    """
    from svfr_farm.artefacts import discard_unsound
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
    here = VERSION
    if file.plan.version not in ("", here):
        text = f"Version {file.plan.version} planned the shot, and version {here} made parts of it."
        context.warn(text)
    try:
        context.stop_if_cancelled()
        if step == "reference":
            make_reference(run)
        elif step == "segment":
            restore_segment(run, index)
        else:
            found = assemble(run)
            write_result(file, replace(found, warnings=recorder.warnings))
    except SvfrError as problem:
        if problem.code == "CANCELLED":
            recorder.end("cancelled", problem)
            raise
        discard_unsound(file, problem)
        shown = leading_on(file, problem)
        recorder.end("failed", shown)
        raise shown from problem.__cause__
    except OSError as problem:
        refused = leading_on(file, disk_refused(problem))
        recorder.end("failed", refused)
        raise refused from problem
    except Exception as problem:
        text = f"The task failed through an error of the program ({type(problem).__name__})."
        recorder.end("failed", leading_on(file, TaskFailed(text, remedy="See the task's log.")))
        raise
    recorder.end("done")
    checkpoints.clear()


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
