"""JPEGs with a gain map (Ultra HDR): how much brighter a picture is on a bright screen."""

import struct
from pathlib import Path

import job_samples
import numpy as np
import pytest
from field_samples import GRADIENT, frame_job, write_still

from svfr_restore.media.plate import open_plate

XMP = b"http://ns.adobe.com/xap/1.0/\0"
STOPS = 2.0
DESCRIPTION = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" {more}'
    "</rdf:RDF></x:xmpmeta>"
)
DIRECTORY = (
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/>'
    "</rdf:li>"
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    'Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
)


def segment(kind: int, data: bytes) -> bytes:
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(data) + 2) + data


def described(more: str) -> bytes:
    return segment(0xE1, XMP + DESCRIPTION.format(more=more).encode())


def pictures_of(first_size: int, second_at: int, second_size: int) -> bytes:
    """The segment that says where the pictures of a file lie (CIPA DC-007, multi-picture format)."""
    entries = struct.pack(">IIIHH", 0x030000, first_size, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, second_size, second_at, 0, 0)
    index = struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50)
    return segment(0xE2, b"MPF\0MM\0*" + struct.pack(">I", 8) + index + struct.pack(">I", 0) + entries)


def write_ultra_hdr(path: Path) -> str:
    """Write a ramp whose gain map makes it four times as bright everywhere."""
    base = Path(write_still(path)).read_bytes()
    even = np.full((24, 32, 1), 255, np.uint8)
    gain = Path(write_still(path.with_name("gain.jpg"), even)).read_bytes()
    gain = gain[:2] + described(f'hdrgm:GainMapMax="{STOPS}" hdrgm:HDRCapacityMax="{STOPS}"/>') + gain[2:]
    words = described(DIRECTORY.format(length=len(gain)))
    size = len(base) + len(words) + len(pictures_of(0, 0, 0))
    index_at = 2 + len(words) + 8  # places are counted from the index, after its segment's head and name
    places = pictures_of(size, size - index_at, len(gain))
    path.write_bytes(base[:2] + words + places + base[2:] + gain)
    return str(path)


def light(codes: np.ndarray) -> np.ndarray:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def test_a_gain_map_makes_linear_light_that_says_so(tmp_path: Path) -> None:
    plate = open_plate(write_ultra_hdr(tmp_path / "a.jpg"))
    assert plate.colour_hint == "lin_rec709_scene" and plate.notes == ()
    seen = plate.read(1).rgb[24, 8:-8]
    np.testing.assert_allclose(seen, 2**STOPS * light(GRADIENT[24, 8:-8] / 255), rtol=0.05, atol=0.06)


def test_what_is_brighter_than_white_comes_back(tmp_path: Path) -> None:
    plate = write_ultra_hdr(tmp_path / "a.jpg")
    result = job_samples.run(frame_job(plate, tmp_path / "out", colour=job_samples.ColourClaim()))
    back = job_samples.read_exr(result.outputs[0].path)
    assert back[24, -1, :3].min() > 3.5
    np.testing.assert_allclose(back[..., :3], open_plate(plate).read(1).rgb.astype(np.float16), rtol=1e-3)


@pytest.mark.parametrize("lost", [1, None], ids=["cut", "gone"])
def test_a_gain_map_that_cannot_be_read_is_told(lost: int | None, tmp_path: Path) -> None:
    path = Path(write_ultra_hdr(tmp_path / "a.jpg"))
    whole = path.read_bytes()
    gain_at = whole.rindex(b"\xff\xd8")
    path.write_bytes(whole[: gain_at if lost is None else gain_at + (len(whole) - gain_at) // 2])
    plate = open_plate(str(path))
    plate.probe(1)
    assert plate.colour_hint == "srgb_rec709_scene" and "gain map" in plate.notes[0]
    np.testing.assert_allclose(plate.read(1).rgb[24, ::16], GRADIENT[24, ::16] / 255, atol=0.02)
