"""The layers a compositor may ask for beside the restored picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from svfr.arrays import Float32
from svfr.luma import LUMA_709
from svfr_ocio.sanitise import sanitise
from svfr_restore.media.exr.layers import LAYER_CHANNELS, Layers
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.paste.patch import Patch, PlateChange
from svfr_restore.paste.weighted_mean import WeightedMean

T = TypeVar("T")

_LUMA_709 = LUMA_709.astype(np.float32)
# Where no matte is, a delta is still stored for whoever opens the matte; with this weight against others'.
_FAINT = np.float32(1e-6)


@dataclass(frozen=True, kw_only=True)
class Pasted:
    """One frame whose patches are in: the plate's ``picture``, its new ``rgb`` where ``changed``."""

    picture: PlateFrame
    rgb: Float32
    changed: npt.NDArray[np.bool_]
    patches: Sequence[Patch]
    window: Window

    def mean(self, picture_of: Callable[[Patch], Float32]) -> Float32:
        """Return the mean of a picture of every patch, weighted by the mattes."""
        total = WeightedMean(self.window.shape)
        for patch in self.patches:
            weight = np.maximum(patch.matte, _FAINT)
            total.add(patch.window.slices_in(self.window), picture_of(patch), weight)
        return total.value

    def mean_plane(self, plane_of: Callable[[Patch], Float32]) -> Float32:
        """Return the same of a plane (h, w) of every patch."""
        mean = self.mean(lambda patch: plane_of(patch)[..., None])
        return np.ascontiguousarray(mean[..., 0])


def stored(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of a job's layers that have channels; "identity" is a figure in the metadata."""
    return tuple(name for name in names if name in LAYER_CHANNELS)


def make_layers(names: Collection[str], pasted: Pasted) -> Layers:
    """Return the named layers over the union of the faces' windows.

    plate + matte x delta is the restored picture, in the transfer space: a compositor can change the matte.
    delta is base + the job's detail x detail: a compositor can add another share of detail.
    """
    return Layers(pasted.window, {name: _MAKERS[name](pasted) for name in names})


def _whole(pasted: Pasted, patch: Patch, change: PlateChange) -> Float32:
    place = patch.window.slices_in(pasted.picture.data_window)
    return change.whole_delta(patch.domain, np.ascontiguousarray(pasted.picture.rgb[place]))


def _delta(pasted: Pasted) -> Float32:
    return pasted.mean(lambda patch: _whole(pasted, patch, patch.change))


def _base(pasted: Pasted) -> Float32:
    return pasted.mean(lambda patch: _whole(pasted, patch, _asked_for(patch.ends)[0]))


def _detail(pasted: Pasted) -> Float32:
    def added(patch: Patch) -> Float32:
        without, with_all = _asked_for(patch.ends)
        return _whole(pasted, patch, with_all) - _whole(pasted, patch, without)

    return pasted.mean(added)


def _crop(pasted: Pasted) -> Float32:
    return pasted.mean(lambda patch: _asked_for(patch.crop))


def _invention(pasted: Pasted) -> Float32:
    return pasted.mean_plane(lambda patch: _asked_for(patch.invention))


def _spread(pasted: Pasted) -> Float32:
    return pasted.mean_plane(lambda patch: _asked_for(patch.spread))


def _asked_for(part: T | None) -> T:
    assert part is not None, "patches are made for the layers that are asked for"
    return part


def _matte(pasted: Pasted) -> Float32:
    matte = np.zeros(pasted.window.shape, np.float32)
    for patch in pasted.patches:
        matte[patch.window.slices_in(pasted.window)] += patch.matte
    return matte


def _luma_change(pasted: Pasted) -> Float32:
    """Return the Rec.709 luma of restored minus plate, 0 where nothing changed."""
    place = pasted.window.slices_in(pasted.picture.data_window)
    old, changed = pasted.picture.rgb[place], pasted.changed
    difference = np.zeros(changed.shape, np.float32)
    difference[changed] = (pasted.rgb[changed] - sanitise(old[changed][None])[0]) @ _LUMA_709
    return difference


def _crop_coordinates(pasted: Pasted) -> Float32:
    """Return each pixel's place in the first face's crop, 0..1 from the lower left, as STMap wants."""
    window, first = pasted.window, pasted.patches[0]
    columns = np.arange(window.x, window.right, dtype=np.float64) + 0.5
    rows = np.arange(window.y, window.bottom, dtype=np.float64) + 0.5
    u, v = first.transform.to_crop(columns, rows)
    across, down = np.meshgrid(u / first.crop_px, 1.0 - v / first.crop_px)
    return np.stack([across, down], axis=-1).astype(np.float32)


_MAKERS: Mapping[str, Callable[[Pasted], Float32]] = {
    "delta": _delta,
    "base": _base,
    "detail": _detail,
    "crop": _crop,
    "matte": _matte,
    "diff": _luma_change,
    "invention": _invention,
    "spread": _spread,
    "st": _crop_coordinates,
}
