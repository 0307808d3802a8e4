"""A run of the colour stage from a recipe to a model folder: what ``svfr train mini-colour`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from svfr.models.folder import find_model
from svfr.models.model import load_model
from svfr.training.colour.recipe import ColourConfig, read_colour_config
from svfr.training.colour.stage import ColourStage
from svfr.training.errors import TrainingPartMissing
from svfr.training.export.folder import export_colour
from svfr_lab.clips.grey_portraits import GreyPortraits
from svfr_lab.training.request import TrainRequest, TrainResult, data_record, keep_recipe, stop_requested


def train_colour(
    recipe: Path, request: TrainRequest, report: Callable[[dict[str, Any]], None]
) -> TrainResult:
    """Train the colour network beside the model ``request.start``; see :func:`svfr_lab.training.run.train`.

    Raises TrainingPartMissing without a model to begin with.
    """
    config = read_colour_config(recipe)
    if request.start is None:
        raise TrainingPartMissing(
            "The colour stage adds to a model, and none was given.", remedy="Name it with --start."
        )
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    device = torch.device("cuda" if request.device != "cpu" and torch.cuda.is_available() else "cpu")
    base_folder = find_model(request.start)
    source = GreyPortraits(request.data, config.validation_of, request.workers)
    stage = ColourStage(
        config=config, source=source, base=load_model(base_folder), folder=request.out, device=device
    )
    keep_recipe(recipe, request.out / "recipe.toml")
    if not request.export_only:
        with stop_requested() as stop:
            stage.run(report, stop)
    done = stage.step >= config.steps
    folder = _export(stage, config, base_folder, request) if done or request.export_only else None
    return TrainResult(stage.step, config.steps, folder)


def _export(stage: ColourStage, config: ColourConfig, base: Path, request: TrainRequest) -> Path:
    name = config.name if stage.step >= config.steps else f"{config.name}-{stage.step}"
    folder = request.out / "models" / name
    if not folder.exists():
        record = {"data": data_record(request.data)}
        export_colour(stage.averaged_net, stage.step, config, base=base, folder=folder, training=record)
    return folder
