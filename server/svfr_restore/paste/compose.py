"""One plate frame and what its faces' models returned, put together: warped deltas through mattes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from svfr_client.job import JobSpec
from svfr_ocio.sanitise import sanitise
from svfr_ocio.transfer import apply, crop_transfer, target, weigh
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import cut, lift
from svfr_restore.mattes.hole import hole_of_mask
from svfr_restore.mattes.matte import combine, crop_matte
from svfr_restore.media.exr.layers import Layers
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.paste.weighted_mean import WeightedMean
from svfr_restore.plan.track_plan import TrackPlan

FloatImage = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]
_LUMA_709 = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Where no matte is, a delta is still stored for whoever opens the matte; with this weight against others'.
_FAINT = np.float32(1e-6)


@dataclass(frozen=True)
class Restored:
    """A plate frame after all faces: ``rgb`` (h, w, 3) where ``changed`` (h, w), and the extra layers."""

    rgb: FloatImage
    changed: npt.NDArray[np.bool_]
    layers: Layers | None


@dataclass(frozen=True)
class _Patch:
    """What one face brings, over the plate pixels of ``window``: everything in the transfer space.

    ``crop`` alone is in the plate's own space: it is a picture to look at, not one to add.
    """

    track: TrackPlan
    window: Window
    transform: CropTransform
    delta: FloatImage
    matte: Plane
    direct: FloatImage | None
    hole: Plane | None
    crop: FloatImage | None


def compose(
    spec: JobSpec,
    picture: PlateFrame,
    faces: Sequence[tuple[TrackPlan, FloatImage]],
    mask: Plane | None,
    crop_px: int,
) -> Restored:
    """Put the model outputs of a frame's faces back into the plate.

    ``faces`` pairs each track with the model's output (S, S, 3) in code values; ``mask`` is the artist's
    matte over the data window. Where faces overlap their mattes are scaled to add up to no more than 1, so
    their order does not matter.
    """
    clean = sanitise(picture.rgb)
    patches = [_patch(spec, picture, clean, track, m, mask, crop_px) for track, m in faces]
    patches = [patch for patch in patches if patch.matte.any()]
    changed = np.zeros(picture.rgb.shape[:2], np.bool_)
    if not patches:
        return Restored(picture.rgb, changed, _empty_layers(spec, picture))
    patches = _shared_out(patches, picture.data_window)
    window = reduce(Window.union, (patch.window for patch in patches))
    place = window.slices_in(picture.data_window)
    rgb = picture.rgb.copy()
    rgb[place], changed[place] = _applied(patches, window, np.ascontiguousarray(rgb[place]))
    return Restored(rgb, changed, _layers(spec, picture, rgb, changed, patches, window, crop_px))


def _patch(
    spec: JobSpec,
    picture: PlateFrame,
    clean: FloatImage,
    track: TrackPlan,
    m: FloatImage,
    mask: Plane | None,
    crop_px: int,
) -> _Patch:
    transform = track.crop.transform(picture.frame, crop_px, picture.pixel_aspect)
    x = cut(clean, picture.data_window, transform, crop_px)
    c = np.clip(track.domain.to_codes(x), 0.0, 1.0)
    hole = None
    if "inpaint" in spec.tasks and mask is not None:
        hole = hole_of_mask(mask, picture.data_window, transform, crop_px)
    t = target(c, m, frozenset(spec.tasks), hole)
    transfer = crop_transfer(track.domain, x, t, hole)
    window = transform.window(crop_px).intersect(picture.data_window)
    square = crop_matte(transform, crop_px, window, spec.feather, picture.display_window)
    roto = None if mask is None else np.ascontiguousarray(mask[window.slices_in(picture.data_window)])
    crop = None
    if "crop" in spec.layers:
        light = track.domain.from_light(track.domain.decode(t))
        crop = lift(sanitise(track.domain.from_transfer(light)), transform, window)
    return _Patch(
        track,
        window,
        transform,
        lift(transfer.delta, transform, window),
        combine(square, roto),
        None if transfer.direct is None else lift(transfer.direct, transform, window),
        None if transfer.hole is None else lift(transfer.hole, transform, window),
        crop,
    )


def _shared_out(patches: list[_Patch], data_window: Window) -> list[_Patch]:
    """Scale mattes down where several faces' add up to more than 1."""
    if len(patches) == 1:
        return patches
    total = np.zeros(data_window.shape, np.float32)
    for patch in patches:
        total[patch.window.slices_in(data_window)] += patch.matte
    scale = np.reciprocal(np.maximum(total, np.float32(1.0)), dtype=np.float32)
    return [
        replace(p, matte=np.multiply(p.matte, scale[p.window.slices_in(data_window)], dtype=np.float32))
        for p in patches
    ]


