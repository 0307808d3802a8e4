"""The basic recipes: low resolution, noise and JPEG; lost colour; one hole.

:data:`EVALUATION` is the fixed recipe that figures are measured with; the TRAINING ones are wider, so that a
model does not learn one recipe by heart. What these draw from a generator never changes, bit for bit: figures
and training runs depend on it. Low quality here is the usual blind-face chain, JPEG((x * blur) made small +
noise) made large again (Wang et al. 2021, GFP-GAN, section 4.1), with the parameters of one clip shared by
its frames, as one camera would have them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.luma import luma_601
from svfr_lab.degradation.degrade import HOLE_CODE, Degraded
from svfr_lab.degradation.jpeg import through_jpeg
from svfr_lab.degradation.optics import REFERENCE_SIDE_PX
from svfr_lab.degradation.resample import enlarge


@dataclass(frozen=True)
class BasicRecipe:
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

    def degrade(self, clip: NDArray[np.float32], tasks: frozenset[str], rng: np.random.Generator) -> Degraded:
        """Return ``clip`` degraded as :func:`svfr_lab.degradation.degrade.degrade` says."""
        height, width = clip.shape[1:3]
        hole = _draw_still_or_moving(len(clip), height, width, rng, self) if "inpaint" in tasks else None
        lq, low_resolution = clip, None
        if "bfr" in tasks:
            low_resolution = _lower_resolution(clip, rng, self)
            lq = enlarge(low_resolution, height, width)
        if "colorize" in tasks:
            lq = np.repeat(luma_601(lq), 3, axis=-1)
        if hole is not None:
            lq = np.where(hole[..., None], np.float32(HOLE_CODE), lq)
        return Degraded(lq, hole, low_resolution)


EVALUATION = BasicRecipe()
TRAINING = BasicRecipe(any_scale_share=0.3, polygon_share=0.5)
TRAINING_WIDE = BasicRecipe(
    any_scale=(1.5, 4.5),
    any_scale_share=0.5,
    noise_sd_code=(0.5 / 255, 10 / 255),
    jpeg_quality=(45, 96),
    polygon_share=0.5,
)
"""With mild degradation too: a model that only knows the severe softens a face that has little."""

TRAINING_BROAD = dataclasses.replace(TRAINING_WIDE, small_hole_share=0.3, moving_hole_share=0.4)
"""With small holes, and with holes that neighbouring frames see behind."""


def draw_hole(
    height: int, width: int, rng: np.random.Generator, parameters: BasicRecipe = EVALUATION
) -> NDArray[np.bool_]:
    """Return a random hole (height, width), True inside; never empty, never touching the frame's corner."""
    if parameters.small_hole_share and rng.random() < parameters.small_hole_share:
        parameters = _smaller(parameters, rng.uniform(*parameters.small_scale))
    if rng.random() < parameters.polygon_share:
        return _draw_polygon(height, width, rng, parameters)
    return _draw_boxes(height, width, rng, parameters)


def _smaller(parameters: BasicRecipe, scale: float) -> BasicRecipe:
    low, high = parameters.box_side_px_at_96
    near, far = parameters.polygon_radius_px_at_96
    return dataclasses.replace(
        parameters,
        box_side_px_at_96=(max(1, round(low * scale)), max(1, round(high * scale))),
        polygon_radius_px_at_96=(near * scale, far * scale),
    )


def _draw_still_or_moving(
    frames: int, height: int, width: int, rng: np.random.Generator, parameters: BasicRecipe
) -> NDArray[np.bool_]:
    """Return a hole (height, width), or one that wanders at a constant speed, (frames, height, width)."""
    hole = draw_hole(height, width, rng, parameters)
    if not parameters.moving_hole_share or rng.random() >= parameters.moving_hole_share:
        return hole
    scale = min(height, width) / REFERENCE_SIDE_PX
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


def _lower_resolution(
    clip: NDArray[np.float32], rng: np.random.Generator, parameters: BasicRecipe
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


def _draw_boxes(
    height: int, width: int, rng: np.random.Generator, parameters: BasicRecipe
) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), np.bool_)
    smallest, largest = parameters.box_side_px_at_96
    scale = min(height, width) / REFERENCE_SIDE_PX
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
    height: int, width: int, rng: np.random.Generator, parameters: BasicRecipe
) -> NDArray[np.bool_]:
    """A star-shaped polygon with its corners rounded: what a roto artist draws around a defect."""
    scale = min(height, width) / REFERENCE_SIDE_PX
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
