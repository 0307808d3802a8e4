"""Stills as people have them: turned, trailed, planar, with names and time codes of their own."""

import struct
from fractions import Fraction
from pathlib import Path

import job_samples
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from field_samples import GRADIENT, frame_job, write_exr, write_still

from svfr_restore.errors import (
    FrameCannotBeRead,
    FrameIsTruncated,
    PlateFormatNotSupported,
)
from svfr_restore.media.orientation import upright
from svfr_restore.media.plate import open_plate
from svfr_restore.media.still_plate import _undecodable
from svfr_restore.media.timecode import Timecode


def test_what_a_dpx_says_of_itself_comes_back(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), 0.4, np.float32)
    plate = write_still(
        tmp_path / "d.0001.dpx",
        (pixels * 65535).astype(np.uint16),
        oiio__BitsPerSample=10,
        dpx__TimeCode="01:02:03:04",
        dpx__FrameRate=24.0,
        DocumentName="reel A001",
        DateTime="2026:01:01 10:00:00",
    )
    frame = open_plate(plate).read(1)
    assert frame.tags.timecode == Timecode(1, 2, 3, 4) and frame.fps == 24
    result = job_samples.run(frame_job(plate, tmp_path))
    header = OpenEXR.File(str(result.outputs[0].path)).parts[0].header
    assert (header["reelName"], header["capDate"]) == ("reel A001", "2026:01:01 10:00:00")
    assert (header["timeCode"].hours, header["timeCode"].frame) == (1, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_still_is_turned_as_it_asks(orientation: int, tmp_path: Path) -> None:
    plate = open_plate(write_still(tmp_path / "a.tif", GRADIENT, Orientation=orientation))
    frame = plate.read(1)
    expected = upright(GRADIENT, orientation)
    assert (plate.display.height, plate.display.width) == expected.shape[:2]
    np.testing.assert_allclose(frame.rgb, expected / 255, atol=1e-6)
    assert plate.probe(1) == plate.shape()


def test_a_quarter_turn_goes_clockwise() -> None:
    corner = np.array([[1, 0], [0, 0]])
    np.testing.assert_array_equal(upright(corner, 6), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(upright(corner, 8), [[0, 0], [1, 0]])


@pytest.mark.parametrize("name", ["a.jpg", "b.png"])
def test_bytes_after_the_end_mark_are_no_part_of_the_picture(name: str, tmp_path: Path) -> None:
    path = Path(write_still(tmp_path / name))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(300))
    open_plate(str(path)).probe(1)
    path.write_bytes(whole[:-40])
    with pytest.raises(FrameIsTruncated):
        open_plate(str(path)).probe(1)


def test_a_preview_inside_a_jpeg_does_not_make_it_whole(tmp_path: Path) -> None:
    path = Path(write_still(tmp_path / "a.jpg"))
    whole = path.read_bytes()
    preview = whole[:200] + b"\xff\xd9"
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    path.write_bytes(whole[:2] + segment + whole[2:-60])
    with pytest.raises(FrameIsTruncated):
        open_plate(str(path)).probe(1)


@pytest.mark.parametrize("compression", ["none", "lzw", "zip"])
def test_planar_tiffs_are_read(compression: str, tmp_path: Path) -> None:
    path = write_still(tmp_path / "p.tif", GRADIENT, planarconfig="separate", compression=compression)
    plate = open_plate(path)
    plate.probe(1)
    np.testing.assert_allclose(plate.read(1).rgb, GRADIENT / 255, atol=1e-6)


def test_a_codec_that_is_not_there_is_not_called_a_short_file() -> None:
    reason = "ZSTD compression support is not configured"
    assert isinstance(_undecodable(reason, 1, Path("z.tif")), FrameCannotBeRead)
    assert isinstance(_undecodable("Read error at scanline 4", 1, Path("z.tif")), FrameIsTruncated)


@pytest.mark.parametrize(
    "name", ["photo_1699999999999.png", "take#3.png", "first%20day.png", "день ночь 漢字.png", "a b.png"]
)
def test_a_file_that_is_there_is_that_file(name: str, tmp_path: Path) -> None:
    assert open_plate(write_still(tmp_path / name)).frames == (1,)


def test_a_file_is_what_its_content_is_whatever_its_ending(tmp_path: Path) -> None:
    for form in ("png", "jpg", "tif"):
        whole = Path(write_still(tmp_path / f"whole.{form}"))
        for ending in ("png", "jpg", "tif"):
            named = tmp_path / f"{form}_as.{ending}"
            named.write_bytes(whole.read_bytes())
            plate = open_plate(named)
            plate.probe(1)
            np.testing.assert_allclose(plate.read(1).rgb, GRADIENT / 255, atol=0.02)
    named = tmp_path / "exr_as.jpg"
    named.write_bytes(Path(write_exr(tmp_path / "a.exr")).read_bytes())
    with pytest.raises(FrameCannotBeRead, match="no JPG: by its content it is openexr"):
        open_plate(named)


def test_further_pictures_in_a_file_are_told(tmp_path: Path) -> None:
    path, spec = str(tmp_path / "pages.tif"), oiio.ImageSpec(64, 48, 3, "uint8")
    output = oiio.ImageOutput.create(path)
    for mode in ("Create", "AppendSubimage"):
        assert output.open(path, spec, mode) and output.write_image(GRADIENT)
    output.close()
    assert any("several pictures" in note for note in open_plate(path).notes)


def test_a_folder_may_hold_what_looks_like_a_field(tmp_path: Path) -> None:
    write_still(tmp_path / "sh#10" / "50%d" / "s.0007.png")
    assert open_plate(str(tmp_path / "sh#10" / "50%d" / "s.%04d.png")).frames == (7,)


def test_what_is_no_plate_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("no picture")
    for path, words in ((tmp_path, "a folder"), (tmp_path / "note", "a file without an ending")):
        with pytest.raises(PlateFormatNotSupported, match=f"cannot be {words}\\."):
            open_plate(str(path))


@pytest.mark.parametrize(("header", "rate"), [("FrameRate", 25.0), ("TemporalFrameRate", 29.97)])
def test_the_rate_of_a_dpx_is_in_either_of_its_headers(header: str, rate: float, tmp_path: Path) -> None:
    path = write_still(tmp_path / "a.0001.dpx", **{f"dpx__{header}": rate})
    assert open_plate(path).fps == (Fraction(25) if rate == 25.0 else Fraction(30000, 1001))
