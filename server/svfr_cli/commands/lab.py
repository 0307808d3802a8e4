"""``svfr lab``: ask a question of the method, within a budget of minutes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..follow import progress_for
from ..output import Output, speaking
from .options import AsJson

if TYPE_CHECKING:
    from svfr_lab.experiments.run import LabRequest


def lab(
    name: Annotated[str, typer.Argument(help='The experiment; "list" names them all.')],
    budget: Annotated[
        float, typer.Option("--budget", metavar="MINUTES", min=0.1, help="How long to work on it.")
    ] = 10.0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where results go; a run that is there goes on.")
    ] = Path("lab"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides all but how much fits in.")] = 1,
    data: Annotated[
        Path | None, typer.Option("--data", help="A rendered folder. Default: render what is needed.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads. Default: torch's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment and write a paragraph, a figure, a table and a record.

    Stop it at any time: the same command goes on, and what was spent counts.
    """
    with speaking(as_json) as output:
        from svfr_lab.experiments.registry import EXPERIMENTS, find_experiment
        from svfr_lab.experiments.run import LabRequest

        if name == "list":
            rows = [{"name": each.name, "question": each.question} for each in EXPERIMENTS.values()]
            output.table("experiment", rows, ("name", "question"))
            return
        _run(
            output,
            LabRequest(
                experiment=find_experiment(name),
                budget_s=budget * 60.0,
                out=out,
                seed=seed,
                data=data,
                threads=threads,
            ),
        )


def _run(output: Output, request: "LabRequest") -> None:
    from svfr_lab.experiments.kit.bench import Voice
    from svfr_lab.experiments.run import run_experiment

    progress = progress_for(output)
    voice = Voice(
        log=output.note,
        progress=lambda stage, done, total: progress.show({"stage": stage, "done": done, "total": total}),
    )
    try:
        files = run_experiment(request, voice)
    finally:
        progress.close()
    body = {kind: str(path) for kind, path in vars(files).items()}
    output.result("result", body, f"The answer: {files.paragraph}")
