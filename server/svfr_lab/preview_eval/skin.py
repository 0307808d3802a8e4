"""How well a face's colour is met, and of which tone its skin is.

Portraits carry no labels of people, so tones are told apart by what the truth's pixels show: the individual
typology angle, ITA = atan2(L* - 50, b*), in the classes of Chardon et al. 1991 (Int. J. Cosmet. Sci. 13).
Light changes it too: a group is of pictures, not of people.
"""

from __future__ import annotations

import cv2
import numpy as np

from svfr.arrays import Float32, Float64

TONES = ((55.0, "very light"), (41.0, "light"), (28.0, "intermediate"), (10.0, "tan"), (-30.0, "brown"))
DARKEST = "dark"
"""Tones by the angle, in degrees, that they begin above; what is below all of them is dark."""

_ROWS, _COLUMNS = (0.42, 0.68), (0.38, 0.62)


def skin_lab(clip: Float32) -> Float64:
    """Return CIELAB (3,) of the middle of a face: the median over a clip (F, S, S, 3) of sRGB codes 0..1."""
    side = clip.shape[1]
    rows, columns = (slice(int(low * side), int(high * side)) for low, high in (_ROWS, _COLUMNS))
    middle = np.ascontiguousarray(np.clip(clip[:, rows, columns], 0.0, 1.0).reshape(1, -1, 3), np.float32)
    return np.median(cv2.cvtColor(middle, cv2.COLOR_RGB2Lab).reshape(-1, 3), axis=0).astype(np.float64)


def tone(truth: Float32) -> str:
    """Return the name of the skin tone that a clip (F, S, S, 3) shows."""
    lightness, _, yellow = skin_lab(truth)
    angle = np.degrees(np.arctan2(lightness - 50.0, yellow))
    return next((name for begin, name in TONES if angle > begin), DARKEST)


def skin_errors(clip: Float32, truth: Float32) -> dict[str, float]:
    """Return how far the skin's hue is off, in degrees, and its chroma, with sign, in CIELAB units.

    A grey picture has no hue: its error is then that of the direction that is left, and means little.
    """
    (_, red, yellow), (_, true_red, true_yellow) = skin_lab(clip), skin_lab(truth)
    turn = np.arctan2(yellow, red) - np.arctan2(true_yellow, true_red)
    return {
        "skin_hue_degrees": float(np.degrees(abs(np.angle(np.exp(1j * turn))))),
        "skin_chroma": float(np.hypot(red, yellow) - np.hypot(true_red, true_yellow)),
    }
