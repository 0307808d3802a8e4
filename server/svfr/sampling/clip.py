"""A clip in memory through a model: the method as a library, without plates, jobs or files.

```python
import svfr

model = svfr.load_model("mini")
restored = svfr.restore_clip(model, clip, ["bfr"])
```

``clip`` are a face's aligned crops as numbers 0..1, as large as the model's crop. What comes back is the
network's own picture of the whole crop: a job carries only the change back into the plate
(``svfr_restore.restore`` does all of that, from files to files).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.diffusion.noise import checked_seed
from svfr.errors import CropShapeMismatch, FacePointsNeeded, NotFinite
from svfr.models.folder import find_model
from svfr.models.model import Model
from svfr.models.model import load_model as load_model_folder
from svfr.precision import Precision
from svfr.sampling.crops_in_memory import CropsInMemory, as_model_sees
from svfr.sampling.finish import attenuation_for, finish_crop
from svfr.sampling.network_input import from_network, to_network
from svfr.sampling.sampler import SamplePlan, two_passes
from svfr.tasks import TaskSet
from svfr_client.arguments import checked
from svfr_client.vocabulary import SAMPLERS, Sampler, unknown_word


@checked
def load_model(name: str | Path, device: str = "cpu", precision: Precision | None = None) -> Model:
    """Load a model by its name (``"mini"``) or from its folder; see :mod:`svfr.models.folder` for where.

        model = svfr.load_model("mini")
        side = model.spec.crop_px

    ``device``: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``. ``precision`` None is the device's own policy.

    Raises BadArgument, DeviceUnavailable, ModelMissing, and what
    :func:`svfr.models.model.load_model` raises: every file's hash and every
    tensor is checked first.
    """
    return load_model_folder(find_model(str(name)), device, precision)


@checked
def restore_clip(
    model: Model,
    clip: Float32,
    tasks: Iterable[str],
    *,
    hole: NDArray[np.bool_] | None = None,
    preset: str = "standard",
    seed: int = 77,
    detail: float | None = None,
    sampler: Sampler = "studio",
) -> Float32:
    """Restore the aligned crops of one face and return them, (F, S, S, 3) float32 in 0..1.

        model = svfr.load_model("mini")
        side = model.spec.crop_px
        clip = np.zeros((4, side, side, 3), np.float32)  # a face's crops, sRGB numbers 0..1
        restored = svfr.restore_clip(model, clip, ["bfr"])

    ``clip`` (F, S, S, 3): display-referred sRGB numbers 0..1, S the model's ``spec.crop_px``, any number of
    frames. ``tasks``: any of "bfr", "colorize", "inpaint". ``hole`` (S, S): what inpaint paints anew; without
    other tasks the pixels outside it are the clip's own. ``preset``: one of ``model.spec.presets``. ``seed``:
    equal seeds give equal results on the same device. ``detail``: 0 to 1, how much fine texture is added;
    None: what the preset says; more than 0 needs a model with a network for it. Both passes run (SVFR section
    3.4): the first restores the reference.

    Raises BadArgument, CropShapeMismatch, NotFinite, UnknownPreset, UnknownTask, SeedOutOfRange,
    DetailOutOfRange, ModelHasNoDetail; FacePointsNeeded for a model whose identity encoder needs the five
    points of the face, which only a job looks for.
    """
    asked = TaskSet.of(tasks)
    hole = np.asarray(hole) if asked.inpaint and hole is not None else None
    codes = _checked(model, clip, hole)
    if sampler not in SAMPLERS:
        raise unknown_word("sampler", sampler, SAMPLERS)
    plan = SamplePlan(asked, model.spec.preset(preset), checked_seed(seed), sampler)
    texture = model.spec.detail_amount(preset, detail)
    rule = attenuation_for(model.spec, asked)
    crops = CropsInMemory(to_network(as_model_sees(model, codes, hole, frozenset(asked.names))))
    restored = np.empty_like(codes)
    for index, picture in two_passes(model, crops, lambda reference: _identity(model, reference), plan):
        picture = finish_crop(model, seen=crops.pixels[index], base=picture, detail=texture, rule=rule)
        restored[index] = from_network(picture).clip(0.0, 1.0)
    if hole is not None and asked.names == ("inpaint",):
        restored = np.where(hole[..., None], restored, codes)
    return restored


def _checked(model: Model, clip: Float32, hole: NDArray[np.bool_] | None) -> Float32:
    """Return the clip as float32 0..1, or raise what is wrong with it."""
    side = model.spec.crop_px
    try:
        given = np.asarray(clip)
    except ValueError as problem:  # rows of different lengths
        raise CropShapeMismatch("The clip is no array.", remedy="Give numpy's.") from problem
    if given.ndim != 4 or given.shape[1:] != (side, side, 3) or not len(given):
        raise CropShapeMismatch(
            f"The clip has the shape {given.shape}; this model takes (frames, {side}, {side}, 3).",
            remedy=f"Crop the face as a square and resize it to {side} px.",
        )
    if not np.issubdtype(given.dtype, np.floating):
        raise CropShapeMismatch(
            f"The clip holds {given.dtype}; this takes floating-point numbers from 0 to 1.",
            remedy="Divide codes of 8 bits by 255.",
        )
    if hole is not None and hole.dtype != np.bool_:
        raise CropShapeMismatch(
            f"The hole holds {hole.dtype}; this takes true and false.", remedy="Give hole > 0.5."
        )
    if hole is not None and hole.shape != (side, side):
        raise CropShapeMismatch(
            f"The hole has the shape {hole.shape}; this model takes ({side}, {side}).",
            remedy="Give one hole of the clip's size.",
        )
    if not np.isfinite(given).all():
        raise NotFinite("The clip holds NaN or infinity.", remedy="Replace those pixels.")
    return np.clip(given.astype(np.float32), 0.0, 1.0)


def _identity(model: Model, reference: torch.Tensor) -> torch.Tensor:
    if model.identity.needs_points:
        raise FacePointsNeeded(
            "This model's identity encoder needs the five points of the face.",
            remedy="Restore files with svfr_restore.restore, which looks for them.",
        )
    return model.identity.encode(reference)
