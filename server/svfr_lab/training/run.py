"""A training run from a recipe to a model folder: what ``svfr train`` does.

The run's folder holds ``recipe.toml`` (a copy), ``state.pt``, ``log.jsonl``, ``sheets/`` and, when training
is done, ``models/NAME``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, TypedDict

import torch

from svfr.models.folder import find_model
from svfr.models.model import load_model
from svfr.sampling.network_input import HoleFill
from svfr.training.detail.recipe import is_detail_recipe
from svfr.training.errors import RecipeInvalid
from svfr.training.export.folder import export_model
from svfr.training.loop.trainer import Trainer
from svfr.training.recipe.config import NetworkConfig, Recipe, read_recipe
from svfr.training.reference.recipe import is_reference_recipe
from svfr_lab.clips.degraded_clips import DegradedClips, RenderedClips
from svfr_lab.clips.list_file import LIST_SUFFIX
from svfr_lab.clips.parallel_clips import ParallelClips
from svfr_lab.clips.portrait_clips import PortraitClips
from svfr_lab.clips.portraits import is_portrait_list
from svfr_lab.clips.video_clips import VideoClips
from svfr_lab.training.detail_run import train_detail
from svfr_lab.training.reference_run import train_reference_net
from svfr_lab.training.request import (
    TrainRequest,
    TrainResult,
    data_record,
    keep_data_record,
    keep_recipe,
    stop_requested,
)
from svfr_lab.training.tensorboard_log import Board
from svfr_lab.training.validation_sheet import write_sheet

# What a recipe without facial prior is given; the identity encoder cuts faces by them.
_FEWEST_LANDMARKS = 5


def find_recipe(name_or_path: str) -> Path:
    """Return the file of a recipe; raises RecipeInvalid, which lists the packaged ones."""
    packaged = Path(str(resources.files("svfr.training") / "configs"))
    for path in (Path(name_or_path), packaged / f"{name_or_path}.toml"):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in packaged.glob("*.toml")))
    raise RecipeInvalid(
        f"There is no recipe {name_or_path!r}.", remedy=f"Give a TOML file, or one of: {names}."
    )


class _Seen(TypedDict):
    """What clips of every kind are prepared by: the tasks drawn, and how a hole is shown to the network."""

    task_shares: Mapping[str, float]
    hole_fill: HoleFill
    hole_plane: bool


def open_clips(data: Path, config: Recipe) -> DegradedClips:
    """Return the training clips of a rendered folder, or of a list of clips (``.jsonl``).

    They are prepared as the recipe's network sees them. A list's clips must be as long as the longest phase.
    """
    network = config.network
    prior = config.facial_prior if config.losses.facial_prior else None
    landmarks = _FEWEST_LANDMARKS if prior is None else prior.landmarks
    fill: HoleFill = "white"
    plane = False
    if isinstance(network, NetworkConfig):
        fill, plane = network.hole_fill, network.hole_plane
    seen: _Seen = {"task_shares": config.task_shares, "hole_fill": fill, "hole_plane": plane}
    if is_portrait_list(data):
        return PortraitClips(path=data, crop_px=network.crop_px, points=prior is not None, **seen)
    if data.suffix != LIST_SUFFIX:
        return RenderedClips(data, landmarks=landmarks, **seen)
    frames = max(phase.frames for phase in config.phases)
    return VideoClips(
        list_file=data, crop_px=network.crop_px, least_frames=frames, landmarks=landmarks, **seen
    )


def train(request: TrainRequest, report: Callable[[dict[str, Any]], None]) -> TrainResult:
    """Train until the recipe is done or the process is told to stop; ``report`` gets each row of the log.

    Recipes joined by "+" run one after the other, each in a folder of its name and from the model of the one
    before. SIGTERM and Ctrl-C stop after the step in hand and save. The same request goes on exactly where
    the last process saved, however it ended.
    """
    if "+" in request.recipe:
        return _one_after_the_other(request, report)
    recipe = find_recipe(request.recipe)
    if is_detail_recipe(recipe):
        return train_detail(recipe, request, report)
    if is_reference_recipe(recipe):
        return train_reference_net(recipe, request, report)
    config = read_recipe(recipe)
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    clips = open_clips(request.data, config)
    source = ParallelClips(clips, request.workers) if request.workers else clips
    start = None if request.start is None else load_model(find_model(request.start))
    trainer = Trainer(
        config=config, source=source, folder=request.out, device=request.device, svd=request.svd, start=start
    )
    if trainer.is_main:
        keep_recipe(recipe, request.out / "recipe.toml")
        keep_data_record(request)
    board = Board(request.out / "tensorboard") if request.tensorboard and trainer.is_main else None

    def report_all(row: dict[str, Any]) -> None:
        report(row)
        if board is not None:
            board.write(row)

    def sheet(step: int) -> None:
        frames = config.phase_at(step - 1).frames
        path = request.out / "sheets" / f"{step:07d}.png"
        path.parent.mkdir(exist_ok=True)
        write_sheet(path, trainer.averaged_net, config, clips, frames=max(frames, 2))

    if not request.export_only:
        with stop_requested() as stop:
            trainer.run(report_all, stop, sheet)
    done = trainer.step >= config.steps
    folder = _export(trainer, config, request) if done or request.export_only else None
    return TrainResult(trainer.step, config.steps, folder)


def _one_after_the_other(request: TrainRequest, report: Callable[[dict[str, Any]], None]) -> TrainResult:
    start, result = request.start, TrainResult(0, 0, None)
    for name in request.recipe.split("+"):
        part = replace(request, recipe=name, out=request.out / Path(name).stem, start=start)
        result = train(part, report)
        if result.folder is None:
            return result
        start = str(result.folder)
    return result


def _export(trainer: Trainer, config: Recipe, request: TrainRequest) -> Path | None:
    """Write the model folder, named by its steps while the run is not done; one that is there stays."""
    name = config.name if trainer.step >= config.steps else f"{config.name}-{trainer.step}"
    folder = request.out / "models" / name
    if not trainer.is_main:
        return None
    if not folder.exists():
        record = {"data": data_record(request.data)}
        export_model(trainer.averaged_net, trainer.step, config, folder, record)
    return folder
