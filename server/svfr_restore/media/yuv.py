"""Video code values to RGB and back, in float: matrix, range, bit depth and chroma position in one place.

Equations and coefficients of ITU-R BT.601-7, BT.709-6, BT.2020-2 and SMPTE 240M; numbering of ITU-T H.273.
No step rounds to 8 bits. Values outside 0..1 (footroom, headroom, illegal chroma) are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32

_HD_FROM = (1280, 577)
# H.273 MatrixCoefficients -> (Kr, Kb)
_COEFFICIENTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
BT709, BT601 = 1, 6
_UNSPECIFIED = (0, 2, 3)  # 0 means RGB, which no file of luma and colour differences can mean


class CodingIsUnknown(ValueError):
    """A movie's numbers mean colours in a way that is not known here; the movie itself is sound."""


@dataclass(frozen=True)
class YuvCoding:
    """How a movie's numbers mean colour: H.273 matrix, full or limited range, bits per sample."""

    matrix: int
    is_full_range: bool
    bits: int

    @classmethod
    def of(cls, tagged_matrix: int, is_full_range: bool, bits: int, width: int, height: int) -> YuvCoding:
        """Return the coding that the tags say; an untagged matrix is 601 below 1280 x 577, else 709.

        Raises CodingIsUnknown for a matrix that is not a luma and two colour differences (YCgCo, ICtCp, ...).
        """
        if tagged_matrix in _UNSPECIFIED:
            is_sd = width < _HD_FROM[0] and height < _HD_FROM[1]
            tagged_matrix = BT601 if is_sd else BT709
        if tagged_matrix not in _COEFFICIENTS:
            raise CodingIsUnknown(f"its matrix, number {tagged_matrix} of ITU-T H.273, is not supported")
        return cls(tagged_matrix, is_full_range, bits)

    @property
    def weights(self) -> tuple[float, float, float]:
        """(Kr, Kg, Kb) of luma."""
        red, blue = _COEFFICIENTS[self.matrix]
        return red, 1.0 - red - blue, blue

    def luma(self, codes: NDArray[np.integer]) -> Float32:
        """Return luma codes as 0..1."""
        step = 1 << (self.bits - 8)
        black, span = (0.0, (1 << self.bits) - 1.0) if self.is_full_range else (16.0 * step, 219.0 * step)
        return (codes.astype(np.float32) - np.float32(black)) / np.float32(span)

    def chroma(self, codes: NDArray[np.integer]) -> Float32:
        """Return chroma codes as -0.5..0.5."""
        span = (1 << self.bits) - 1.0 if self.is_full_range else 224.0 * (1 << (self.bits - 8))
        return (codes.astype(np.float32) - np.float32(1 << (self.bits - 1))) / np.float32(span)

    def to_rgb(self, luma: Float32, blue: Float32, red: Float32) -> Float32:
        """Return (h, w, 3) RGB from luma and the two colour differences at full resolution."""
        kr, kg, kb = self.weights
        r = luma + np.float32(2 * (1 - kr)) * red
        b = luma + np.float32(2 * (1 - kb)) * blue
        g = (luma - np.float32(kr) * r - np.float32(kb) * b) / np.float32(kg)
        return np.stack([r, g, b], axis=-1)


def upsample_chroma(plane: Float32, shape: tuple[int, int], left_sited: bool) -> Float32:
    """Bring a subsampled chroma plane to (height, width), linearly between the samples' true positions.

    Rows lie between two luma rows (4:2:0). Columns lie on the first of their luma columns when
    ``left_sited`` (MPEG-2, H.264 and later), else between two (MPEG-1, JPEG).
    """
    height, width = shape
    tall = _stretch(plane, height, 0.5 * (-(-height // plane.shape[0]) - 1))
    offset = 0.0 if left_sited else 0.5 * (-(-width // plane.shape[1]) - 1)
    return np.ascontiguousarray(_stretch(tall.T, width, offset).T)


def _stretch(plane: Float32, length: int, offset: float) -> Float32:
    """Interpolate rows: sample i lies at i * factor + offset; rows past the ends repeat."""
    count = plane.shape[0]
    if count == length:
        return plane
    factor = -(-length // count)
    where = np.clip((np.arange(length) - offset) / factor, 0, count - 1)
    low = np.minimum(where.astype(np.intp), max(0, count - 2))
    weight = (where - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, count - 1)
    return plane[low] * (1 - weight) + plane[high] * weight
