"""What one face's restored crop brings to the plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from svfr.arrays import Float32
from svfr_client.job import JobSpec
from svfr_ocio.domain import ModelDomain
from svfr_ocio.sanitise import sanitise
from svfr_ocio.transfer import crop_transfer
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_plate
from svfr_restore.mattes.matte import combine, crop_matte
from svfr_restore.media.window import Window
from svfr_restore.paste.target import target
from svfr_restore.plan.plate_crop import FinitePlate
from svfr_restore.plan.track_plan import TrackPlan


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A face's change over the plate pixels of ``window``; everything in the transfer space of ``domain``.

    ``delta`` (h, w, 3) is added through ``matte`` (h, w), 0..1. Where ``hole`` (h, w) is 1 the plate is
    replaced by ``direct`` (h, w, 3); both are None when nothing is replaced. ``crop`` (h, w, 3) alone is in
    the plate's own space: it is a picture to look at, not one to add; None when nobody asked for it.
    """

    domain: ModelDomain
    window: Window
    transform: CropTransform
    crop_px: int
    delta: Float32
    matte: Float32
    direct: Float32 | None
    hole: Float32 | None
    crop: Float32 | None

    def whole_delta(self, plate_rgb: Float32) -> Float32:
        """Return what the patch adds to plate pixels (h, w, 3) at a matte of 1, replaced hole included."""
        if self.direct is None or self.hole is None:
            return self.delta
        weight = np.clip(self.hole, 0.0, 1.0)[..., None]
        replaced = self.direct - self.domain.to_transfer(plate_rgb)
        return self.delta * (1.0 - weight) + replaced * weight


def make_patch(
    spec: JobSpec, plate: FinitePlate, track: TrackPlan, *, m: Float32, mask: Float32 | None
) -> Patch:
    """Return what the model's output ``m`` (S, S, 3), in code values, means for the plate.

    ``mask`` (h, w) is the artist's mask over the plate's data window.
    """
    picture, crop = plate.picture, plate.crop(track)
    x, domain, transform = crop.pixels(), track.domain, crop.transform
    crop_px = track.crop_px
    hole = crop.hole(mask) if "inpaint" in spec.tasks and mask is not None else None
    t = target(np.clip(domain.to_codes(x), 0.0, 1.0), m, spec.tasks, hole)
    transfer = crop_transfer(domain, x, t, hole)
    window = transform.window(crop_px).intersect(picture.data_window)
    square = crop_matte(transform, crop_px, window, spec.feather, picture.display_window)
    roto = None if mask is None else np.ascontiguousarray(mask[window.slices_in(picture.data_window)])
    shown = None
    if "crop" in spec.layers:
        light = domain.from_light(domain.decode(t))
        shown = warp_to_plate(sanitise(domain.from_transfer(light)), transform, window)
    return Patch(
        domain=domain,
        window=window,
        transform=transform,
        crop_px=crop_px,
        delta=warp_to_plate(transfer.delta, transform, window),
        matte=combine(square, roto),
        direct=None if transfer.direct is None else warp_to_plate(transfer.direct, transform, window),
        hole=None if transfer.hole is None else warp_to_plate(transfer.hole, transform, window),
        crop=shown,
    )


def share_matte(patches: Sequence[Patch], data_window: Window) -> list[Patch]:
    """Return the patches with mattes scaled down where those of several faces add up to more than 1."""
    if len(patches) == 1:
        return list(patches)
    total = np.zeros(data_window.shape, np.float32)
    for patch in patches:
        total[patch.window.slices_in(data_window)] += patch.matte
    scale = np.reciprocal(np.maximum(total, np.float32(1.0)), dtype=np.float32)
    return [
        replace(p, matte=np.multiply(p.matte, scale[p.window.slices_in(data_window)], dtype=np.float32))
        for p in patches
    ]
