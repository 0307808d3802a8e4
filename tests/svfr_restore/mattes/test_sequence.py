"""Matte sequences on disk: channels, geometry, soft values, gaps and damage."""

import cv2
import numpy as np
import OpenEXR
import pytest

from svfr_client.errors import BadPathPattern, MaskFramesMissing
from svfr_restore.errors import MaskCannotBeRead, MaskSizeDiffers
from svfr_restore.mattes.sequence import MatteSequence
from svfr_restore.media.window import Window

PLATE = Window(0, 0, 40, 30)
RAMP = (np.arange(40 * 30, dtype=np.float32) / 1199.0).reshape(30, 40)


def box(window):
    corners = (window.x, window.y), (window.right - 1, window.bottom - 1)
    return tuple(np.array(corner, np.int32) for corner in corners)


def write_exr(path, channels, data=None, display=None):
    height, width = next(iter(channels.values())).shape
    data = data or Window(0, 0, width, height)
    display = display or Window(0, 0, width, height)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": box(data),
        "displayWindow": box(display),
    }
    OpenEXR.File(header, {n: np.ascontiguousarray(v) for n, v in channels.items()}).write(str(path))


def test_soft_values_come_back_to_the_bit(tmp_path):
    for frame in (1001, 1002):
        write_exr(tmp_path / f"m.{frame}.exr", {"A": RAMP * np.float32(frame == 1002)})
    masks = MatteSequence.open(tmp_path / "m.%04d.exr", PLATE)
    assert np.array_equal(masks.read(1002, PLATE), RAMP)
    assert not masks.read(1001, PLATE).any()
    assert masks.check(range(1001, 1003)) == []


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["R", "G", "B", "A"], "A"),
        (["Y"], "Y"),
        (["R", "G", "B"], "R"),
        (["svfr.matte.A", "A", "R"], "svfr.matte.A"),
        (["matte"], "matte"),
    ],
)
def test_the_channel_is_the_first_that_can_be_a_matte(tmp_path, names, chosen):
    channels = {n: RAMP if n == chosen else np.full((30, 40), 0.125, np.float32) for n in names}
    write_exr(tmp_path / "m.exr", channels)
    masks = MatteSequence.open(tmp_path / "m.exr", PLATE)
    assert masks.channel == chosen
    assert np.array_equal(masks.read(7, PLATE), RAMP)


def test_the_matte_of_a_returned_frame_is_found_in_its_second_part(tmp_path):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    ones = np.ones((30, 40), np.float32)
    parts = [
        OpenEXR.Part({**header, "name": "rgba"}, {n: ones for n in "RGBA"}),
        OpenEXR.Part({**header, "name": "svfr_data"}, {"svfr.matte.A": RAMP}),
    ]
    OpenEXR.File(parts).write(str(tmp_path / "m.exr"))
    masks = MatteSequence.open(tmp_path / "m.exr", PLATE)
    assert (masks.channel, np.array_equal(masks.read(1, PLATE), RAMP)) == ("svfr.matte.A", True)


def test_a_solid_alpha_beside_a_drawn_mask_is_passed_over(tmp_path):
    ones = np.ones((30, 40), np.float32)
    write_exr(tmp_path / "m.exr", {"R": RAMP, "G": RAMP, "B": RAMP, "A": ones})
    assert MatteSequence.open(tmp_path / "m.exr", PLATE).channel == "R"
    write_exr(tmp_path / "all.exr", {"R": ones, "G": ones, "B": ones, "A": ones})
    assert MatteSequence.open(tmp_path / "all.exr", PLATE).channel == "A"


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_png_codes_are_read_as_data_without_colour_management(tmp_path, dtype, top):
    codes = np.rint(RAMP * top).astype(dtype)
    assert cv2.imwrite(str(tmp_path / "m.0005.png"), codes)
    masks = MatteSequence.open(tmp_path / "m.####.png", PLATE)
    assert np.abs(masks.read(5, PLATE) - codes.astype(np.float64) / top).max() < 1e-6


def test_one_still_holds_for_every_frame(tmp_path):
    write_exr(tmp_path / "garbage.0001.exr", {"A": RAMP})
    masks = MatteSequence.open(tmp_path / "garbage.0001.exr", PLATE)
    assert masks.check(range(900, 2000)) == []
    assert np.array_equal(masks.read(1500, PLATE), RAMP)


