"""What every stage that adds a network to a model does alike: begin with the model, run, write the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from svfr.models.folder import find_model
from svfr.training.errors import TrainingPartMissing
from svfr_lab.training.request import (
    TrainRequest,
    TrainResult,
    data_record,
    keep_data_record,
    keep_recipe,
    stop_requested,
)

Export = Callable[[Path, dict[str, Any]], object]
"""Writes the model folder of that path, with that training record."""


class Stage(Protocol):
    """A stage of training: ``step`` are done so far."""

    step: int

    def run(self, report: Callable[[dict[str, Any]], None], stop: Callable[[], bool]) -> None:
        """Train to the last step, or until ``stop``."""


def base_of(request: TrainRequest, stage: str) -> Path:
    """Return the folder of the model that the stage of this name adds to.

    Raises TrainingPartMissing where none was given, and ModelMissing.
    """
    if request.start is None:
        raise TrainingPartMissing(
            f"The {stage} stage adds to a model, and none was given.", remedy="Name it with --start."
        )
    return find_model(request.start)


def device_of(request: TrainRequest) -> torch.device:
    """Return what a stage computes on, after its threads are set."""
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    return torch.device("cuda" if request.device != "cpu" and torch.cuda.is_available() else "cpu")


def run_stage(
    stage: Stage,
    recipe: Path,
    request: TrainRequest,
    report: Callable[[dict[str, Any]], None],
    *,
    name: str,
    steps: int,
    export: Export,
) -> TrainResult:
    """Run a stage of ``steps`` steps, or export it as it is; at its end the model ``name`` is written."""
    keep_recipe(recipe, request.out / "recipe.toml")
    keep_data_record(request)
    if not request.export_only:
        with stop_requested() as stop:
            stage.run(report, stop)
    done = stage.step >= steps
    if not done and not request.export_only:
        return TrainResult(stage.step, steps, None)
    folder = request.out / "models" / (name if done else f"{name}-{stage.step}")
    if not folder.exists():
        export(folder, {"data": data_record(request.data)})
    return TrainResult(stage.step, steps, folder)
