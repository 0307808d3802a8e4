"""Dust that is new in every frame, and scratches that run along the film: light where the emulsion is gone,
dark where something lies on it (the structured defects of Wan et al. 2022, "Bringing Old Films Back to Life",
drawn here and not taken from scans).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.degradation.draws import Range, SomeClips, require_fields_within, uniform
from svfr_lab.degradation.optics import REFERENCE_SIDE_PX

_SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << _SUBPIXEL_BITS
_SCRATCH_SWAY_PX_AT_96 = 0.4


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """How much lies on the film: mean specks a frame and their radius; scratches; how much both cover.

    ``opacity`` 0 to 1; ``light_share`` of specks and scratches are light, the others dark.
    """

    specks_per_frame: float
    speck_px_at_96: float
    scratches: int
    opacity: float
    light_share: float

    def __post_init__(self) -> None:
        require_fields_within(
            self,
            specks_per_frame=(0, 1000),
            speck_px_at_96=(0, REFERENCE_SIDE_PX),
            scratches=(0, 100),
            opacity=(0, 1),
            light_share=(0, 1),
        )


NO_DIRT = Dirt(specks_per_frame=0.0, speck_px_at_96=0.0, scratches=0, opacity=0.0, light_share=0.0)


@dataclass(frozen=True, kw_only=True)
class DirtRanges(SomeClips[Dirt]):
    """``share`` of the clips are dirty; scratches are 0 up to ``most_scratches``."""

    none = NO_DIRT
    specks_per_frame: Range
    speck_px_at_96: Range
    most_scratches: int
    opacity: Range = (0.3, 1.0)

    def _drawn(self, rng: np.random.Generator) -> Dirt:
        return Dirt(
            specks_per_frame=uniform(rng, self.specks_per_frame),
            speck_px_at_96=uniform(rng, self.speck_px_at_96),
            scratches=int(rng.integers(self.most_scratches + 1)),
            opacity=uniform(rng, self.opacity),
            light_share=uniform(rng, (0.0, 1.0)),
        )


def add_dirt(clip: NDArray[np.float32], dirt: Dirt, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the clip with specks and scratches over it."""
    if dirt.opacity == 0 or (dirt.specks_per_frame == 0 and dirt.scratches == 0):
        return clip
    height, width = clip.shape[1:3]
    scale = min(height, width) / REFERENCE_SIDE_PX
    columns = rng.uniform(0, width, dirt.scratches)
    scratches_light = rng.random(dirt.scratches) < dirt.light_share
    dirty = []
    for frame in clip:
        light, dark = np.zeros((2, height, width), np.uint8)
        for column, is_light in zip(columns, scratches_light, strict=True):
            ends = column + rng.normal(0, _SCRATCH_SWAY_PX_AT_96 * scale, 2)
            _line(light if is_light else dark, ends, height)
        for _ in range(rng.poisson(dirt.specks_per_frame)):
            _speck(light if rng.random() < dirt.light_share else dark, dirt.speck_px_at_96 * scale, rng)
        covered = np.float32(dirt.opacity / 255)
        soiled = frame * (1 - covered * dark[..., None])
        dirty.append(soiled + (1 - soiled) * (covered * light[..., None]))
    return np.stack(dirty).astype(np.float32)


def _line(canvas: NDArray[np.uint8], ends_px: NDArray[np.float64], height: int) -> None:
    top, bottom = ((round(x * _SUBPIXELS), y * _SUBPIXELS) for x, y in zip(ends_px, (0, height), strict=True))
    thick = max(1, round(height / REFERENCE_SIDE_PX))
    cv2.line(canvas, top, bottom, 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)


def _speck(canvas: NDArray[np.uint8], radius_px: float, rng: np.random.Generator) -> None:
    """Draw an oval: its place, size and slant are its own."""
    height, width = canvas.shape
    centre = tuple(round(v * _SUBPIXELS) for v in rng.uniform(0, (width, height)))
    axes = tuple(max(1, round(v * _SUBPIXELS)) for v in radius_px * rng.uniform(0.4, 1.6, 2))
    slant = float(rng.uniform(0, 180))
    cv2.ellipse(canvas, centre, axes, slant, 0, 360, 255, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
