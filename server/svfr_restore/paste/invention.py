"""How far a result leaves what the plate can carry at its own resolution: the layer ``svfr.invention``.

A plate carries a spatial frequency when its picture stands out of its noise there. What the restoration
changes below that limit it changes where the plate has something to say: it may be wrong, but it can be held
against the plate. What it adds above, the plate neither shows nor contradicts; and where the plate was taken
out of the model's sight, in a hole and in the chroma of a colorization, it says nothing at any frequency.
That part of the change is the invention, in the model's code values. docs/metrics.md defines it; known
answers are in its tests.

Everything is done with the cosine transform, whose picture is mirrored at its border: no window, no seam.
"""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from svfr.arrays import Float32, Float64
from svfr.luma import luma_601
from svfr_ocio.domain import ModelDomain

NYQUIST = 0.5
_BINS = 32
# What 8-bit codes round away is no picture: the floor of a plate without noise.
_LEAST_NOISE_POWER = (1.0 / 255.0) ** 2 / 12.0
# Noise is what a pixel differs from its neighbours by where these lie on no edge (Immerkaer 1996; its median
# instead of its mean, since edges are few).
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_THEIR_GAIN = 6.0
_NORMAL_MEDIAN = 0.6745
_CHI_SQUARED_MEDIAN = 0.4549
# Signal and noise together have twice the noise's power where they are equal.
_STANDS_OUT = 2.0
_ORDER = 4
_FILL_SIGMA = 0.5


def carried_limit(luma: Float32) -> float:
    """Return up to which frequency, in cycles a pixel, a picture (h, w) stands out of its noise.

    ``luma`` is in code values. The noise's power is that of the pixels' second differences, by their median,
    and no less than what 8-bit codes round away. Beginning with the lowest, frequencies are carried while the
    power in their ring, by its median, is above twice the noise's. Returns 0 for a picture of nothing but
    noise, and 0.5, all that pixels can hold, for one that is sharp to the last.
    """
    power = np.square(cv2.dct(_even(luma)).astype(np.float64))
    noise = max(_LEAST_NOISE_POWER, noise_deviation(luma) ** 2)
    ring = (np.hypot(*_frequencies(luma.shape)) / NYQUIST * _BINS).astype(int)
    ring[0, 0] = -1  # the mean is no detail
    carried = 0
    for number in range(_BINS):
        inside = power[ring == number]
        if not inside.size:
            continue
        if float(np.median(inside)) / _CHI_SQUARED_MEDIAN <= _STANDS_OUT * noise:
            break
        carried = number + 1
    return NYQUIST * carried / _BINS


def noise_deviation(luma: Float32) -> float:
    """Return the standard deviation of the noise of a picture (h, w), in its own unit."""
    differences = cv2.filter2D(luma, cv2.CV_32F, _SECOND_DIFFERENCES, borderType=cv2.BORDER_REFLECT_101)
    return float(np.median(np.abs(differences))) / (_NORMAL_MEDIAN * _THEIR_GAIN)


def below(picture: Float32, limit: float) -> Float32:
    """Return what of a picture (h, w, 3) lies below a frequency, in cycles a pixel.

    A Butterworth filter of the fourth order: of half the frequency 99.8 % pass, of twice the frequency 6 %.
    At 0.5 everything passes, at 0 nothing.
    """
    if limit >= NYQUIST:
        return picture
    if limit <= 0.0:
        return np.zeros_like(picture)
    height, width = picture.shape[:2]
    down, across = _frequencies(picture.shape[:2])
    gain = 1.0 / np.sqrt(1.0 + (np.hypot(down, across) / limit) ** (2 * _ORDER))
    weights = gain.astype(np.float32)
    planes = [cv2.idct(cv2.dct(_even(picture[..., n])) * weights) for n in range(picture.shape[-1])]
    return np.stack([plane[:height, :width] for plane in planes], axis=-1)


def invention(
    change: Float32, limit: float, *, hole: Float32 | None = None, is_colour_new: bool = False
) -> Float32:
    """Return how much of a change (h, w, 3) of code values the plate does not carry, (h, w), 0 or more.

    ``limit`` in cycles a pixel; ``hole`` (h, w), 0..1, is where the plate was out of sight; with
    ``is_colour_new`` its chroma was. The root mean square of red, green and blue, in code values. What is not
    changed is not invented: there it is exactly 0.
    """
    is_changed = change.any(axis=-1)
    if not is_changed.any():
        return np.zeros(change.shape[:2], np.float32)
    seen = change if hole is None else _continued(change, hole, limit)
    if is_colour_new:
        seen = np.repeat(luma_601(seen), 3, axis=-1)
    carried = below(seen, limit)
    if hole is not None:
        carried = carried * (1.0 - np.clip(hole, 0.0, 1.0))[..., None]
    left = np.sqrt(np.mean(np.square(change - carried), axis=-1))
    return np.where(is_changed, left, 0.0).astype(np.float32)


def invented_by(
    added: Float32,
    domain: ModelDomain,
    plate_rgb: Float32,
    *,
    hole: Float32 | None,
    tasks: Collection[str],
) -> Float32:
    """Return the invention (h, w) of what is ``added`` (h, w, 3) to plate pixels, in the transfer space."""
    transfer = domain.to_transfer(plate_rgb)
    before, after = (
        np.clip(domain.encode(domain.to_light(one)), 0.0, 1.0) for one in (transfer, transfer + added)
    )
    luma = luma_601(before)
    shown = luma if hole is None else _continued(luma, hole, NYQUIST / 4)
    limit = carried_limit(np.ascontiguousarray(shown[..., 0]))
    return invention(after - before, limit, hole=hole, is_colour_new="colorize" in tasks)


def _continued(picture: Float32, hole: Float32, limit: float) -> Float32:
    """Return a picture (h, w, C) whose hole holds the mean of what lies around it, by a Gaussian."""
    sigma = float(_FILL_SIGMA / max(limit, NYQUIST / _BINS))
    known = 1.0 - np.clip(hole, 0.0, 1.0)[..., None].astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
    around = cv2.GaussianBlur(picture * known, (0, 0), sigma).reshape(picture.shape)
    filled = np.divide(around, weight, out=np.zeros_like(around), where=weight > 1e-3)
    return np.asarray(picture * known + filled * (1.0 - known), np.float32)


def _even(plane: Float32) -> Float32:
    """Return a plane with a row or column mirrored where its sides are odd, as OpenCV's transform needs."""
    height, width = plane.shape
    return np.asarray(np.pad(plane, ((0, height % 2), (0, width % 2)), mode="symmetric"), np.float32)


def _frequencies(shape: tuple[int, ...]) -> tuple[Float64, Float64]:
    """Return the frequency of every coefficient along both axes, in cycles a pixel."""
    height, width = (length + length % 2 for length in shape)
    down = np.arange(height)[:, None] / (2 * height)
    across = np.arange(width)[None, :] / (2 * width)
    return np.repeat(down, width, axis=1), np.repeat(across, height, axis=0)
