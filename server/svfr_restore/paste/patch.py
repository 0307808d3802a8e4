"""What one face's restored crop brings to the plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from svfr.arrays import Float32
from svfr_client.job import JobSpec
from svfr_ocio.domain import ModelDomain
from svfr_ocio.sanitise import sanitise
from svfr_ocio.transfer import CropTransfer, crop_transfer
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_plate
from svfr_restore.mattes.matte import combine, crop_matte
from svfr_restore.media.window import Window
from svfr_restore.paste.invention import invented_by
from svfr_restore.paste.spread import seed_spread
from svfr_restore.paste.target import target
from svfr_restore.plan.model_output import ModelOutput
from svfr_restore.plan.plate_crop import FinitePlate, Square
from svfr_restore.plan.track_plan import TrackPlan


@dataclass(frozen=True, kw_only=True)
class PlateChange:
    """What a crop's answer changes on the plate, in the transfer space.

    ``delta`` (h, w, 3) is added; where ``hole`` (h, w) is 1 the plate is replaced by ``direct`` (h, w, 3).
    Both are None when nothing is replaced.
    """

    delta: Float32
    direct: Float32 | None
    hole: Float32 | None

    @classmethod
    def of(cls, transfer: CropTransfer, transform: CropTransform, window: Window) -> PlateChange:
        """Return the change of a crop on the plate pixels of ``window``."""
        direct, hole = transfer.direct, transfer.hole
        return cls(
            delta=warp_to_plate(transfer.delta, transform, window),
            direct=None if direct is None else warp_to_plate(direct, transform, window),
            hole=None if hole is None else warp_to_plate(hole, transform, window),
        )

    def towards(self, other: PlateChange, share: float) -> PlateChange:
        """Return what lies at ``share``, 0 to 1, on the way to another answer to the same crop.

        It is mixed on the plate, in the transfer space, as a comp mixes the layers base and detail: to mix
        the crops first would be something else, since the resampler holds its results within the range of
        what it read. At 0 and 1 an end comes back as it is.
        """
        if share in (0.0, 1.0):
            return other if share else self
        if self.hole is None and other.hole is None:
            return PlateChange(delta=_between(self.delta, other.delta, share), direct=None, hole=None)
        (added, put, hole), (other_added, other_put, other_hole) = self._weighed(), other._weighed()
        weight = _between(hole, other_hole, share)
        return PlateChange(
            delta=_over(_between(added, other_added, share), np.float32(1.0) - weight),
            direct=_over(_between(put, other_put, share), weight),
            hole=weight,
        )

    def _weighed(self) -> tuple[Float32, Float32, Float32]:
        """Return the delta and the direct picture, each times its share, and the share of the latter."""
        if self.direct is None or self.hole is None:
            return self.delta, np.zeros_like(self.delta), np.zeros(self.delta.shape[:2], np.float32)
        hole = np.clip(self.hole, 0.0, 1.0)
        return self.delta * (1.0 - hole)[..., None], self.direct * hole[..., None], hole

    def whole_delta(self, domain: ModelDomain, plate_rgb: Float32) -> Float32:
        """Return what is added to plate pixels (h, w, 3) at a matte of 1, replaced hole included."""
        if self.direct is None or self.hole is None:
            return self.delta
        weight = np.clip(self.hole, 0.0, 1.0)[..., None]
        replaced = self.direct - domain.to_transfer(plate_rgb)
        return self.delta * (1.0 - weight) + replaced * weight


def _between(first: Float32, second: Float32, share: float) -> Float32:
    return first + np.float32(share) * (second - first)


def _over(weighed: Float32, weight: Float32) -> Float32:
    """Return a picture (h, w, 3) from what it is times a weight (h, w); 0 where that is 0."""
    weights = np.broadcast_to(weight[..., None], weighed.shape)
    return np.divide(weighed, weights, out=np.zeros_like(weighed), where=weights > 0.0)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A face's change over the plate pixels of ``window``, in the transfer space of ``domain``.

    ``change`` enters the plate through ``matte`` (h, w), 0..1. What is None nobody asked for: ``ends`` are
    the changes without detail and with all of it; ``crop`` (h, w, 3) alone is in the plate's own space, a
    picture to look at, not one to add; ``invention`` and ``spread`` (h, w) are in code values.
    """

    domain: ModelDomain
    window: Window
    transform: CropTransform
    crop_px: int
    change: PlateChange
    matte: Float32
    ends: tuple[PlateChange, PlateChange] | None = None
    crop: Float32 | None = None
    invention: Float32 | None = None
    spread: Float32 | None = None


def make_patch(
    spec: JobSpec,
    plate: FinitePlate,
    track: TrackPlan,
    *,
    m: ModelOutput,
    mask: Float32 | None,
    known: Square | None = None,
) -> Patch:
    """Return what the model's output ``m``, in code values, means for the plate.

    ``known`` is the face's square where it is at hand; ``mask`` (h, w) is the artist's mask over the plate's
    data window.
    """
    picture, crop = plate.picture, plate.crop(track, known)
    (x, codes), domain, transform = crop.square, track.domain, crop.transform
    crop_px = track.crop_px
    hole = crop.hole(mask) if "inpaint" in spec.tasks and mask is not None else None
    window = transform.window(crop_px).intersect(picture.data_window)
    place = window.slices_in(picture.data_window)

    def wanted(ends: Sequence[Float32]) -> list[Float32]:
        return [target(codes, end, spec.tasks, hole) for end in ends]

    def between(targets: Sequence[Float32]) -> Float32:
        """Return the light between the ends, mixed as the plate will show it."""
        first, last = domain.decode(targets[0]), domain.decode(targets[-1])
        return first + np.float32(m.detail) * (last - first)

    def on_plate(transfer: CropTransfer) -> PlateChange:
        return PlateChange.of(transfer, transform, window)

    targets = wanted(m.ends)
    ends = [on_plate(crop_transfer(domain, x, t, hole, seen=codes)) for t in targets]
    change = ends[0].towards(ends[-1], m.detail)
    square = crop_matte(transform, crop_px, window, spec.feather, picture.display_window)
    roto = None if mask is None else np.ascontiguousarray(mask[place])
    patch = Patch(
        domain=domain,
        window=window,
        transform=transform,
        crop_px=crop_px,
        change=change,
        matte=combine(square, roto),
    )
    if {"base", "detail"} & set(spec.layers):
        patch = replace(patch, ends=(ends[0], ends[-1]))
    if "crop" in spec.layers:
        light = domain.from_light(between(targets))
        shown = warp_to_plate(sanitise(domain.from_transfer(light)), transform, window)
        patch = replace(patch, crop=shown)
    if "invention" in spec.layers:
        rgb = np.ascontiguousarray(plate.rgb[place])
        added = change.whole_delta(domain, rgb)
        unseen = invented_by(added, domain, rgb, hole=change.hole, tasks=spec.tasks)
        patch = replace(patch, invention=unseen)
    if "spread" in spec.layers:
        seeds = [domain.encode(between(wanted(ends))) for ends in (m.ends, *m.others)]
        patch = replace(patch, spread=warp_to_plate(seed_spread(seeds), transform, window))
    return patch


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
