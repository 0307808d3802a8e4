"""Carry what the model changed back to the plate: the gated delta.

The model saw ``c``, the plate clipped to 0..1. Its answer and the tasks of the job make a target ``t``, the
picture that is wanted in its place. What the clipping hid from the model, the residual ``r = light -
clip(light)`` (highlights above 1, colours outside Rec.709), returns as far as the target left the channel at
its limit, and disappears smoothly where something else was painted:

    gate = 1                                        where the plate was inside 0..1
           smoothstep((t - HIGH) / (1 - HIGH))      where it was above 1
           smoothstep((LOW - t) / LOW)              where it was below 0
    D    = decode(t) - clip(light) - (1 - gate) r   and exactly 0 where |t - c| <= SAME_CODES

D is added to the plate through a matte. So a model that returns its input returns the plate bit for bit,
and a blown-out patch that the model paints over is gone. Inside the hole of an inpainting task the plate is
not improved but replaced. The thresholds come from a sweep over a synthetic plate: HIGH 0.80 to 0.90 and
LOW 0 to 0.02 were equally good, higher ones lost highlights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from svfr_client.arguments import checked
from svfr_ocio import errors
from svfr_ocio.arrays import Float32, Mask
from svfr_ocio.channels import in_any_channel, in_every_channel
from svfr_ocio.domain import ModelDomain
from svfr_ocio.processors import require_plane, require_rgb
from svfr_ocio.sanitise import HALF_MAX

HIGH = 0.90
LOW = 0.02
SAME_CODES = 2.0**-23
"""Codes this close are one code: what a float32 value in 0..1 may lose on its way through -1..1 and back."""


@dataclass(frozen=True, eq=False)
class CropTransfer:
    """What a crop gives back, at crop resolution, in the domain's transfer space.

    ``delta`` (h, w, 3) is what to add; it is exactly 0.0 where the model changed nothing. ``direct`` (h, w,
    3) is the finished picture and ``hole`` (h, w) is 1.0 where it replaces the plate; both are None when
    nothing is replaced.
    """

    delta: Float32
    direct: Float32 | None
    hole: Float32 | None


@checked
def crop_transfer(
    domain: ModelDomain, x: Float32, t: Float32, hole: Mask | None = None, *, seen: Float32 | None = None
) -> CropTransfer:
    """Return what the target ``t`` means for the plate.

    ``x`` (h, w, 3) is the crop in the plate's own values, before any preparation for the model; ``t`` the
    target in code values; ``hole`` (h, w) the pixels an inpainting task replaces (None without that task).
    The target must come from the same ``x``: it is compared with ``clip(domain.to_codes(x), 0, 1)``, which
    is ``seen`` where a caller has it already.
    """
    require_rgb(t, "The target")
    if t.shape != x.shape:
        raise errors.NotAnRgbImage(
            f"The target has the shape {t.shape}, but the crop is {x.shape}.",
            remedy="Pass the crop's own target.",
        )
    transfer = domain.to_transfer(x)
    light = domain.to_light(transfer)
    if seen is None:
        seen = np.clip(domain.encode(light), 0.0, 1.0)
    changed = np.abs(t - seen) > SAME_CODES
    wanted = domain.decode(t)
    delta = domain.from_light(_gated_difference(light, wanted, t, changed))
    if hole is None:
        return CropTransfer(delta, None, None)
    require_plane(hole, x, "The hole")
    replaced = hole & in_any_channel(changed)
    if not replaced.any():
        return CropTransfer(delta, None, None)
    new = domain.from_light(wanted[replaced][None])[0]
    delta[replaced] = new - transfer[replaced]
    direct = transfer + delta
    direct[replaced] = new
    return CropTransfer(delta, direct, replaced.astype(np.float32))


def weigh(delta: Float32, matte: Float32, hole: Float32 | None = None) -> tuple[Float32, Float32 | None]:
    """Split a matte between the delta and the direct picture, for :func:`apply`.

    ``delta`` (h, w, 3), ``matte`` (h, w) and ``hole`` (h, w), the share 0..1 that is replaced, are at plate
    resolution. Returns ``(weighted_delta, direct_weight)``; the two shares add up to the matte.
    """
    if hole is None:
        return delta * matte[..., None], None
    share = np.clip(hole, 0.0, 1.0)
    return delta * (matte * (1.0 - share))[..., None], matte * share


def apply(
    domain: ModelDomain,
    plate_rgb: Float32,
    weighted_delta: Float32,
    direct: Float32 | None = None,
    direct_weight: Float32 | None = None,
) -> tuple[Float32, Mask]:
    """Return the restored plate and the pixels that were replaced; all other bits are the plate's.

    ``plate_rgb`` (h, w, 3) float32 as stored; ``weighted_delta`` (h, w, 3) in the transfer space, times the
    matte; ``direct`` and ``direct_weight`` the finished picture and the matte of the replaced hole. A pixel
    is replaced where one of the weights is not zero and the plate is finite, or where the direct weight is
    1: then its old value does not matter. Changed values are held to the range of half floats. No NaN or
    infinity is added.
    """
    require_rgb(plate_rgb, "The plate")
    require_rgb(weighted_delta, "The weighted delta")
    require_plane(weighted_delta[..., 0], plate_rgb, "The weighted delta")
    touched = weighted_delta != 0.0
    usable = in_every_channel(np.isfinite(plate_rgb))
    if direct is not None and direct_weight is not None:
        require_plane(direct_weight, plate_rgb, "The direct weight")
        touched |= (direct_weight != 0.0)[..., None]
        usable |= direct_weight >= 1.0
    changed = in_any_channel(touched) & usable
    restored = plate_rgb.copy()
    if not changed.any():
        return restored, changed
    old = domain.to_transfer(plate_rgb[changed][None])[0]
    new = old + weighted_delta[changed]
    if direct is not None and direct_weight is not None:
        weight = direct_weight[changed][:, None]
        blended = new + weight * (direct[changed] - old)
        new = np.where(weight >= 1.0, direct[changed], blended)
    return _write(domain, restored, changed, touched, new)


def _write(
    domain: ModelDomain, restored: Float32, changed: Mask, touched: Mask, new: Float32
) -> tuple[Float32, Mask]:
    """Put the changed transfer-space pixels ``new`` (n, 3) back in the plate's encoding."""
    values = domain.from_transfer(np.clip(new, -HALF_MAX, HALF_MAX)[None])[0]
    finite = np.isfinite(values).all(axis=1)
    changed[changed] = finite
    values = np.clip(values[finite], -HALF_MAX, HALF_MAX)
    if domain.kind != "encoded":
        # A channel without a delta keeps its bits (-0.0 + 0.0 would be +0.0); an encoding mixes the channels.
        values = np.where(touched[changed], values, restored[changed])
    restored[changed] = values
    return restored, changed


def _gated_difference(light: Float32, wanted: Float32, t: Float32, changed: Mask) -> Float32:
    seen = np.clip(light, 0.0, 1.0)
    difference = wanted - seen
    hidden = np.flatnonzero(light != seen)
    if hidden.size:
        flat_t = t.reshape(-1)[hidden]
        residual = light.reshape(-1)[hidden] - seen.reshape(-1)[hidden]
        above = residual > 0.0
        gate = np.where(above, _smoothstep((flat_t - HIGH) / (1.0 - HIGH)), _smoothstep((LOW - flat_t) / LOW))
        difference.reshape(-1)[hidden] -= (1.0 - gate) * residual
    difference *= changed
    return difference


def _smoothstep(x: Float32) -> Float32:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x), dtype=np.float32)
