"""Light as 8-bit codes that keep highlights: a logarithm with a linear toe.

``code = ln(1 + TOE x) / ln(1 + TOE top)`` for linear ``x`` from 0 to ``top``. One code of a plate without
highlights is about 2 % of mid-grey, of one with highlights of 32 about 4 %: enough to look at, with an
exposure that the viewer moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from svfr.arrays import Float32

TOE = 100.0
MAX_TOP = 64.0


@dataclass(frozen=True)
class Shaper:
    """The codes of one movie; ``top`` is the light, 1 or more, that code 1 stands for."""

    top: float

    @staticmethod
    def of(brightest: float) -> Shaper:
        """Return the shaper for pictures up to ``brightest``; beyond 64 they are clipped."""
        return Shaper(float(min(max(brightest, 1.0), MAX_TOP)))

    def encode(self, light: Float32) -> Float32:
        """Return codes 0..1 of linear light; negative values and NaN become 0, what is above ``top`` 1."""
        clean = np.clip(np.nan_to_num(light, nan=0.0, posinf=self.top, neginf=0.0), 0.0, self.top)
        return (np.log1p(TOE * clean) / math.log1p(TOE * self.top)).astype(np.float32)

    def decode(self, codes: Float32) -> Float32:
        """Return the light of codes; the inverse of :meth:`encode` within 0..``top``."""
        return (np.expm1(codes * math.log1p(TOE * self.top)) / TOE).astype(np.float32)
