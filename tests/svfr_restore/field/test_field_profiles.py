"""ICC profiles: known by their curves and primaries, never by their names."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from svfr_client.job import ColourClaim
from svfr_ocio.contract import agree
from svfr_restore.media.icc_profile import CURVES, PRIMARIES, PROFILES, of_profile
from svfr_restore.media.plate import open_plate


def number(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def table(curve: Callable[[Any], Any], entries: int = 1024) -> bytes:
    """A curve of many entries, as most profiles of scanners and screens have it."""
    values = np.round(np.asarray(curve(np.linspace(0, 1, entries))) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", entries) + values.tobytes()


def formula(kind: int, *values: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + b"".join(map(number, values))


SRGB_FORMULA = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SEVEN = formula(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
LINEAR = b"curv" + bytes(8)


def profile(columns: Any, curve: bytes, kind: bytes = b"RGB ", **more: bytes) -> bytes:
    """An ICC profile of a matrix and curves, or a grey one."""
    tags = {name.encode(): value for name, value in more.items()}
    if kind == b"GRAY":
        tags[b"kTRC"] = curve
    for channel, column in zip((b"r", b"g", b"b"), columns, strict=False):
        tags[channel + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(number, column))
        tags[channel + b"TRC"] = curve
    rows, body = b"", b""
    for name, value in tags.items():
        rows += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4s", 132 + len(rows) + len(body), b"test") + b"\x02\x40\0\0mntr" + kind + b"XYZ "
    return head + bytes(12) + b"acsp" + bytes(88) + struct.pack(">I", len(tags)) + rows + body


def write_with(path: Path, name: str, value: Any) -> str:
    spec = oiio.ImageSpec(40, 24, 3, "uint8")
    if isinstance(value, bytes):
        spec.attribute(name, oiio.TypeDesc(f"uint8[{len(value)}]"), np.frombuffer(value, np.uint8))
    else:
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(np.zeros((24, 40, 3), np.uint8))
    output.close()
    return str(path)


@pytest.mark.parametrize(("kind", "space"), PROFILES.items(), ids=str)
def test_a_profile_is_known_by_its_curves_and_primaries(kind: tuple[str, str], space: str) -> None:
    primaries, curve = PRIMARIES[kind[0]], CURVES[kind[1]]
    assert of_profile(profile(primaries, table(curve)), "any name").interop_id == space
    agree(ColourClaim(), space)


@pytest.mark.parametrize(
    ("data", "space"),
    [
        (profile(PRIMARIES["rec709"], SRGB_FORMULA), "srgb_rec709_scene"),
        (profile(PRIMARIES["p3d65"], SRGB_FORMULA), "srgb_p3d65_scene"),
        (profile(PRIMARIES["rec709"], LINEAR), "lin_rec709_scene"),
        (profile(PRIMARIES["rec709"], formula(0, 2.2)), "g22_rec709_scene"),
        (profile(PRIMARIES["rec709"], formula(1, 2.2, 1.0, 0.0)), "g22_rec709_scene"),
        (
            profile(
                PRIMARIES["rec709"], formula(4, *(2.4, 1 / 1.055, 0.055 / 1.055), 1 / 12.92, 0.04045, 0, 0)
            ),
            "srgb_rec709_scene",
        ),
        (profile((), formula(0, 1.8), b"GRAY"), "g18_rec709_scene"),
        (profile((), b"", b"GRAY"), None),
        (profile(PRIMARIES["rec709"], formula(0, 2.0)), None),
        (profile(ADOBE, b"curv" + bytes(4) + struct.pack(">IH", 1, 563)), None),
        (profile(PRIMARIES["rec709"], SRGB_FORMULA, A2B0=b"mft2" + bytes(40)), None),
        (profile((), b"", b"CMYK", desc=b"x"), None),
        (profile(PRIMARIES["rec709"], formula(9, 2.2)), None),
        (profile(PRIMARIES["rec709"], b"curv" + bytes(4) + b"\xff" * 40), None),
        (profile(PRIMARIES["rec709"], SRGB_FORMULA)[:-60], None),
        (b"nonsense" * 20, None),
        (b"", None),
    ],
)
def test_a_profiles_name_is_only_words(data: bytes, space: str | None) -> None:
    """sRGB-elle-V2-g10.icc is linear, and a screen's "Color LCD" is often Display P3."""
    claim = of_profile(data, "sRGB by its name")
    assert claim.interop_id == space and "'sRGB by its name'" in claim.words


def test_what_a_file_states_is_read_or_asked_for_whatever_the_format(tmp_path: Path) -> None:
    linear = profile(PRIMARIES["rec709"], LINEAR)
    for ending in ("png", "jpg", "tif"):
        assert (
            open_plate(write_with(tmp_path / f"a.{ending}", "ICCProfile", linear)).colour_hint
            == "lin_rec709_scene"
        )
    broken = open_plate(write_with(tmp_path / "b.jpg", "ICCProfile", b"nonsense" * 20))
    assert (
        broken.colour_hint is None
        and "an ICC profile without a name, which is damaged" in broken.colour.words
    )
    camera = open_plate(write_with(tmp_path / "c.jpg", "Exif:ColorSpace", 65535))
    assert camera.colour_hint is None and "other than sRGB (EXIF)" in camera.colour.words
