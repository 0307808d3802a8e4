"""A run of the colour stage from a recipe to a model folder: what ``svfr train mini-colour`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr.models.model import load_model
from svfr.training.colour.recipe import read_colour_config
from svfr.training.colour.stage import ColourStage
from svfr.training.export.folder import export_colour
from svfr_lab.clips.grey_portraits import GreyPortraits
from svfr_lab.training.beside import base_of, device_of, run_stage
from svfr_lab.training.request import TrainRequest, TrainResult


def train_colour(
    recipe: Path, request: TrainRequest, report: Callable[[dict[str, Any]], None]
) -> TrainResult:
    """Train the colour network beside the model ``request.start``; see :func:`svfr_lab.training.run.train`.

    Raises TrainingPartMissing without a model to begin with.
    """
    config = read_colour_config(recipe)
    base_folder, device = base_of(request, "colour"), device_of(request)
    source = GreyPortraits(request.data, config.validation_of, request.workers)
    stage = ColourStage(
        config=config, source=source, base=load_model(base_folder), folder=request.out, device=device
    )

    def export(folder: Path, training: dict[str, Any]) -> None:
        export_colour(
            stage.averaged_net, stage.step, config, base=base_folder, folder=folder, training=training
        )

    return run_stage(stage, recipe, request, report, name=config.name, steps=config.steps, export=export)
