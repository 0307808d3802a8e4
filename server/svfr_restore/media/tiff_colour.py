"""What a TIFF states about its colour in tags of its own: primaries, white point and transfer function.

Few writers set them, and the picture library passes none of them on. Layout as in TIFF 6.0, sections 2 and
20, and BigTIFF; only the first directory is read, and of it no more than these tags can hold.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from svfr_restore.media.colour_claims import (
    NOTHING,
    PRIMARIES_XY,
    ColourClaimOfFile,
    near_chromaticities,
)
from svfr_restore.media.icc_profile import CODES, PROFILES, known_curve

_TRANSFER, _WHITE, _PRIMARIES = 301, 318, 319
_SHORT, _RATIONAL = 3, 5
_MOST_ENTRIES = 4096
_MOST_VALUES = 3 * 65_536  # a transfer function of 16 bits for each of three channels
# x and y of red, green and blue; all of them with the white of daylight
_KNOWN = {name: PRIMARIES_XY[name][:6] for name in ("rec709", "p3d65", "rec2020")}
_D65 = PRIMARIES_XY["rec709"][6:]


def tiff_colour(path: Path) -> ColourClaimOfFile:
    """Return what the tags state; NOTHING without them, and for sRGB's own primaries alone."""
    try:
        with path.open("rb") as file:
            tags = _colour_tags(file)
    except (struct.error, ValueError, OverflowError):
        return ColourClaimOfFile(None, "colour tags (TIFF) that are damaged")
    if not tags:
        return NOTHING
    primaries = _named_primaries(tags)
    curve = _named_curve(tags)
    if curve is None and primaries == "rec709":
        return NOTHING
    words = " and ".join(
        text
        for text, is_there in (
            ("primaries of its own", primaries != "rec709"),
            ("a transfer function of its own", curve is not None),
        )
        if is_there
    )
    return ColourClaimOfFile(PROFILES.get((primaries, curve or "")), f"{words} (TIFF)")


def _named_primaries(tags: Mapping[int, tuple[float, ...]]) -> str:
    """Return the known primaries and white that the tags state, Rec.709's without any, "" for others."""
    if not near_chromaticities(tags.get(_WHITE, _D65), _D65):
        return ""
    stated = tags.get(_PRIMARIES, _KNOWN["rec709"])
    return next((name for name, known in _KNOWN.items() if near_chromaticities(stated, known)), "")


def _named_curve(tags: Mapping[int, tuple[float, ...]]) -> str | None:
    """Return the known curve that all tables have, "" for another, None without any."""
    if _TRANSFER not in tags:
        return None
    values = np.array(tags[_TRANSFER]) / 65535
    count = 3 if len(values) % 3 == 0 else 1
    tables = values.reshape(count, -1)
    codes = np.linspace(0.0, 1.0, tables.shape[1])
    return known_curve([np.interp(CODES, codes, table) for table in tables]) or ""


def _colour_tags(file: BinaryIO) -> dict[int, tuple[float, ...]]:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]] if head[:2] in (b"II", b"MM") else "<"
    is_big = struct.unpack_from(order + "H", head, 2)[0] == 43
    start = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)[0]
    count_form, entry_form = (order + "Q", order + "HHQ8s") if is_big else (order + "H", order + "HHI4s")
    file.seek(start)
    (count,) = struct.unpack(count_form, file.read(struct.calcsize(count_form)))
    size = struct.calcsize(entry_form)
    entries = file.read(size * min(count, _MOST_ENTRIES))
    found = {}
    for tag, kind, number, place in struct.iter_unpack(entry_form, entries[: len(entries) // size * size]):
        if (tag, kind) in ((_TRANSFER, _SHORT), (_WHITE, _RATIONAL), (_PRIMARIES, _RATIONAL)):
            if not 0 < number <= _MOST_VALUES:
                raise ValueError("a colour tag has too many values")
            found[tag] = _values(file, order, kind, (number, place))
    return found


def _values(file: BinaryIO, order: str, kind: int, where: tuple[int, bytes]) -> tuple[float, ...]:
    """Return the numbers of an entry whose count and own bytes (values, or where they lie) are given."""
    number, place = where
    form = f"{order}{number}H" if kind == _SHORT else f"{order}{2 * number}I"
    size = struct.calcsize(form)
    if size > len(place):
        file.seek(struct.unpack(order + ("Q" if len(place) == 8 else "I"), place)[0])
        place = file.read(size)
    numbers = struct.unpack(form, place[:size])
    if kind == _SHORT:
        return numbers
    return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(*[iter(numbers)] * 2, strict=True))
