"""Seeded damage for clean clips: low resolution, noise and JPEG; lost colour; holes. And augmentation.

Pure functions of a clip, a set of tasks and a generator. :data:`EVALUATION` is the fixed recipe figures are
measured with; the TRAINING ones are wider, so that a model does not learn one recipe by heart. What these
draw from a generator never changes, bit for bit: figures and training runs depend on it. Richer recipes are
built in :mod:`svfr_lab.degradation`. The BFR recipe here is the usual blind-face chain, JPEG((x * blur) made
small + noise) made large again (Wang et al. 2021, GFP-GAN, section 4.1), with the parameters of one clip
shared by its frames, as one camera would have them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.errors import ArgumentOutOfRange

TASKS = frozenset({"bfr", "colorize", "inpaint"})

LUMA_601 = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec.601 luma weights: what an old monochrome transfer of display-coded RGB looks like."""

HOLE_CODE = 0.5
"""Code value inside a hole of ``Degraded.lq``: it carries nothing of the truth."""

_REFERENCE_SIDE_PX = 96
_FADED_SATURATION = (0.15, 0.9)


class DamageRecipe(Protocol):
    """A way to damage clips, which draws what it needs from a generator."""

    def damage(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Return ``clip`` damaged; the arguments are those of :func:`degrade`, already checked."""


@dataclass(frozen=True)
class DegradationParameters:
    """Ranges to draw from; lengths called ``_px_at_96`` scale with the frame's shorter side.

    ``any_scale_share`` of the clips are downscaled by a factor drawn from ``any_scale``, the others by
    ``usual_scale``. ``polygon_share`` of the holes are one free-form polygon, the others one or two boxes;
    ``small_hole_share`` of either are smaller by a factor of ``small_scale``, and ``moving_hole_share`` of
    the holes wander through the clip, at up to ``hole_speed_px_at_96`` a frame along each axis.
    """

    blur_sigma_px: tuple[float, float] = (0.3, 1.0)
    usual_scale: float = 4.0
    any_scale: tuple[float, float] = (2.0, 4.5)
    any_scale_share: float = 0.0
    noise_sd_code: tuple[float, float] = (2 / 255, 10 / 255)
    jpeg_quality: tuple[int, int] = (45, 85)
    box_side_px_at_96: tuple[int, int] = (20, 44)
    polygon_share: float = 0.0
    polygon_radius_px_at_96: tuple[float, float] = (12.0, 28.0)
    polygon_rounding_px_at_96: tuple[float, float] = (1.0, 4.0)
    small_hole_share: float = 0.0
    small_scale: tuple[float, float] = (0.3, 0.6)
    moving_hole_share: float = 0.0
    hole_speed_px_at_96: float = 2.5

    def damage(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Return ``clip`` damaged as :func:`degrade` says."""
        height, width = clip.shape[1:3]
        hole = _draw_still_or_moving(len(clip), height, width, rng, self) if "inpaint" in tasks else None
        lq, low_resolution = clip, None
        if "bfr" in tasks:
            low_resolution = _lower_resolution(clip, rng, self)
            lq = enlarge_bicubic(low_resolution, height, width)
        if "colorize" in tasks:
            lq = np.repeat(luma_601(lq), 3, axis=-1)
        if hole is not None:
            lq = np.where(hole[..., None], np.float32(HOLE_CODE), lq)
        return Degraded(lq, hole, low_resolution)


EVALUATION = DegradationParameters()
TRAINING = DegradationParameters(any_scale_share=0.3, polygon_share=0.5)
TRAINING_WIDE = DegradationParameters(
    any_scale=(1.5, 4.5),
    any_scale_share=0.5,
    noise_sd_code=(0.5 / 255, 10 / 255),
    jpeg_quality=(45, 96),
    polygon_share=0.5,
)
"""With mild damage too: a model that only knows severe damage softens a face that has little."""

TRAINING_BROAD = dataclasses.replace(TRAINING_WIDE, small_hole_share=0.3, moving_hole_share=0.4)
"""With small holes, and with holes that neighbouring frames see behind."""


@dataclass(frozen=True)
class Degraded:
    """A damaged clip.

    ``lq`` (F, H, W, 3) float32 code values in 0..1 at the clean size, ``HOLE_CODE`` inside the hole: the
    caller prepares it as its model wants · ``hole`` bool, (H, W) when all frames share it, (F, H, W) when it
    moves, None without inpainting · ``low_resolution`` (F, h, w, 3) float32, the small frames that ``lq`` was
    enlarged from, None without BFR.
    """

    lq: NDArray[np.float32]
    hole: NDArray[np.bool_] | None
    low_resolution: NDArray[np.float32] | None

    def hole_of(self, frame: int) -> NDArray[np.bool_] | None:
        """Return the hole (H, W) of one frame, counted from 0; None without inpainting."""
        return self.hole[frame] if self.hole is not None and self.hole.ndim == 3 else self.hole


def degrade(
    clip: NDArray[np.float32],
    tasks: frozenset[str],
    rng: np.random.Generator,
    parameters: DamageRecipe = EVALUATION,
) -> Degraded:
    """Damage ``clip`` (F, H, W, 3), float32 code values in 0..1, in every way that ``tasks`` can mend.

    ``tasks`` is a subset of :data:`TASKS`. Raises :class:`ArgumentOutOfRange` for another shape, dtype, range
    or task.
    """
    _check(clip, tasks)
    return parameters.damage(clip, tasks, rng)


def luma_601(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Rec.601 luma (..., 1) of code values (..., 3).

    Written out, since a matrix product rounds as the processor's kernel likes: on some it fuses multiply and
    add, and then 13 of the 73,728 grey codes of a clip came out one off.
    """
    red, green, blue = clip[..., 0], clip[..., 1], clip[..., 2]
    return ((red * LUMA_601[0] + green * LUMA_601[1]) + blue * LUMA_601[2])[..., None]


def enlarge_bicubic(frames: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Return ``frames`` (F, h, w, 3) enlarged to (F, height, width, 3) and clipped to 0..1."""
    enlarged = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in frames]
    return np.clip(np.stack(enlarged), 0, 1).astype(np.float32)


def draw_hole(
    height: int, width: int, rng: np.random.Generator, parameters: DegradationParameters = EVALUATION
) -> NDArray[np.bool_]:
    """Return a random hole (height, width), True inside; never empty, never touching the frame's corner."""
    if parameters.small_hole_share and rng.random() < parameters.small_hole_share:
        parameters = _smaller(parameters, rng.uniform(*parameters.small_scale))
    if rng.random() < parameters.polygon_share:
        return _draw_polygon(height, width, rng, parameters)
    return _draw_boxes(height, width, rng, parameters)


def fade_colour(clip: NDArray[np.float32], rng: np.random.Generator, share: float) -> NDArray[np.float32]:
    """Return ``clip`` (F, H, W, 3) in 0..1 with little colour, as film has, for ``share`` of the draws."""
    if not share or rng.random() >= share:
        return clip
    luma = luma_601(clip)
    faded = luma + (clip - luma) * np.float32(rng.uniform(*_FADED_SATURATION))
    return np.asarray(faded, np.float32)


def augment(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return ``clip`` (F, H, W, 3) in 0..1 mirrored, zoomed, re-graded or softened at random."""
    if rng.random() < 0.5:
        clip = clip[:, :, ::-1]
    if rng.random() < 0.25:
        clip = _zoom(clip, rng)
    clip = np.clip(clip, 0, 1)
    if rng.random() < 0.5:
        clip = clip ** np.float32(np.exp(rng.normal(0, 0.22)))
    if rng.random() < 0.5:
        clip = clip * np.clip(1 + rng.normal(0, 0.05, 3), 0.85, 1.15).astype(np.float32)
    if rng.random() < 0.4:
        clip = clip * np.float32(rng.uniform(0.75, 1.25)) + np.float32(rng.uniform(-12, 12) / 255)
    if rng.random() < 0.3:
        luma = luma_601(clip)
        clip = luma + (clip - luma) * np.float32(rng.uniform(0.4, 1.2))
    if rng.random() < 0.15:
        clip = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in np.ascontiguousarray(clip)])
    return np.ascontiguousarray(np.clip(clip, 0, 1), dtype=np.float32)


def _smaller(parameters: DegradationParameters, scale: float) -> DegradationParameters:
    low, high = parameters.box_side_px_at_96
    near, far = parameters.polygon_radius_px_at_96
    return dataclasses.replace(
        parameters,
        box_side_px_at_96=(max(1, round(low * scale)), max(1, round(high * scale))),
        polygon_radius_px_at_96=(near * scale, far * scale),
    )


def _draw_still_or_moving(
    frames: int, height: int, width: int, rng: np.random.Generator, parameters: DegradationParameters
) -> NDArray[np.bool_]:
    """Return a hole (height, width), or one that wanders at a constant speed, (frames, height, width)."""
    hole = draw_hole(height, width, rng, parameters)
    if not parameters.moving_hole_share or rng.random() >= parameters.moving_hole_share:
        return hole
    scale = min(height, width) / _REFERENCE_SIDE_PX
    speed = rng.uniform(-1, 1, 2) * parameters.hole_speed_px_at_96 * scale
    middle = (frames - 1) / 2
    offsets = [np.rint(speed * (frame - middle)).astype(int) for frame in range(frames)]
    return np.stack([_shifted(hole, down=int(down), right=int(right)) for down, right in offsets])


def _shifted(hole: NDArray[np.bool_], down: int, right: int) -> NDArray[np.bool_]:
    """Return ``hole`` moved by whole pixels; what leaves the frame is gone."""
    height, width = hole.shape
    moved = np.zeros_like(hole)
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = hole[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved


def _check(clip: NDArray[np.float32], tasks: frozenset[str]) -> None:
    if clip.ndim != 4 or clip.shape[-1] != 3 or 0 in clip.shape or clip.dtype != np.float32:
        raise ArgumentOutOfRange(
            f"A clip is (frames, height, width, 3) float32, not {clip.shape} {clip.dtype}.",
            remedy="Divide 8-bit frames by 255 and convert them to float32.",
        )
    if not float(clip.min()) >= 0 or not float(clip.max()) <= 1:
        raise ArgumentOutOfRange(
            f"Code values lie in 0..1, not in {clip.min()}..{clip.max()}.",
            remedy="Divide 8-bit frames by 255 before you degrade them.",
        )
    if unknown := tasks - TASKS:
        raise ArgumentOutOfRange(
            f"Unknown tasks {sorted(unknown)}.", remedy=f"Choose from {', '.join(sorted(TASKS))}."
        )


def _lower_resolution(
    clip: NDArray[np.float32], rng: np.random.Generator, parameters: DegradationParameters
) -> NDArray[np.float32]:
    """Blur, shrink, add noise, compress: returns (F, h, w, 3) float32 of 8-bit code values."""
    height, width = clip.shape[1:3]
    noise_sd = rng.uniform(*parameters.noise_sd_code)
    quality = int(rng.integers(*parameters.jpeg_quality))
    blur_px = rng.uniform(*parameters.blur_sigma_px)
    scale = parameters.usual_scale
    if rng.random() < parameters.any_scale_share:
        scale = rng.uniform(*parameters.any_scale)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    small = []
    for frame in clip:
        shrunk = cv2.resize(cv2.GaussianBlur(frame, (0, 0), blur_px), size, interpolation=cv2.INTER_AREA)
        noisy = shrunk + rng.normal(0, noise_sd, shrunk.shape).astype(np.float32)
        small.append(through_jpeg(noisy, quality))
    return np.stack(small)


def through_jpeg(frame: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """Return ``frame`` (h, w, 3) as a JPEG of ``quality`` 1 to 100 keeps it; values beyond 0..1 are cut."""
    eight_bit = np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)
    # OpenCV's codecs take and give blue first
    _, packed = cv2.imencode(".jpg", eight_bit[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.float32) / np.float32(255)


def _draw_boxes(
    height: int, width: int, rng: np.random.Generator, parameters: DegradationParameters
) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), np.bool_)
    smallest, largest = parameters.box_side_px_at_96
    scale = min(height, width) / _REFERENCE_SIDE_PX
    near_margin, far_margin = round(6 * scale), round(4 * scale)
    for _ in range(rng.integers(1, 3)):
        box_height, box_width = (
            max(1, round(side * scale)) for side in rng.integers(smallest, largest + 1, 2)
        )
        top = rng.integers(near_margin, height - box_height - far_margin)
        left = rng.integers(near_margin, width - box_width - far_margin)
        hole[top : top + box_height, left : left + box_width] = True
    return hole


def _draw_polygon(
    height: int, width: int, rng: np.random.Generator, parameters: DegradationParameters
) -> NDArray[np.bool_]:
    """A star-shaped polygon with its corners rounded: what a roto artist draws around a defect."""
    scale = min(height, width) / _REFERENCE_SIDE_PX
    radius_px = rng.uniform(*parameters.polygon_radius_px_at_96) * scale
    centre = rng.uniform(0.25, 0.75, 2) * [width, height]
    corner_count = int(rng.integers(5, 13))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corner_count))
    reach = radius_px * rng.uniform(0.5, 1.3, corner_count)
    stretch = rng.uniform(0.6, 1.4, 2)
    corners = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None] * stretch
    painted = np.zeros((height, width), np.float32)
    cv2.fillPoly(painted, [np.rint(corners).astype(np.int32)], 1.0)
    rounded = cv2.GaussianBlur(painted, (0, 0), rng.uniform(*parameters.polygon_rounding_px_at_96) * scale)
    # rounding may erase a sliver: then its unrounded shape is the hole
    hole = np.asarray(rounded > 0.5 if bool((rounded > 0.5).any()) else painted > 0, np.bool_)
    return hole


def _zoom(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random crop of 70 to 100 % of the side, enlarged to the clip's size."""
    height, width = clip.shape[1:3]
    share = rng.uniform(0.7, 1.0)
    crop_height, crop_width = int(height * share), int(width * share)
    top, left = rng.integers(0, height - crop_height + 1), rng.integers(0, width - crop_width + 1)
    crops = np.ascontiguousarray(clip[:, top : top + crop_height, left : left + crop_width])
    return np.stack([cv2.resize(crop, (width, height), interpolation=cv2.INTER_CUBIC) for crop in crops])
