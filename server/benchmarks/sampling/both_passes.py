"""Both passes of a model folder over stored crops: the part of ``against_commit`` that runs on either code.

    python both_passes.py MODEL_FOLDER CROPS.npz PICTURES.npz

``CROPS.npz`` holds arrays named ``<tasks>/<clip>`` (F, 3 or 4, S, S), as a network sees them;
``PICTURES.npz`` gets ``<tasks>/<clip>`` (F, 3, S, S), what pass 2 made of each. ``PYTHONPATH`` decides which
code runs, and where that lies is printed. Names are looked for where they live today and where they lived
before the packages had rooms.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

HOMES = {
    "load_model": ("svfr.models.model", "svfr.model"),
    "SamplePlan": ("svfr.sampling.sampler", "svfr.sampler"),
    "two_passes": ("svfr.sampling.sampler", "svfr.sampler"),
    "TaskSet": ("svfr.tasks",),
}
SEED = 77


class Crops:
    """Crops in memory as the sampler takes them, numbered from 0."""

    def __init__(self, pixels: torch.Tensor) -> None:
        self.pixels, self.frames = pixels, range(len(pixels))

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return the crops (stop - start, 3 or 4, S, S)."""
        return self.pixels[start:stop]


def found(name: str) -> Any:
    """Return a name of the method from the first of its homes that this code has."""
    for home in HOMES[name]:
        try:
            return getattr(importlib.import_module(home), name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(name)


def main(folder: str, crops: str, pictures: str) -> None:
    """Restore every clip and store what came out."""
    torch.set_num_threads(1)
    model = found("load_model")(Path(folder), "cpu")
    restored = {}
    for name, pixels in np.load(crops).items():
        tasks = found("TaskSet").of(name.split("/")[0].split("+"))
        plan = found("SamplePlan")(tasks, model.spec.presets["standard"], SEED)
        identify = model.identity.encode
        passes = found("two_passes")(model, Crops(torch.from_numpy(pixels)), identify, plan)
        restored[name] = np.stack([picture.numpy() for _, picture in passes])
    with Path(pictures).open("wb") as file:
        np.savez(file, allow_pickle=False, **restored)
    print(importlib.import_module("svfr.tasks").__file__)


if __name__ == "__main__":
    main(*sys.argv[1:])
