"""A run of a stage for references, from a recipe to a model folder: ``svfr train mini-colour``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr.models.model import load_model
from svfr.training.export.folder import export_reference_net
from svfr.training.reference.recipe import read_reference_config
from svfr.training.reference.stage import ReferenceStage
from svfr_lab.clips.portrait_pairs import PortraitPairs
from svfr_lab.training.beside import base_of, device_of, run_stage
from svfr_lab.training.request import TrainRequest, TrainResult


def train_reference_net(
    recipe: Path, request: TrainRequest, report: Callable[[dict[str, Any]], None]
) -> TrainResult:
    """Train a network beside the model ``request.start``; see :func:`svfr_lab.training.run.train`.

    Raises TrainingPartMissing without a model to begin with.
    """
    config = read_reference_config(recipe)
    base_folder, device = base_of(request, config.stage), device_of(request)
    source = PortraitPairs(request.data, config.validation_of, request.workers, config.stage)
    stage = ReferenceStage(
        config=config, source=source, base=load_model(base_folder), folder=request.out, device=device
    )

    def export(folder: Path, training: dict[str, Any]) -> None:
        export_reference_net(
            stage.averaged_net, stage.step, config, base=base_folder, folder=folder, training=training
        )

    return run_stage(stage, recipe, request, report, name=config.name, steps=config.steps, export=export)
