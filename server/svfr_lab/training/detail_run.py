"""A run of the detail stage from a recipe to a model folder: what ``svfr train mini-detail`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from svfr.models.folder import find_model
from svfr.models.model import load_model
from svfr.training.detail.recipe import DetailConfig, read_detail_config
from svfr.training.detail.stage import DetailStage
from svfr.training.errors import TrainingPartMissing
from svfr.training.export.folder import export_detail
from svfr_lab.clips.parallel_clips import ParallelClips
from svfr_lab.clips.portrait_clips import PortraitClips
from svfr_lab.training.request import TrainRequest, TrainResult, data_record, keep_recipe, stop_requested


def train_detail(
    recipe: Path, request: TrainRequest, report: Callable[[dict[str, Any]], None]
) -> TrainResult:
    """Train the detail network beside the model ``request.start``; see :func:`svfr_lab.training.run.train`.

    Raises TrainingPartMissing without a model to begin with.
    """
    config = read_detail_config(recipe)
    if request.start is None:
        raise TrainingPartMissing(
            "The detail stage adds to a model, and none was given.", remedy="Name it with --start."
        )
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    device = torch.device("cuda" if request.device != "cpu" and torch.cuda.is_available() else "cpu")
    base_folder = find_model(request.start)
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
    keep_recipe(recipe, request.out / "recipe.toml")
    if not request.export_only:
        with stop_requested() as stop:
            stage.run(report, stop)
    done = stage.step >= config.optimiser.steps
    folder = _export(stage, config, base_folder, request) if done or request.export_only else None
    return TrainResult(stage.step, config.optimiser.steps, folder)


def _export(stage: DetailStage, config: DetailConfig, base: Path, request: TrainRequest) -> Path:
    name = config.name if stage.step >= config.optimiser.steps else f"{config.name}-{stage.step}"
    folder = request.out / "models" / name
    if not folder.exists():
        record = {"data": data_record(request.data)}
        export_detail(stage.averaged_net, stage.step, config, base=base, folder=folder, training=record)
    return folder
