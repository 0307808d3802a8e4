"""``svfr farm reference | segment | assemble | session``: what engines run."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..output import Output, speaking
from .options import AsJson

if TYPE_CHECKING:
    from svfr_farm.task_state import Step
    from svfr_restore.reports import Report

session_app = typer.Typer(help="A process that keeps the models warm for the tasks of one farm session.")

PlanPath = Annotated[Path, typer.Option("--plan", help="The shot's plan.json.")]
Index = Annotated[int, typer.Option("--index", min=0, help="The segment's number.")]
Rules = Annotated[Path | None, typer.Option("--path-rules", help="Path mapping rules of an OpenJD session.")]
OpenJd = Annotated[bool, typer.Option("--openjd", help="Tell progress as OpenJD reads it.")]
State = Annotated[Path, typer.Option("--state", help="Folder of the session, gone when it is over.")]
IdleExit = Annotated[
    float,
    typer.Option("--idle-exit", min=1, max=30 * 86400, help="Seconds without a task after which it ends."),
]


@contextmanager
def farm_speaking(as_json: bool) -> Iterator[Output]:
    """Speak as every command does; what the system refuses and nobody else names is an error of the farm."""
    from svfr_farm.errors import disk_problems_named

    with speaking(as_json) as output, disk_problems_named():
        yield output


def reference(
    plan: PlanPath, path_rules: Rules = None, openjd: OpenJd = False, as_json: AsJson = False
) -> None:
    """Make what is one for a whole shot: its tracks, their exposure and references."""
    _run("reference", plan, 0, path_rules=path_rules, openjd=openjd, as_json=as_json)


def segment(
    plan: PlanPath, index: Index, path_rules: Rules = None, openjd: OpenJd = False, as_json: AsJson = False
) -> None:
    """Restore one segment of a shot to latents."""
    _run("segment", plan, index, path_rules=path_rules, openjd=openjd, as_json=as_json)


def assemble(
    plan: PlanPath, path_rules: Rules = None, openjd: OpenJd = False, as_json: AsJson = False
) -> None:
    """Join the segments of a shot, decode them and write its frames."""
    _run("assemble", plan, 0, path_rules=path_rules, openjd=openjd, as_json=as_json)


@session_app.command("start")
def start(state: State, idle_exit: IdleExit = 900.0) -> None:
    """Start a session, or find the one that runs; tell OpenJD where it is."""
    from svfr_farm.session import VARIABLE, start_session

    with farm_speaking(False):
        print(f"openjd_env: {VARIABLE}={start_session(state, idle_exit)}", flush=True)


@session_app.command("stop")
def stop(state: State) -> None:
    """End a session; none is no error."""
    from svfr_farm.session import stop_session

    with farm_speaking(False):
        stop_session(state)


def _run(
    step: "Step", plan: Path, index: int, *, path_rules: Path | None, openjd: bool, as_json: bool
) -> None:
    from svfr_farm.plan import read_plan
    from svfr_farm.session import VARIABLE, run_in_session
    from svfr_farm.tasks import load_models, read_rules, run_task

    cancelled = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: cancelled.set())

    def on_report(report: "Report") -> None:
        if openjd and report.kind == "progress" and report.total:
            print(f"openjd_progress: {100.0 * report.done / report.total:.1f}", flush=True)
            print(f"openjd_status: {report.stage} {report.done} of {report.total}", flush=True)
        elif report.kind == "warning":
            print(f"warning: {report.message}", flush=True)

    with farm_speaking(as_json) as output:
        rules = read_rules(path_rules)
        session = os.environ.get(VARIABLE)
        if session:
            run_in_session(
                Path(session),
                plan,
                step,
                index,
                path_rules=rules,
                cancelled=cancelled.is_set,
                on_report=on_report,
            )
        else:
            file = read_plan(plan)
            run_task(
                file,
                step,
                index,
                load_models(),
                path_rules=rules,
                cancelled=cancelled.is_set,
                on_report=on_report,
            )
        output.result("task", {"step": step, "index": index, "state": "done"}, f"{step} {index} is done.")
