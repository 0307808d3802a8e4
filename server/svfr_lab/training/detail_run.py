"""A run of the detail stage from a recipe to a model folder: what ``svfr train mini-detail`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr.models.model import load_model
from svfr.training.detail.recipe import read_detail_config
from svfr.training.detail.stage import DetailStage
from svfr.training.export.folder import export_detail
from svfr_lab.clips.parallel_clips import ParallelClips
from svfr_lab.clips.portrait_clips import PortraitClips
from svfr_lab.training.beside import base_of, device_of, run_stage
from svfr_lab.training.request import TrainRequest, TrainResult


def train_detail(
    recipe: Path, request: TrainRequest, report: Callable[[dict[str, Any]], None]
) -> TrainResult:
    """Train the detail network beside the model ``request.start``; see :func:`svfr_lab.training.run.train`.

    Raises TrainingPartMissing without a model to begin with.
    """
    config = read_detail_config(recipe)
    base_folder, device = base_of(request, "detail"), device_of(request)
    base = load_model(base_folder, device)
    spec = base.spec
    source = PortraitClips(
        path=request.data,
        task_shares=config.task_shares,
        crop_px=spec.crop_px,
        hole_fill=spec.hole_fill,
        hole_plane=spec.hole_plane,
    )
    clips = ParallelClips(source, request.workers) if request.workers else source
    stage = DetailStage(config=config, source=clips, base=base, folder=request.out, device=device)

    def export(folder: Path, training: dict[str, Any]) -> None:
        export_detail(
            stage.averaged_net, stage.step, config, base=base_folder, folder=folder, training=training
        )

    steps = config.optimiser.steps
    return run_stage(stage, recipe, request, report, name=config.name, steps=steps, export=export)