def _applied(
    patches: Sequence[_Patch], window: Window, plate_rgb: FloatImage
) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """Apply all patches at once to the plate pixels of their common window.

    All are in one transfer space: a job's domains differ in their exposure only.
    """
    weighted = np.zeros((*window.shape, 3), np.float32)
    direct, direct_weight = WeightedMean(window.shape), np.zeros(window.shape, np.float32)
    for patch in patches:
        place = patch.window.slices_in(window)
        delta, replaced = weigh(patch.delta, patch.matte, patch.hole)
        weighted[place] += delta
        if patch.direct is not None and replaced is not None:
            direct.add(place, patch.direct, replaced)
            direct_weight[place] += replaced
    domain = patches[0].track.domain
    if not direct_weight.any():
        return apply(domain, plate_rgb, weighted)
    return apply(domain, plate_rgb, weighted, direct.value, direct_weight)


def _layers(
    spec: JobSpec,
    picture: PlateFrame,
    rgb: FloatImage,
    changed: npt.NDArray[np.bool_],
    patches: Sequence[_Patch],
    window: Window,
    crop_px: int,
) -> Layers | None:
    """Return the asked layers over the union of the faces' windows.

    plate + matte x delta is the restored picture, in the transfer space: a compositor can change the matte.
    """
    if not spec.layers:
        return None
    delta, crop = WeightedMean(window.shape), WeightedMean(window.shape)
    matte = np.zeros(window.shape, np.float32)
    for patch in patches:
        place = patch.window.slices_in(window)
        weight = np.maximum(patch.matte, _FAINT)
        if "delta" in spec.layers:
            plate_part = np.ascontiguousarray(picture.rgb[patch.window.slices_in(picture.data_window)])
            delta.add(place, _whole_delta(patch, plate_part), weight)
        if patch.crop is not None:
            crop.add(place, patch.crop, weight)
        matte[place] += patch.matte
    st = _crop_coordinates(patches[0].transform, window, crop_px) if "st" in spec.layers else None
    return Layers(
        window,
        delta.value if "delta" in spec.layers else None,
        matte if "matte" in spec.layers else None,
        crop.value if "crop" in spec.layers else None,
        _luma_change(picture, rgb, changed, window) if "diff" in spec.layers else None,
        st,
    )


def _empty_layers(spec: JobSpec, picture: PlateFrame) -> Layers | None:
    """Return the asked layers of a frame without a face: one pixel of zeros.

    Hosts take the channels of a sequence from one of its frames, so every frame must have them.
    """
    if not spec.layers:
        return None
    window = Window(picture.data_window.x, picture.data_window.y, 1, 1)
    plane, colour = np.zeros((1, 1), np.float32), np.zeros((1, 1, 3), np.float32)
    return Layers(
        window,
        colour if "delta" in spec.layers else None,
        plane if "matte" in spec.layers else None,
        colour if "crop" in spec.layers else None,
        plane if "diff" in spec.layers else None,
        np.zeros((1, 1, 2), np.float32) if "st" in spec.layers else None,
    )


def _whole_delta(patch: _Patch, plate_part: FloatImage) -> FloatImage:
    """Return what the patch adds at a matte of 1, the replaced hole included."""
    if patch.direct is None or patch.hole is None:
        return patch.delta
    share = np.clip(patch.hole, 0.0, 1.0)[..., None]
    replaced = patch.direct - patch.track.domain.to_transfer(plate_part)
    return patch.delta * (1.0 - share) + replaced * share


def _luma_change(
    picture: PlateFrame, rgb: FloatImage, changed: npt.NDArray[np.bool_], window: Window
) -> Plane:
    difference = np.zeros(picture.rgb.shape[:2], np.float32)
    difference[changed] = (rgb[changed] - sanitise(picture.rgb[changed][None])[0]) @ _LUMA_709
    return np.ascontiguousarray(difference[window.slices_in(picture.data_window)])


def _crop_coordinates(transform: CropTransform, window: Window, crop_px: int) -> FloatImage:
    """Return each pixel's place in the first face's crop, 0..1 from the lower left, as STMap wants."""
    columns = np.arange(window.x, window.right, dtype=np.float64) + 0.5
    rows = np.arange(window.y, window.bottom, dtype=np.float64) + 0.5
    u, v = transform.to_crop(columns, rows)
    across, down = np.meshgrid(u / crop_px, 1.0 - v / crop_px)
    return np.stack([across, down], axis=-1).astype(np.float32)
