"""Masks that mark nothing, that are movies, and that are bounded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
from field_samples import frame_job, write_exr, write_movie, write_still

from svfr_client.errors import BadMask
from svfr_client.masks import MaskPoint
from svfr_restore.errors import (
    MaskCannotBeRead,
    MaskIsEmpty,
    MaskSizeDiffers,
)
from svfr_restore.mattes.mask_feed import open_mask
from svfr_restore.media.plate import open_plate
from svfr_restore.media.window import Window


@pytest.mark.parametrize("kind", ["zero", "nan", "faint", "green"])
def test_a_mask_that_marks_nothing_is_refused_before_the_model_runs(kind: str, tmp_path: Path) -> None:
    marked = np.zeros((48, 64), np.float16)
    marked[10:30, 10:40] = 1
    channels = {
        "zero": {"A": marked * 0},
        "nan": {"A": np.where(marked > 0, np.nan, 0).astype(np.float16)},
        "faint": {"A": marked.astype(np.float32) * 1e-6},
        "green": {"R": marked * 0, "G": marked, "B": marked * 0},
    }[kind]
    mask = write_exr(tmp_path / "mask.exr", channels)
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe", mask_path=mask)
    with pytest.raises(MaskIsEmpty, match="mask-channel"):
        job_samples.run(spec)
    if kind == "green":
        assert job_samples.run(replace(spec, mask_channel="G")).counts["pixels_changed"] > 0
        with pytest.raises(MaskCannotBeRead, match="B, G, R"):
            job_samples.run(replace(spec, mask_channel="matte", existing="overwrite"))


@pytest.mark.parametrize("number", [1, 7, 0xFFFFFFFF])
def test_whole_numbers_of_an_exr_are_values(number: int, tmp_path: Path) -> None:
    numbers = np.zeros((48, 64), np.uint32)
    numbers[10:30, 10:40] = number
    other = np.full((48, 64), 0.5, np.float16)
    mask = write_exr(tmp_path / "m.exr", {"A": numbers, "Z": other})
    plate = open_plate(write_exr(tmp_path / "p.0001.exr"))
    feed = open_mask(frame_job(plate.pattern, tmp_path, mask_path=mask), plate)
    assert feed is not None
    np.testing.assert_array_equal(feed.read(1, plate.display), numbers > 0)


def test_a_feather_has_a_bound() -> None:
    for feather in (1e9, 1001.0, float("inf"), -1.0):
        with pytest.raises(BadMask, match="feather"):
            MaskPoint((0, 0), (0, 0), (0, 0), feather)


def disc(frames: int) -> list[Any]:
    """Grey mattes of a square that moves by the frame."""
    pictures = []
    for number in range(frames):
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[10:30, 5 + number : 25 + number] = 255
        pictures.append(picture)
    return pictures


def test_a_matte_may_be_a_movie_that_begins_with_the_plate(tmp_path: Path) -> None:
    for frame in (1001, 1002, 1003):
        write_exr(tmp_path / f"p.{frame}.exr")
    plate = str(tmp_path / "p.%04d.exr")
    mask = write_movie(tmp_path / "matte.mkv", disc(3), "ffv1", "bgr0")
    feed = open_mask(frame_job(plate, tmp_path, "1001-1003", mask_path=mask), open_plate(plate))
    assert feed is not None and feed.check((1001, 1003)) == []
    for number, frame in enumerate((1001, 1002, 1003)):
        expected = disc(3)[number][..., 0] / 255
        np.testing.assert_array_equal(feed.read(frame, Window(0, 0, 64, 48)), expected)
    (problem,) = feed.check((1001, 1004, 1005))
    assert "1004-1005" in problem.message


def test_the_alpha_of_a_matte_movie_is_the_matte_and_a_channel_can_be_named(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[10:30, 10:40, 3], picture[..., 1] = 255, 128
    mask = write_movie(tmp_path / "matte.mov", [picture], "png", "rgba", "rgba")
    plate = write_exr(tmp_path / "p.0001.exr")
    window = Window(0, 0, 64, 48)
    spec = frame_job(plate, tmp_path, mask_path=mask)
    alpha, green = (open_mask(replace(spec, mask_channel=name), open_plate(plate)) for name in (None, "G"))
    assert alpha is not None and green is not None
    assert alpha.read(1, window).sum() == 20 * 30
    np.testing.assert_allclose(green.read(1, window), 128 / 255)
    with pytest.raises(MaskCannotBeRead, match="no channel Z"):
        open_mask(replace(spec, mask_channel="Z"), open_plate(plate))


def test_a_matte_movie_of_another_size_is_refused(tmp_path: Path) -> None:
    mask = write_movie(tmp_path / "matte.mkv", [np.zeros((24, 32, 3), np.uint8)], "ffv1", "bgr0")
    spec = frame_job(write_exr(tmp_path / "p.0001.exr"), tmp_path, mask_path=mask)
    with pytest.raises(MaskSizeDiffers, match="32 x 24"):
        job_samples.run(replace(spec, colour=job_samples.LINEAR))


def test_frames_whose_mask_marks_nothing_are_told_as_stretches(tmp_path: Path) -> None:
    for frame in range(1, 7):
        write_exr(tmp_path / f"p.{frame:04d}.exr")
        marked = np.zeros((48, 64), np.float16)
        marked[10:30, 10:40] = frame in (3, 6)
        write_exr(tmp_path / f"m.{frame:04d}.exr", {"A": marked})
    spec = frame_job(str(tmp_path / "p.%04d.exr"), tmp_path, "1-6", colour=job_samples.LINEAR, model="probe")
    reports = job_samples.Reports()
    job_samples.run(replace(spec, mask_path=str(tmp_path / "m.%04d.exr")), reports=reports)
    told = [text for text in reports.warnings if "mask" in text]
    assert told == [
        "The mask marks nothing in frames 1-2, which are not restored.",
        "The mask marks nothing in frames 4-5, which are not restored.",
    ]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_matte_is_turned_as_its_plate_is(orientation: int, suffix: str, tmp_path: Path) -> None:
    marked = np.zeros((48, 64, 3), np.uint8)
    marked[4:20, 8:24] = 255
    files = [write_still(tmp_path / f"{n}{suffix}", marked, Orientation=orientation) for n in "pm"]
    plate = open_plate(files[0])
    feed = open_mask(frame_job(files[0], tmp_path, mask_path=files[1]), plate)
    assert feed is not None and feed.check([1]) == []
    np.testing.assert_allclose(feed.read(1, plate.display), plate.read(1).rgb[..., 0], atol=1e-6)


def test_a_matte_of_another_shape_once_turned_is_refused(tmp_path: Path) -> None:
    marked = np.full((48, 64, 3), 255, np.uint8)
    plate = open_plate(write_still(tmp_path / "p.png", marked))
    mask = write_still(tmp_path / "m.tif", marked, Orientation=6)
    feed = open_mask(frame_job(plate.pattern, tmp_path, mask_path=mask), plate)
    assert feed is not None
    with pytest.raises(MaskSizeDiffers, match="48 x 64 pixels, the plate 64 x 48"):
        feed.read(1, plate.display)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_named_channel_is_not_multiplied_by_the_alpha_beside_it(suffix: str, tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint16)
    picture[10:30, 10:40, 0] = 65535
    picture[..., 3] = 1000
    mask = write_still(tmp_path / f"m{suffix}", picture, **{"oiio__UnassociatedAlpha": 1})
    plate = open_plate(write_exr(tmp_path / "p.0001.exr"))
    feed = open_mask(frame_job(plate.pattern, tmp_path, mask_path=mask, mask_channel="R"), plate)
    assert feed is not None and feed.read(1, plate.display).sum() == 20 * 30


@pytest.mark.parametrize("kind", ["sequence", "movie"])
def test_a_solid_alpha_that_is_passed_over_is_told(kind: str, tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[10:30, 10:40], picture[..., 3] = 255, 255
    if kind == "movie":
        mask = write_movie(tmp_path / "m.mov", [picture], "png", "rgba", "rgba")
    else:
        mask = write_still(tmp_path / "m.png", picture)
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe", mask_path=mask)
    for named, told in ((None, 1), ("R", 0)):
        reports = job_samples.Reports()
        job_samples.run(replace(spec, mask_channel=named, existing="overwrite"), reports=reports)
        assert sum("channel R is the mask" in text for text in reports.warnings) == told
