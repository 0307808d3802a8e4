"""EXR plates: pixels exactly as stored, and every unsuitable file named before a job starts."""

import os
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from exr_samples import bits, picture, rich_parts, window, write_plate

from svfr_client.errors import FrameIsMissing
from svfr_restore.errors import (
    FrameCannotBeRead,
    FrameHasNoRgb,
    FrameIsDeep,
    FrameIsSubsampled,
    FrameIsTruncated,
    FrameSizeDiffers,
    NoFramesAsked,
    PlateFormatNotSupported,
    PlateNotFound,
)
from svfr_restore.media.plate import Plate, open_plate
from svfr_restore.media.plate_check import check_plate
from svfr_restore.media.window import Window


def sequence(folder: Path, frames: range = range(1001, 1006)) -> Plate:
    for frame in frames:
        write_plate(folder / f"shot.{frame:04d}.exr", picture(20, 30, seed=frame))
    return open_plate(folder / "shot.%04d.exr")


def file_of(plate: Plate, frame: int) -> Path:
    return plate.path(frame)


def cut(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def test_a_sequence_knows_its_frames_windows_and_kind(tmp_path: Path) -> None:
    plate = sequence(tmp_path)
    assert plate.frames == (1001, 1002, 1003, 1004, 1005)
    assert plate.kind == "exr" and plate.sample_bits == 16 and plate.fps is None
    assert plate.display == plate.data_window == Window(0, 0, 30, 20)
    assert plate.colour_hint is None
    assert check_plate(plate, plate.frames, "error") == []


def test_pixels_come_exactly_as_stored(tmp_path: Path) -> None:
    OpenEXR.File(rich_parts()).write(str(tmp_path / "plate.0007.exr"))
    plate = open_plate(tmp_path / "plate.0007.exr")
    assert plate.frames == (7,)
    frame = plate.read(7)
    stored = OpenEXR.File(str(tmp_path / "plate.0007.exr"), separate_channels=True).parts[0].channels
    for index, name in enumerate("RGB"):
        finite = np.isfinite(stored[name].pixels)
        np.testing.assert_array_equal(
            bits(frame.rgb[..., index])[finite], bits(stored[name].pixels.astype(np.float32))[finite]
        )
        np.testing.assert_array_equal(np.isfinite(frame.rgb[..., index]), finite)
    np.testing.assert_array_equal(frame.alpha, stored["A"].pixels.astype(np.float32))
    assert frame.rgb.dtype == np.float32 and frame.rgb.flags.c_contiguous


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ({"acesImageContainerFlag": 1}, "lin_ap0_scene"),
        ({"colorInteropID": "lin_ap1_scene"}, "lin_ap1_scene"),
        ({"acesImageContainerFlag": 1, "colorInteropID": "lin_ap1_scene"}, "lin_ap0_scene"),
        ({"colorInteropID": "unknown"}, None),
        ({"chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)}, None),
    ],
)
def test_the_colour_hint_is_what_the_file_states(tmp_path: Path, header: dict, hint: str | None) -> None:
    write_plate(tmp_path / "p.exr", picture(8, 30), **header)
    plate = open_plate(tmp_path / "p.exr")
    assert plate.colour_hint == hint
    contradicts = header.get("colorInteropID") == "lin_ap1_scene" and hint == "lin_ap0_scene"
    noted = "acesImageContainerFlag says lin_ap0_scene and its colorInteropID lin_ap1_scene"
    assert [noted in note for note in plate.notes] == [True] * contradicts


def test_a_second_part_holds_the_picture_when_the_first_has_no_rgb(tmp_path: Path) -> None:
    depth = OpenEXR.Part({"type": OpenEXR.scanlineimage}, {"Z": np.ones((8, 30), "f4")}, "depth")
    beauty = OpenEXR.Part({"type": OpenEXR.scanlineimage}, picture(8, 30), "rgba")
    OpenEXR.File([depth, beauty]).write(str(tmp_path / "p.exr"))
    plate = open_plate(tmp_path / "p.exr")
    np.testing.assert_array_equal(plate.read(1).rgb[1:, :, 0], picture(8, 30)["R"][1:].astype(np.float32))


def test_all_problems_of_a_range_are_found_together(tmp_path: Path) -> None:
    plate = sequence(tmp_path, range(1001, 1009))
    file_of(plate, 1002).unlink()
    cut(file_of(plate, 1003), 0.7)
    file_of(plate, 1004).write_bytes(b"")
    write_plate(file_of(plate, 1005), picture(20, 31))
    write_plate(file_of(plate, 1006), {"Z": np.ones((20, 30), "f4")})
    file_of(plate, 1007).write_bytes(b"this is a text and no picture at all")
    problems = check_plate(open_plate(tmp_path / "shot.####.exr"), range(1001, 1010), "error")
    assert [(type(p), p.frame) for p in problems] == [
        (FrameIsMissing, 1002),
        (FrameIsTruncated, 1003),
        (FrameIsTruncated, 1004),
        (FrameSizeDiffers, 1005),
        (FrameHasNoRgb, 1006),
        (FrameCannotBeRead, 1007),
        (FrameIsMissing, 1009),
    ]
    for problem in problems:
        assert problem.path == str(tmp_path / f"shot.{problem.frame}.exr")
        assert problem.remedy


@pytest.mark.parametrize("codec", ["no", "zip", "piz", "dwab"])
@pytest.mark.parametrize("keep", [0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_anywhere_is_found_without_decoding(tmp_path: Path, keep: float, codec: str) -> None:
    plate = sequence(tmp_path, range(1, 3))
    write_plate(file_of(plate, 2), picture(300, 30), codec)
    cut(file_of(plate, 2), keep)
    with pytest.raises(FrameIsTruncated) as caught:
        plate.probe(2)
    assert caught.value.frame == 2
    with pytest.raises((FrameIsTruncated, FrameCannotBeRead)):
        plate.read(2)


def test_a_writer_that_was_killed_leaves_zeros_that_are_found(tmp_path: Path) -> None:
    plate = sequence(tmp_path, range(1, 2))
    path = file_of(plate, 1)
    data = bytearray(path.read_bytes())
    end_of_header = data.index(b"screenWindowWidth\0") + len("screenWindowWidth\0float\0") + 4 + 4
    while data[end_of_header] != 0:
        end_of_header += 1
    table = data.index(b"\0", end_of_header) + 1
    data[table : table + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises((FrameIsTruncated, FrameCannotBeRead)):
        plate.probe(1)


def test_a_deep_picture_is_refused(tmp_path: Path) -> None:
    deep = np.empty((8, 30), object)
    for place in np.ndindex(8, 30):
        deep[place] = np.ones(2, np.float16)
    header = {"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}
    OpenEXR.File(header, {c: deep for c in "RGB"}).write(str(tmp_path / "deep.0001.exr"))
    with pytest.raises(FrameIsDeep, match="Flatten") as caught:
        open_plate(tmp_path / "deep.%04d.exr")
    assert caught.value.frame == 1


def test_luminance_chroma_files_have_no_rgb(tmp_path: Path) -> None:
    write_plate(tmp_path / "p.exr", dict.fromkeys(("Y", "RY", "BY"), np.ones((8, 30), "f2")))
    with pytest.raises(FrameHasNoRgb, match="it has BY, RY, Y"):
        open_plate(tmp_path / "p.exr")


def test_unsigned_integer_rgb_is_no_picture(tmp_path: Path) -> None:
    write_plate(tmp_path / "p.exr", {c: np.ones((8, 30), np.uint32) for c in "RGB"})
    with pytest.raises(FrameHasNoRgb):
        open_plate(tmp_path / "p.exr")


def test_a_plate_of_one_channel_says_where_its_colours_will_be(tmp_path: Path) -> None:
    write_plate(tmp_path / "p.exr", {"Y": np.ones((8, 30), "f2")})
    (note,) = open_plate(tmp_path / "p.exr").notes
    assert "one channel Y" in note and "part svfr_rgb" in note


def test_subsampled_channels_beside_rgb_are_refused(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "p.exr", picture(8, 30) | {"Y": np.ones((8, 30), "f2")})
    full, half = (b"Y\0" + struct.pack("<4i", 1, 0, n, n) for n in (1, 2))
    assert path.read_bytes().count(full) == 1
    path.write_bytes(path.read_bytes().replace(full, half))
    with pytest.raises(FrameIsSubsampled, match="Y"):
        open_plate(tmp_path / "p.exr")


def test_another_pixel_aspect_inside_a_sequence_is_another_size(tmp_path: Path) -> None:
    plate = sequence(tmp_path, range(1, 4))
    write_plate(file_of(plate, 2), picture(20, 30), pixelAspectRatio=2.0)
    problems = check_plate(plate, [1, 2, 3], "error")
    assert [(type(p), p.frame) for p in problems] == [(FrameSizeDiffers, 2)]


def test_another_data_window_inside_a_sequence_is_no_problem(tmp_path: Path) -> None:
    plate = sequence(tmp_path, range(1, 3))
    small = {"dataWindow": window(3, 4, 10, 10), "displayWindow": window(0, 0, 30, 20)}
    write_plate(file_of(plate, 2), picture(10, 10), **small)
    assert check_plate(plate, [1, 2], "error") == []
    assert plate.read(2).data_window == Window(3, 4, 10, 10)


@pytest.mark.parametrize("policy", ["hold", "skip"])
def test_missing_frames_are_no_problem_when_they_are_held_or_skipped(tmp_path: Path, policy: str) -> None:
    plate = sequence(tmp_path, range(1001, 1004))
    assert check_plate(plate, range(1000, 1010), policy) == []
    problems = check_plate(plate, range(2000, 2010), policy)
    assert [type(p) for p in problems] == [FrameIsMissing]


def test_an_empty_range_is_named(tmp_path: Path) -> None:
    problems = check_plate(sequence(tmp_path), [], "error")
    assert [type(p) for p in problems] == [NoFramesAsked]


def test_a_plate_opens_when_only_its_first_frame_is_damaged(tmp_path: Path) -> None:
    plate = sequence(tmp_path, range(1, 4))
    file_of(plate, 1).write_bytes(b"")
    again = open_plate(tmp_path / "shot.%04d.exr")
    assert again.display == Window(0, 0, 30, 20)
    assert [(type(p), p.frame) for p in check_plate(again, [1, 2, 3], "error")] == [(FrameIsTruncated, 1)]


def test_a_plate_whose_frames_are_all_damaged_tells_the_first(tmp_path: Path) -> None:
    for frame in (1, 2):
        (tmp_path / f"p.{frame}.exr").write_bytes(b"")
    with pytest.raises(FrameIsTruncated) as caught:
        open_plate(tmp_path / "p.%d.exr")
    assert caught.value.frame == 1


@pytest.mark.parametrize("name", ["none.%04d.exr", "none.exr", "none.%04d.png", "none.mp4"])
def test_a_plate_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlateNotFound) as caught:
        open_plate(tmp_path / name)
    assert caught.value.path == str(tmp_path / name)


@pytest.mark.parametrize("name", ["shot.psd", "shot"])
def test_an_unknown_file_type_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlateFormatNotSupported, match=r"\.exr.*\.dpx.*\.mov"):
        open_plate(os.fspath(tmp_path / name))


@pytest.mark.parametrize("seed", range(30))
def test_random_damage_gives_a_typed_error_or_a_picture(tmp_path: Path, seed: int) -> None:
    plate = sequence(tmp_path, range(1, 2))
    path = file_of(plate, 1)
    random = np.random.default_rng(seed)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    where = random.integers(8, min(400, data.size), 6)
    data[where] = random.integers(0, 256, 6)
    path.write_bytes(data.tobytes())
    expected = (
        FrameIsTruncated,
        FrameCannotBeRead,
        FrameHasNoRgb,
        FrameIsDeep,
        FrameIsSubsampled,
        FrameSizeDiffers,
    )
    assert all(isinstance(problem, expected) for problem in check_plate(plate, [1], "error"))


def test_oiio_files_open_too(tmp_path: Path) -> None:
    buffer = oiio.ImageBuf(oiio.ImageSpec(30, 20, 3, "float"))
    oiio.ImageBufAlgo.fill(buffer, (0.25, -1.0, 40.0))
    assert buffer.write(str(tmp_path / "p.exr"))
    frame = open_plate(tmp_path / "p.exr").read(1)
    assert (frame.rgb == np.array([0.25, -1.0, 40.0], np.float32)).all()
    assert frame.sample_bits == 32 and frame.alpha is None
