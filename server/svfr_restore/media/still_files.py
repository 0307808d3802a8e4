"""What PNG and JPEG files say in their own chunks: whether they are whole, and what colour PNG claims.

A decoder stops at the end mark. What lies after it (trailers of phones, motion photos, previews) is no
part of the picture; a file that ends before it is truncated. Layout as in the PNG specification, third
edition, and ITU-T T.81.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from svfr_restore.media.colour_claims import (
    NOTHING,
    UNSPECIFIED,
    ColourClaimOfFile,
    are_rec709,
    of_codes,
    of_gamma,
)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SRGB = "srgb_rec709_scene"
_LONGEST_COLOUR_CHUNK = 80  # the longest name of a profile, and its end
_RGB_MATRIX, _SRGB_TRANSFER = 0, 13
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_STANDALONE = (0x01, *range(0xD0, 0xD9))


def png_is_whole(path: Path) -> bool:
    """Return whether every chunk up to IEND is there."""
    return any(kind == b"IEND" for kind, _ in _png_chunks(path))


def png_colour(path: Path) -> ColourClaimOfFile:
    """Return what cICP, iCCP, sRGB, or gAMA and cHRM state, in the order of the specification.

    Of an iCCP chunk only its name is read, for profiles that nobody else reads.
    """
    found: dict[bytes, bytes] = {}
    for kind, data in _png_chunks(path):
        if kind == b"IDAT":
            break
        found.setdefault(kind, data)
    if len(codes := found.get(b"cICP", b"")) == 4 and not codes_say_nothing(codes):
        return _of_cicp(*codes)
    if b"iCCP" in found:
        name = found[b"iCCP"].split(b"\0")[0].decode("latin-1")
        return ColourClaimOfFile(None, f"the ICC profile {name!r}, which cannot be read")
    if b"sRGB" in found:
        return ColourClaimOfFile(_SRGB, "sRGB")
    whites = found.get(b"cHRM", b"")
    chromaticities = struct.unpack(">8I", whites) if len(whites) == 32 else None
    if len(found.get(b"gAMA", b"")) == 4:
        return of_gamma(struct.unpack(">I", found[b"gAMA"])[0], chromaticities)
    if chromaticities is not None and not are_rec709(chromaticities):
        return ColourClaimOfFile(None, "primaries of its own, and no gamma")
    return NOTHING


def _of_cicp(primaries: int, transfer: int, matrix: int, full_range: int) -> ColourClaimOfFile:
    """Return the claim of a cICP chunk; a PNG holds RGB, and code values are read as of full range.

    A transfer that is left out is a still's, sRGB.
    """
    if matrix != _RGB_MATRIX or full_range != 1:
        kind = "of limited range" if matrix == _RGB_MATRIX else f"with the matrix {matrix} of ITU-T H.273"
        return ColourClaimOfFile(None, f"code values {kind} (cICP)")
    stated = of_codes(primaries, transfer)
    if transfer not in (0, UNSPECIFIED):
        return stated
    return replace(of_codes(primaries, _SRGB_TRANSFER), words=stated.words)


def codes_say_nothing(codes: Sequence[int]) -> bool:
    """Return whether the four codes of a cICP chunk leave its colour open: the file is as one without it."""
    primaries, transfer, matrix, full_range = codes
    is_open = primaries in (0, UNSPECIFIED) and transfer in (0, UNSPECIFIED)
    return is_open and matrix == _RGB_MATRIX and full_range == 1


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, the first bytes of its data) of every whole chunk, up to IEND."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8) != _PNG_SIGNATURE:
            return
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if file.tell() + length + 4 > size:
                return
            start = file.tell()
            yield kind, file.read(min(length, _LONGEST_COLOUR_CHUNK))
            if kind == b"IEND":
                return
            file.seek(start + length + 4)


def jpeg_is_whole(path: Path) -> bool:
    """Return whether the picture's end mark is there; marks inside embedded previews do not count."""
    data = path.read_bytes()
    at = 2
    if data[:2] != bytes([0xFF, _SOI]):
        return False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return False
        kind = data[at + 1]
        if kind == 0xFF:  # fill
            at += 1
            continue
        if kind in _STANDALONE:
            at += 2
            continue
        if kind == _EOI:
            return True
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _SOS:
            at = _end_of_scan(data, at)
    return data[at : at + 2] == bytes([0xFF, _EOI])


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker begins that is no restart and no stuffed byte of a scan."""
    while (found := data.find(b"\xff", at)) >= 0 and found + 1 < len(data):
        following = data[found + 1]
        if following == 0 or 0xD0 <= following <= 0xD7 or following == 0xFF:
            at = found + (1 if following == 0xFF else 2)
            continue
        return found
    return len(data)
