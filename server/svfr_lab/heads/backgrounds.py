"""Dead-leaves images: what stands behind a rendered face.

A dead-leaves image is a pile of opaque shapes whose sizes follow a power law, which gives natural-image
statistics of edges and scales without a single photograph (Lee, Mumford, Huang, "Occlusion models for natural
images", 2001; used for training by Achddou et al., 2021). Pure functions of a seed.
"""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND_SIZE_PX = 192

_LARGEST_LEAF_PX = 90.0
_SMALLEST_LEAF_PX = 5.0
_SIZE_EXPONENT = 1.4


def background_bank(seed: int, count: int) -> NDArray[np.uint8]:
    """Return ``count`` backgrounds (count, 192, 192, 3) uint8 RGB, drawn from one generator of ``seed``."""
    rng = np.random.default_rng(seed)
    bank = np.empty((count, BACKGROUND_SIZE_PX, BACKGROUND_SIZE_PX, 3), np.uint8)
    for image in bank:
        image[...] = dead_leaves(rng)
    return bank


def dead_leaves(rng: np.random.Generator, size_px: int = BACKGROUND_SIZE_PX) -> NDArray[np.uint8]:
    """Return one dead-leaves image (size_px, size_px, 3) uint8 RGB, sharp or out of focus."""
    palette = _Palette(rng)
    image = np.zeros((size_px, size_px, 3)) + palette.colour()
    for _ in range(rng.integers(25, 160)):
        _drop_leaf(image, palette, rng)
    defocus_px = float(rng.choice([0.0, 0.0, 0.7, 1.5, 3.0, 6.0]))
    if defocus_px > 0.0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), defocus_px), np.float64)
    return np.clip(image, 0, 255).astype(np.uint8)


class _Palette:
    """Four hues and one saturation: leaves of one image belong together as things in a room do."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._hues = rng.random(4)
        self._saturation = rng.uniform(0.02, 0.55)

    def colour(self) -> NDArray[np.float64]:
        """Return an RGB colour in 0..255."""
        rng = self._rng
        hue = (self._hues[rng.integers(4)] + rng.normal(0, 0.04)) % 1
        saturation = np.clip(self._saturation * rng.uniform(0.2, 1.6), 0, 0.9)
        value = np.clip(rng.beta(1.6, 1.6), 0.02, 1)
        return 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def _drop_leaf(image: NDArray[np.float64], palette: _Palette, rng: np.random.Generator) -> None:
    """Paint one shaded, textured shape over ``image`` in place."""
    coverage = _leaf_coverage(image.shape[0], rng)
    rows, columns = np.nonzero(coverage)
    if len(rows) == 0:
        return
    window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    alpha = coverage[window][..., None].astype(np.float32) / 255
    surface = palette.colour() * _leaf_shading(alpha.shape[0], alpha.shape[1], rng)[..., None]
    image[window] = image[window] * (1 - alpha) + surface * alpha


def _leaf_coverage(size_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the anti-aliased coverage (size_px, size_px) of an ellipse, box, polygon or line."""
    coverage = np.zeros((size_px, size_px), np.uint8)
    radius = min(_LARGEST_LEAF_PX, _SMALLEST_LEAF_PX * (rng.random() + 1e-3) ** (-1 / _SIZE_EXPONENT))
    x, y = (int(value) for value in rng.uniform(-10, size_px + 10, 2))
    kind = rng.integers(4)
    if kind == 0:
        axes = tuple(int(radius * rng.uniform(0.4, 1.2)) + 1 for _ in range(2))
        cv2.ellipse(coverage, (x, y), axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        sides = (radius * rng.uniform(0.5, 3), radius * rng.uniform(0.3, 1.5))
        # walls and furniture: two boxes of three are upright
        angle_deg = float(rng.choice([0, 90, rng.uniform(0, 180)]))
        corners = cv2.boxPoints(((x, y), sides, angle_deg)).astype(np.int32)
        cv2.fillPoly(coverage, [corners], 255, cv2.LINE_AA)
    elif kind == 2:
        count = int(rng.integers(3, 8))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        reach = radius * rng.uniform(0.5, 1.3, (2, count))
        corners = np.stack([x + reach[0] * np.cos(angles), y + reach[1] * np.sin(angles)], axis=1)
        cv2.fillPoly(coverage, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        end = tuple(int(value) for value in rng.uniform(0, size_px, 2))
        cv2.line(coverage, (x, y), end, 255, int(rng.integers(1, 6)), cv2.LINE_AA)
    return coverage


def _leaf_shading(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a gain around 1 (height, width): a ramp, sometimes blotches, sometimes stripes."""
    shading = np.ones((height, width), np.float32)
    shading += np.linspace(-1, 1, height)[:, None] * rng.normal(0, 0.15)
    shading += np.linspace(-1, 1, width)[None] * rng.normal(0, 0.15)
    if rng.random() < 0.5:
        blotch_px = int(rng.integers(2, 24))
        coarse_shape = (max(1, height // blotch_px) + 1, max(1, width // blotch_px) + 1)
        coarse = rng.normal(0, rng.uniform(0.02, 0.25), coarse_shape).astype(np.float32)
        shading += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.15:
        phase = np.arange(width)[None] * rng.uniform(0.15, 1.5)
        phase = phase + np.arange(height)[:, None] * rng.uniform(-0.8, 0.8)
        shading *= 1 + rng.uniform(0.1, 0.4) * np.sin(phase)
    return shading