def test_a_cropped_data_window_lies_where_it_says_and_the_rest_is_empty(tmp_path):
    display, data = Window(10, 20, 40, 30), Window(15, 18, 8, 6)
    write_exr(tmp_path / "m.exr", {"A": np.full((6, 8), 0.5, np.float32)}, data, display)
    window = Window(-10, -10, 60, 50)
    matte = MatteSequence.open(tmp_path / "m.exr", PLATE).read(1, window)
    expected = np.zeros(window.shape, np.float32)
    expected[-2 + 10 : 4 + 10, 5 + 10 : 13 + 10] = 0.5  # relative to its own display window's corner
    assert np.array_equal(matte, expected)


def test_values_are_limited_to_0_and_1_and_nan_is_0(tmp_path):
    wild = RAMP.copy()
    wild[0, :4] = [np.nan, np.inf, -3.0, 7.0]
    write_exr(tmp_path / "m.exr", {"A": wild})
    matte = MatteSequence.open(tmp_path / "m.exr", PLATE).read(1, PLATE)
    assert list(matte[0, :4]) == [0.0, 1.0, 0.0, 1.0]


def test_a_gap_names_all_missing_frames_at_once(tmp_path):
    for frame in (1, 2, 5, 9):
        write_exr(tmp_path / f"m.{frame:04d}.exr", {"A": RAMP})
    masks = MatteSequence.open(tmp_path / "m.%04d.exr", PLATE)
    (problem,) = masks.check(range(1, 10))
    assert isinstance(problem, MaskFramesMissing)
    assert "3-4,6-8" in problem.message
    assert problem.frame == 3
    with pytest.raises(MaskFramesMissing, match="frame 4"):
        masks.read(4, PLATE)


def test_a_mask_of_another_size_names_both_sizes_and_the_frame(tmp_path):
    write_exr(tmp_path / "m.0001.exr", {"A": RAMP})
    write_exr(tmp_path / "m.0002.exr", {"A": RAMP[:15, :20]})
    masks = MatteSequence.open(tmp_path / "m.%04d.exr", PLATE)
    (problem,) = masks.check([1, 2])
    assert isinstance(problem, MaskSizeDiffers)
    assert (problem.frame, problem.path) == (2, str(tmp_path / "m.0002.exr"))
    assert "20 x 15" in problem.message
    assert "40 x 30" in problem.message
    with pytest.raises(MaskSizeDiffers):
        masks.read(2, PLATE)


def test_a_damaged_file_is_named(tmp_path):
    noise = np.random.default_rng(0).random((30, 40), np.float32)
    write_exr(tmp_path / "m.0001.exr", {"A": noise})
    whole = (tmp_path / "m.0001.exr").read_bytes()
    (tmp_path / "m.0002.exr").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "m.0003.exr").write_bytes(b"")
    masks = MatteSequence.open(tmp_path / "m.%04d.exr", PLATE)
    for frame in (2, 3):
        with pytest.raises(MaskCannotBeRead) as caught:
            masks.read(frame, PLATE)
        assert caught.value.frame == frame
    assert 3 in [problem.frame for problem in masks.check([1, 2, 3])]


def test_a_frame_without_the_channel_is_named(tmp_path):
    write_exr(tmp_path / "m.0001.exr", {"A": RAMP})
    write_exr(tmp_path / "m.0002.exr", {"Y": RAMP})
    masks = MatteSequence.open(tmp_path / "m.%04d.exr", PLATE)
    (problem,) = masks.check([1, 2])
    assert "no channel A" in problem.message
    assert problem.frame == 2


@pytest.mark.parametrize("name", ["none.exr", "none.%04d.exr", "folder/none.####.png"])
def test_a_mask_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(MaskCannotBeRead, match="none"):
        MatteSequence.open(tmp_path / name, PLATE)


def test_a_pattern_with_two_frame_fields_is_refused(tmp_path):
    with pytest.raises(BadPathPattern):
        MatteSequence.open(tmp_path / "m.%04d.%02d.exr", PLATE)
