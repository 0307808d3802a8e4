"""One plate frame and what its faces' models returned, put together: warped deltas through mattes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from svfr.arrays import Float32
from svfr_client.job import JobSpec
from svfr_ocio.transfer import apply, weigh
from svfr_restore.media.exr.layers import Layers
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.paste.layers import Pasted, make_layers, stored
from svfr_restore.paste.patch import Patch, make_patch, share_matte
from svfr_restore.paste.weighted_mean import WeightedMean
from svfr_restore.plan.model_output import ModelOutput
from svfr_restore.plan.plate_crop import FinitePlate, Square
from svfr_restore.plan.track_plan import TrackPlan


@dataclass(frozen=True)
class Restored:
    """A plate frame after all faces: ``rgb`` (h, w, 3) where ``changed`` (h, w), and the extra layers.

    Both lie over ``window``, which holds every change and is empty where there is none.
    """

    window: Window
    rgb: Float32
    changed: npt.NDArray[np.bool_]
    layers: Layers | None


def paste(
    spec: JobSpec,
    picture: PlateFrame,
    faces: Sequence[tuple[TrackPlan, ModelOutput]],
    mask: Float32 | None,
    squares: Sequence[Square | None] = (),
) -> Restored:
    """Put the model outputs of a frame's faces back into the plate.

    ``faces`` pairs each track with the model's output in code values; ``mask`` is the artist's mask over the
    data window, and ``squares`` are the faces' squares as far as they are kept. Where faces overlap their
    mattes are scaled to add up to no more than 1, so their order does not matter.
    """
    plate = FinitePlate(picture)
    patches = [
        make_patch(spec, plate, track, m=m, mask=mask, known=known)
        for (track, m), known in itertools.zip_longest(faces, squares)
    ]
    patches = [patch for patch in patches if patch.matte.any()]
    data_window = picture.data_window
    if not patches:
        nothing = Window(data_window.x, data_window.y, 0, 0)
        layers = Layers.empty(stored(spec.layers), data_window) if stored(spec.layers) else None
        return Restored(nothing, np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.bool_), layers)
    patches = share_matte(patches, data_window)
    window = reduce(Window.union, (patch.window for patch in patches))
    before = np.ascontiguousarray(picture.rgb[window.slices_in(data_window)])
    rgb, changed = _applied(patches, window, before)
    pasted = Pasted(picture=picture, rgb=rgb, changed=changed, patches=patches, window=window)
    layers = make_layers(stored(spec.layers), pasted) if stored(spec.layers) else None
    return Restored(window, rgb, changed, layers)


def _applied(
    patches: Sequence[Patch], window: Window, plate_rgb: Float32
) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Apply all patches at once to the plate pixels of their common window.

    All are in one transfer space: a job's domains differ in their exposure only.
    """
    weighted = np.zeros((*window.shape, 3), np.float32)
    direct, direct_weight = WeightedMean(window.shape), np.zeros(window.shape, np.float32)
    for patch in patches:
        place = patch.window.slices_in(window)
        change = patch.change
        delta, replaced = weigh(change.delta, patch.matte, change.hole)
        weighted[place] += delta
        if change.direct is not None and replaced is not None:
            direct.add(place, change.direct, replaced)
            direct_weight[place] += replaced
    domain = patches[0].domain
    if not direct_weight.any():
        return apply(domain, plate_rgb, weighted)
    return apply(domain, plate_rgb, weighted, direct.value, direct_weight)
