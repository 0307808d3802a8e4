"""What the tasks of a job ask for: whose luma and whose chroma, in the model's code values."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from svfr.arrays import Float32, Mask
from svfr.luma import luma_601
from svfr.tasks import TaskSet
from svfr_ocio.channels import in_any_channel
from svfr_ocio.errors import ModelReturnedNonFinite, NotAnRgbImage
from svfr_ocio.processors import require_plane, require_rgb


def target(crop: Float32, model_output: Float32, tasks: Collection[str], hole: Mask | None = None) -> Float32:
    """Return the picture the tasks ask for, in code values 0..1.

    ``crop`` is the unprepared crop clipped to 0..1, ``model_output`` is clipped here, both (h, w, 3).
    Luma is the model's for bfr, else the crop's; chroma is the model's for bfr or colorize, else the
    crop's; inside ``hole`` (h, w) everything is the model's when inpaint is among the tasks. Luma is
    Rec.601 on code values, as in the paper's grey preparation. The target equals the crop exactly
    wherever the model's output does.

    Raises UnknownTask, :class:`~svfr_ocio.errors.ModelReturnedNonFinite` and
    :class:`~svfr_ocio.errors.NotAnRgbImage`.
    """
    asked = TaskSet.of(tasks)
    require_rgb(crop, "The crop")
    _require_model_output(model_output, crop)
    bounded = np.clip(model_output, 0.0, 1.0)
    if asked.bfr:
        return bounded
    outside = _with_luma_of(bounded, crop) if asked.colorize else crop.copy()
    if asked.inpaint and hole is not None:
        require_plane(hole, crop, "The hole")
        outside[hole] = bounded[hole]
    return outside


def _with_luma_of(model_output: Float32, crop: Float32) -> Float32:
    """Return ``model_output`` with the luma of ``crop``, drawn towards grey where it would leave 0..1."""
    moved: Float32 = model_output + luma_601(crop - model_output)
    outside = (moved < 0.0) | (moved > 1.0)
    pixels = in_any_channel(outside)
    if pixels.any():
        luma = luma_601(crop[pixels])
        chroma = moved[pixels] - luma
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(chroma > 0.0, (1.0 - luma) / chroma, np.where(chroma < 0.0, -luma / chroma, 1.0))
        scale = np.clip(room.min(axis=1, keepdims=True), 0.0, 1.0)
        moved[pixels] = np.clip(luma + scale * chroma, 0.0, 1.0)
    return moved


def _require_model_output(model_output: Float32, crop: Float32) -> None:
    require_rgb(model_output, "The model's output")
    if model_output.shape != crop.shape:
        raise NotAnRgbImage(
            f"The model's output has the shape {model_output.shape}, but the crop is {crop.shape}.",
            remedy="Pass the output for this crop.",
        )
    if not np.isfinite(model_output).all():
        raise ModelReturnedNonFinite(
            "The model's output contains NaN or infinity.",
            remedy="Run the job in float32, or check the model folder.",
        )
