"""A numeric probe: what 32 fixed triplets of a space are in the interchange space.

Names and hashes say which config was meant; the probe says what its numbers are on this machine. Two machines
agree on a space when they agree on the probe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svfr_ocio import bridge, errors
from svfr_ocio.arrays import Float32
from svfr_ocio.config import ColourConfig
from svfr_ocio.sanitise import sanitise
from svfr_ocio.spaces import Space

TOLERANCE = 1e-4
"""Two values agree when they differ by no more than this times max(\\|value\\|, 1)."""

_GREYS = (-0.05, 0.0, 0.001, 0.02, 0.09, 0.18, 0.36, 0.5, 0.75, 1.0, 4.0, 16.0)
_COLOURS = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 1.0, 1.0),
    (1.0, 0.0, 1.0),
    (1.0, 1.0, 0.0),
    (0.18, 0.0, 0.0),
    (0.0, 0.18, 0.0),
    (0.0, 0.0, 0.18),
    (-0.05, 0.18, 0.18),
    (0.18, -0.05, 0.18),
    (0.18, 0.18, -0.05),
    (16.0, 1.0, 0.18),
    (0.18, 16.0, 1.0),
    (1.0, 0.18, 16.0),
    (0.42, 0.28, 0.21),
    (0.61, 0.47, 0.39),
    (0.11, 0.07, 0.05),
    (0.9, 0.95, 0.99),
    (0.02, 0.05, 0.12),
)
PROBE_RGB: tuple[tuple[float, float, float], ...] = tuple((v, v, v) for v in _GREYS) + _COLOURS
"""The 32 triplets: greys, primaries, skin tones, negatives, 0.18, 1 and 16."""

_RESULT_KEYS = {"scene": "rgb_linear_ap0", "display": "xyz_d65"}


def make_probe(config: ColourConfig, space: Space) -> dict[str, Any]:
    """Return the JSON form of the probe of ``space``: ``rgb_in`` and its values in the interchange space.

    The values lie under ``rgb_linear_ap0`` for a scene-referred space (ACES2065-1) and under ``xyz_d65``
    for a display-referred one. Overflow is held to the range of half floats, as it is for pixels.
    """
    values = _evaluate(config, space, PROBE_RGB)
    return {
        "rgb_in": [list(triplet) for triplet in PROBE_RGB],
        _RESULT_KEYS[space.reference]: [[float(value) for value in row] for row in values],
    }


def check_probe(config: ColourConfig, space: Space, probe: Mapping[str, Any]) -> None:
    """Compare another machine's probe of ``space`` with this machine's numbers.

    Raises :class:`~svfr_ocio.errors.ColourMismatch` with both values of the worst triplet, or
    :class:`~svfr_ocio.errors.BadProbe` when ``probe`` is not a probe of this kind of space.
    """
    key = _RESULT_KEYS[space.reference]
    colours = _triplets(probe, "rgb_in")
    theirs = _triplets(probe, key)
    if len(colours) != len(theirs):
        raise errors.BadProbe(
            f"The colour probe has {len(colours)} triplets in 'rgb_in' but {len(theirs)} in {key!r}.",
            remedy="Send the probe as the client made it.",
        )
    ours = _evaluate(config, space, colours)
    received = sanitise(np.array(theirs, dtype=np.float32)[None])[0]
    error = np.abs(ours.astype(np.float64) - received) / np.maximum(np.abs(ours), 1.0)
    worst = int(error.max(axis=1).argmax())
    if error[worst].max() > TOLERANCE:
        raise errors.ColourMismatch(
            f"The space {space.name!r} of {config.identity} is not the same on both machines: "
            f"{_text(colours[worst])} becomes {_text(theirs[worst])} there and {_text(ours[worst])} here.",
            path=config.path,
            remedy="Use one OCIO config on both machines, or name the space's interop ID.",
        )


def _evaluate(config: ColourConfig, space: Space, colours: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    pixels: Float32 = sanitise(np.array(colours, dtype=np.float32)[None])
    return sanitise(bridge.to_interchange(config, space).convert(pixels))[0]


def _triplets(probe: Mapping[str, Any], key: str) -> list[list[float]]:
    rows = probe.get(key)
    good = isinstance(rows, Sequence) and not isinstance(rows, str) and len(rows) > 0
    if not good or not all(_is_triplet(row) for row in rows or ()):
        raise errors.BadProbe(
            f"The colour probe has no list of number triplets under {key!r}.",
            remedy="Send the probe as the client made it, or none.",
        )
    return [[float(value) for value in row] for row in rows or ()]


def _is_triplet(row: object) -> bool:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 3:
        return False
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in row)


def _text(values: Sequence[float] | NDArray[np.float32]) -> str:
    return "(" + ", ".join(f"{float(value):.6g}" for value in values) + ")"
