"""What an embedded ICC profile means, by its curves and primaries: its name is a label that anybody chooses.

Profiles of a matrix and curves, and grey ones, are compared with the spaces that have a name here. Those that
hold tables (printers, cameras, perceptual sRGB) and all others are asked for by their name. Layout as in
ICC.1:2022 (profile version 4.4), which holds for version 2 too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from svfr_restore.media.colour_claims import ColourClaimOfFile

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_MOST_TAGS = 200
_MOST_ENTRIES = 65_536
# Where curves are compared, and how far apart they may be in linear light: sRGB and a gamma of 2.2 are 0.009.
CODES = np.linspace(0.02, 0.98, 33)
_CURVE_TOLERANCE = 0.002
_PRIMARY_TOLERANCE = 0.003

# Columns (X, Y, Z) of red, green and blue, adapted to the profile's own white D50.
PRIMARIES: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "rec709": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    "p3d65": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    "rec2020": ((0.67346, 0.27903, -0.00193), (0.16566, 0.67534, 0.02998), (0.12505, 0.04560, 0.79684)),
}
CURVES: Mapping[str, Curve] = {
    "lin": lambda code: code,
    "srgb": lambda code: np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4),
    "g18": lambda code: code**1.8,
    "g22": lambda code: code**2.2,
    "g24": lambda code: code**2.4,
}
# (primaries, curve) -> Color Interop ID
PROFILES: Mapping[tuple[str, str], str] = {
    **{("rec709", curve): f"{curve}_rec709_scene" for curve in CURVES},
    **{("p3d65", curve): f"{curve}_p3d65_scene" for curve in ("srgb", "lin")},
    ("rec2020", "lin"): "lin_rec2020_scene",
}
_COLUMNS, _CHANNELS = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


def of_profile(data: bytes, name: str) -> ColourClaimOfFile:
    """Return the claim of a profile; ``name``: what it calls itself, for the words."""
    words = f"the ICC profile {name.strip()[:80]!r}" if name.strip() else "an ICC profile without a name"
    try:
        tags = _tags(data)
        space = _space(data[16:20], tags)
    except (ValueError, struct.error, IndexError):
        return ColourClaimOfFile(None, f"{words}, which is damaged")
    return ColourClaimOfFile(space, words)


def _space(kind: bytes, tags: Mapping[bytes, bytes]) -> str | None:
    if any(tag in tags for tag in (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1")):
        return None  # tables: what a reader takes depends on the rendering intent
    if kind == b"GRAY":
        grey = tags.get(b"kTRC")
        return None if grey is None else PROFILES.get(("rec709", known_curve([_evaluated(grey)]) or ""))
    if kind != b"RGB " or any(tag not in tags for tag in (*_COLUMNS, *_CHANNELS)):
        return None
    columns = np.array([_xyz(tags[tag]) for tag in _COLUMNS])
    near = (name for name, known in PRIMARIES.items() if np.abs(columns - known).max() <= _PRIMARY_TOLERANCE)
    curve = known_curve([_evaluated(tags[tag]) for tag in _CHANNELS])
    return PROFILES.get((next(near, ""), curve or ""))


def known_curve(values: Sequence[NDArray[np.float64]]) -> str | None:
    """Return the name of the curve that all channels have, whose linear light at ``CODES`` is given."""
    for name, known in CURVES.items():
        if all(np.abs(value - known(CODES)).max() <= _CURVE_TOLERANCE for value in values):
            return name
    return None


def _tags(data: bytes) -> dict[bytes, bytes]:
    count = struct.unpack_from(">I", data, 128)[0]
    if data[36:40] != b"acsp" or not 0 < count <= _MOST_TAGS:
        raise ValueError("it is no profile")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if offset + size > len(data):
            raise ValueError("a tag lies outside the profile")
        tags[name] = data[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(">3i", tag, 8))


def _evaluated(tag: bytes) -> NDArray[np.float64]:
    """Return the linear light that a curve gives for the codes that are compared."""
    if tag[:4] == b"para":
        return _parametric(struct.unpack_from(">H", tag, 8)[0], tag)
    if tag[:4] != b"curv":
        raise ValueError("it has a curve of an unknown kind")
    count = struct.unpack_from(">I", tag, 8)[0]
    if count == 0:
        return CODES
    if count > _MOST_ENTRIES:
        raise ValueError("its curve has too many entries")
    entries = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64)
    if count == 1:
        return np.asarray(CODES ** (entries[0] / 256))
    return np.interp(CODES, np.linspace(0.0, 1.0, count), entries / 65535)


def _parametric(kind: int, tag: bytes) -> NDArray[np.float64]:
    if kind not in _PARAMETERS:
        raise ValueError("it has a curve of an unknown kind")
    stated = [value / 65536 for value in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
    g, a, b, c, d, e, f = (stated + [0.0] * 7)[:7]
    if kind == 0:
        return np.asarray(CODES**g)
    if kind in (1, 2):  # the linear part is the constant c of kind 2, or 0
        d, e, c = (-b / a if a else 0.0), c, 0.0
        f = e
    curved = np.maximum(a * CODES + b, 0.0) ** g + e
    return np.where(d <= CODES, curved, c * CODES + f)
