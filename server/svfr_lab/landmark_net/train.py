"""Trains the five-point net of :mod:`svfr_restore.faces.landmarks` on rendered heads.

``python -m svfr_lab.landmark_net.train --train DIR --eval DIR --out FILE.safetensors`` takes minutes on one
core and writes the weights as float16, with a JSON file of the same name beside them: the recipe, the data,
and the error on the evaluation clips next to that of always answering with the mean face.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from svfr_client.files import whole_file, write_whole
from svfr_lab.heads.dataset import RenderedFolder, file_sha256, open_rendered_folder
from svfr_lab.landmark_net.data import PointBatch, draw_batch
from svfr_lab.landmark_net.measure import measure_points
from svfr_lab.preview_eval.split import open_evaluation_split
from svfr_restore.faces.landmarks import PACKAGED_WEIGHTS, LandmarkNet, cell_centres, mean_points

_REPORT_EVERY_STEPS = 50
# Of the two parts of the loss, the maps' cross-entropy (nats) and the points' distance (shares of the side).
_DISTANCE_WEIGHT = 20.0
# The wanted map is a bell of this standard deviation in cells: finer than a cell's own width it would be a
# single cell, and the mean of the map could not lie between cells.
_BELL_CELLS = 0.8


@dataclass(frozen=True)
class PointsRecipe:
    """Everything that decides the training, beside the data: AdamW, warm-up, cosine, averaged weights."""

    seed: int = 3
    steps: int = 700
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 40
    ema_decay: float = 0.98

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of step ``step`` (from 0)."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return self.learning_rate * warmup * 0.5 * (1.0 + float(np.cos(np.pi * step / self.steps)))


def points_loss(log_maps: torch.Tensor, batch: PointBatch) -> torch.Tensor:
    """Return the loss of maps (N, 5, 24, 24) over the points that lie inside their pictures."""
    # A batch may have no such point: the sum over none is 0 and leaves the net as it is.
    count = batch.inside.sum().clamp(min=1)
    cross_entropy = -(wanted_maps(batch.points) * log_maps).sum((2, 3))
    distance = (mean_points(log_maps) - batch.points).abs().sum(-1)
    return ((cross_entropy + _DISTANCE_WEIGHT * distance) * batch.inside).sum() / count


def wanted_maps(points: torch.Tensor) -> torch.Tensor:
    """Return the bells (N, 5, 24, 24), each summing to one, around points (N, 5, 2) in shares of the side."""
    centres = cell_centres()
    bell = _BELL_CELLS / len(centres)
    across, down = (-((centres - points[..., axis, None]) ** 2) / (2 * bell**2) for axis in (0, 1))
    return functional.softmax((down[..., :, None] + across[..., None, :]).flatten(2), dim=2).unflatten(
        2, (len(centres), len(centres))
    )


def train_points(
    recipe: PointsRecipe, data: RenderedFolder, report: Callable[[dict[str, Any]], None]
) -> LandmarkNet:
    """Return the net with averaged weights, in ``eval`` mode; a step's draws depend on its number alone."""
    torch.manual_seed(recipe.seed)
    net = LandmarkNet()
    average = copy.deepcopy(net).requires_grad_(False).eval()
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=recipe.weight_decay, fused=True)
    losses, started = [], time.monotonic()
    for step in range(recipe.steps):
        batch = draw_batch(data, np.random.default_rng([recipe.seed, step]), recipe.batch)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        loss = points_loss(net(batch.pictures), batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        decay = min(recipe.ema_decay, (step + 1) / (step + 10))
        for mean, value in zip(average.parameters(), net.parameters(), strict=True):
            mean.lerp_(value.detach(), 1.0 - decay)
        losses.append(loss.item())
        if (step + 1) % _REPORT_EVERY_STEPS == 0:
            seconds = time.monotonic() - started
            report({"step": step + 1, "loss": round(float(np.mean(losses)), 4), "seconds": round(seconds)})
            losses = []
    return average


def write_net(net: LandmarkNet, path: Path, record: dict[str, Any]) -> None:
    """Write the weights as float16 and, beside them, the record with their sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch:
        save_file({name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}, scratch)
    complete = {"sha256": file_sha256(path), "bytes": path.stat().st_size, **record}
    write_whole(path.with_suffix(".json"), json.dumps(complete, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Train, measure and write."""
    parser = argparse.ArgumentParser(description="Train the five-point net on rendered heads.")
    parser.add_argument("--train", type=Path, required=True, help="rendered training clips")
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--out", type=Path, default=PACKAGED_WEIGHTS)
    parser.add_argument("--steps", type=int, default=PointsRecipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    recipe = PointsRecipe(steps=asked.steps)
    data, split = open_rendered_folder(asked.train), open_evaluation_split(asked.eval)
    net = train_points(recipe, data, lambda row: print(row, flush=True))
    record = {
        "licence": "Apache-2.0; trained by this project on rendered heads",
        "recipe": asdict(recipe),
        "data": {"settings": asdict(data.settings), "clips_sha256": data.clips_sha256},
        "evaluation_clips_sha256": split.folder.clips_sha256,
    }
    write_net(net, asked.out, record)
    measured = measure_points(asked.out, data, split)
    write_net(net, asked.out, {**record, "measured": measured})
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
