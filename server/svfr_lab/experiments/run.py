"""One run of one experiment, from the command line's wishes to four files.

``OUT/NAME.md``, ``.png``, ``.csv`` and ``.json`` are the result; ``OUT/NAME.run`` is the run's own folder,
with which the same command goes on after a kill.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from platformdirs import user_cache_path

from svfr_client.files import write_whole
from svfr_lab.experiments.kit.bench import Bench, Voice
from svfr_lab.experiments.kit.clock import BudgetClock
from svfr_lab.experiments.kit.errors import ExperimentBegunOtherwise
from svfr_lab.experiments.kit.experiment import Experiment
from svfr_lab.experiments.kit.noted import read_noted
from svfr_lab.experiments.kit.results import Circumstances, ResultFiles, write_results
from svfr_lab.metrics.libraries import require_libraries


@dataclass(frozen=True, kw_only=True)
class LabRequest:
    """What to run: ``budget_s`` of wall time, results to ``out``; ``data`` None renders clips."""

    experiment: Experiment
    budget_s: float
    out: Path
    seed: int = 1
    data: Path | None = None
    threads: int | None = None


def run_experiment(request: LabRequest, voice: Voice) -> ResultFiles:
    """Run to the end of the budget and write the results; a run that was killed goes on.

    Raises ExperimentBegunOtherwise for a folder that holds a run with another seed, budget or data, and what
    the experiment raises.
    """
    require_libraries()
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    name = request.experiment.name
    folder = request.out / f"{name}.run"
    folder.mkdir(parents=True, exist_ok=True)
    _begin_or_go_on(folder, request)
    clock = BudgetClock(folder / "clock.json", request.budget_s)
    cache = user_cache_path("svfr", False) / "lab"
    bench = Bench(folder=folder, seed=request.seed, clock=clock, voice=voice, data=request.data, cache=cache)
    findings = request.experiment.run(bench)
    circumstances = Circumstances(
        seed=request.seed,
        budget_s=request.budget_s,
        spent_s=clock.spent_s(),
        starts=clock.starts,
        own_clips=request.data is not None,
        clips=bench.used_clips,
    )
    clock.spend_rest()
    return write_results(request.out, request.experiment, findings, circumstances)


def _begin_or_go_on(folder: Path, request: LabRequest) -> None:
    """Write down what the run is, or check that the run that is there is this one."""
    data = None if request.data is None else str(request.data.resolve())
    asked = {"seed": request.seed, "budget_s": request.budget_s, "data": data}
    path = folder / "request.json"
    if not path.exists():
        write_whole(path, json.dumps(asked) + "\n")
        return
    begun = read_noted(path)
    if begun != asked:
        differing = ", ".join(f"{key} {begun.get(key)}" for key in asked if begun.get(key) != asked[key])
        raise ExperimentBegunOtherwise(
            f"The run in this folder was begun with {differing}.",
            path=folder,
            remedy="Repeat that, choose another --out, or delete the folder.",
        )
