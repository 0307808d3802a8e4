"""What a file states about its colour, as a Color Interop ID: one table, read the same for every format.

A statement that is in none of these rows is not guessed from: the job has to name the space, and the words
of the file are in the error. Codes are those of ITU-T H.273, which PNG (cICP) and movies share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNSPECIFIED = 2
_REC709, _REC2020, _P3_D65 = 1, 9, 12
_SDR_VIDEO = (1, 6, 14, 15)
_LINEAR, _SRGB, _PQ, _HLG, _GAMMA22 = 8, 13, 16, 18, 4
_REC2020_MATRICES = (9, 10)

# (ColourPrimaries, TransferCharacteristics) -> Color Interop ID
CICP: Mapping[tuple[int, int], str] = {
    **{(_REC709, transfer): "g24_rec709_display" for transfer in _SDR_VIDEO},
    (_REC709, _GAMMA22): "g22_rec709_scene",
    (_REC709, _LINEAR): "lin_rec709_scene",
    (_REC709, _SRGB): "srgb_rec709_display",
    **{(_REC2020, transfer): "g24_rec2020_display" for transfer in _SDR_VIDEO},
    (_REC2020, _LINEAR): "lin_rec2020_scene",
    (_REC2020, _PQ): "pq_rec2020_display",
    (_REC2020, _HLG): "hlg_rec2020_display",
    (_P3_D65, _LINEAR): "lin_p3d65_scene",
    (_P3_D65, _SRGB): "srgb_p3d65_display",
    (_P3_D65, _PQ): "pq_p3d65_display",
}
# PNG's gAMA in units of 1/100000 -> Color Interop ID, with the primaries of Rec.709
PNG_GAMMA: Mapping[int, str] = {
    100000: "lin_rec709_scene",
    55556: "g18_rec709_scene",
    45455: "g22_rec709_scene",
    41667: "g24_rec709_scene",
}
# PNG's cHRM of Rec.709 (white, red, green, blue; x and y) in units of 1/100000
_REC709_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_CHROMATICITY_TOLERANCE = 0.002
# Primaries in a Color Interop ID -> x and y of red, green, blue and white
PRIMARIES_XY: Mapping[str, tuple[float, ...]] = {
    "rec709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.329),
    "p3d65": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329),
    "rec2020": (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329),
    "ap0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "ap1": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
}

# Spaces whose values a movie with the Rec.709 matrix can hold as they are -> their codes
SDR_MOVIE_CODES: Mapping[str, tuple[int, int]] = {
    "g24_rec709_display": (_REC709, 1),
    "g22_rec709_scene": (_REC709, _GAMMA22),
    "srgb_rec709_display": (_REC709, _SRGB),
    "srgb_rec709_scene": (_REC709, _SRGB),
    "srgb_p3d65_display": (_P3_D65, _SRGB),
    "srgb_p3d65_scene": (_P3_D65, _SRGB),
}


@dataclass(frozen=True)
class ColourClaimOfFile:
    """What a file states: the space, None when it has no name here, and the statement in words.

    ``words`` is empty for a file that states nothing.
    """

    interop_id: str | None = None
    words: str = ""


NOTHING = ColourClaimOfFile()


def of_codes(primaries: int, transfer: int, matrix: int = UNSPECIFIED) -> ColourClaimOfFile:
    """Return the claim of a stream's or cICP chunk's codes.

    Video that says nothing is Rec.709. Primaries that are left out follow from the matrix, or from a
    transfer that one system alone has (PQ and HLG: Rec.2020).
    """
    words = f"the primaries {primaries} and the transfer {transfer} of ITU-T H.273"
    if primaries in (0, UNSPECIFIED):
        is_wide = matrix in _REC2020_MATRICES or transfer in (_PQ, _HLG)
        primaries = _REC2020 if is_wide else _REC709
    if transfer in (0, UNSPECIFIED):
        transfer = 1
    return ColourClaimOfFile(CICP.get((primaries, transfer)), words)


def of_id(interop_id: str | None, chromaticities: Sequence[float] | None) -> ColourClaimOfFile:
    """Return the claim of an EXR's words on its colour: none where its chromaticities contradict its space.

    ``chromaticities``: x and y of red, green, blue and white. Alone they are no claim: writers set them
    whatever the pixels hold.
    """
    known = PRIMARIES_XY.get("".join((interop_id or "").split("_")[1:2]))
    if known is None or chromaticities is None or near_chromaticities(chromaticities, known):
        return ColourClaimOfFile(interop_id)
    return ColourClaimOfFile(None, f"the space {interop_id} and chromaticities that are not of it")


def of_gamma(gamma: int, chromaticities: tuple[int, ...] | None) -> ColourClaimOfFile:
    """Return the claim of PNG's gAMA and cHRM chunks, in units of 1/100000."""
    words = f"a gamma of {gamma / 100000:g}"
    if chromaticities is not None and not are_rec709(chromaticities):
        return ColourClaimOfFile(None, f"{words} and primaries of its own")
    nearest = min(PNG_GAMMA, key=lambda known: abs(known - gamma))
    return ColourClaimOfFile(PNG_GAMMA[nearest] if abs(nearest - gamma) <= 10 else None, words)


def are_rec709(chromaticities: tuple[int, ...]) -> bool:
    """Return whether PNG's cHRM, in units of 1/100000, states the primaries of Rec.709."""
    stated, known = ([value / 100000 for value in row] for row in (chromaticities, _REC709_CHROMATICITIES))
    return near_chromaticities(stated, known)


def near_chromaticities(stated: Sequence[float], known: Sequence[float]) -> bool:
    """Return whether x and y of primaries or whites are those of a known space, as files round them."""
    if len(stated) != len(known):
        return False
    return all(abs(one - other) <= _CHROMATICITY_TOLERANCE for one, other in zip(stated, known, strict=True))
