"""Numbered file names and windows."""

from pathlib import Path

import pytest

from svfr_client.errors import BadPathPattern
from svfr_client.output_names import next_version
from svfr_client.sequences import (
    PathPattern,
    frame_number_in_name,
    has_frame_field,
    pattern_of_file,
    plate_name,
)
from svfr_restore.media.window import Window


@pytest.mark.parametrize(
    ("pattern", "frame", "name"),
    [
        ("s.%04d.exr", 7, "s.0007.exr"),
        ("s.####.exr", 12345, "s.12345.exr"),
        ("s.####.exr", -5, "s.-005.exr"),
        ("s.%d.exr", 7, "s.7.exr"),
        ("s#.exr", 1001, "s1001.exr"),
        ("%08d.png", 42, "00000042.png"),
        ("take #1 100%.%04d.exr", 3, "take #1 100%.0003.exr"),
        ("##_%d.exr", 3, "##_3.exr"),
    ],
)
def test_a_pattern_names_the_file_of_a_frame(pattern: str, frame: int, name: str) -> None:
    assert PathPattern.parse(pattern).path(frame).name == name


def test_the_files_on_disk_are_found_and_no_others(tmp_path: Path) -> None:
    for name in (
        "s.0001.exr",
        "s.0010.exr",
        "s.10000.exr",
        "s.-001.exr",
        "s.1.exr",
        "t.0002.exr",
        "s.0003.exr.tmp",
    ):
        (tmp_path / name).touch()
    assert PathPattern.parse(tmp_path / "s.%04d.exr").frames() == (-1, 1, 10, 10000)
    assert PathPattern.parse(tmp_path / "s.#.exr").frames() == (1, 10000)


def test_a_minus_before_the_width_is_taken_where_the_usual_name_is_not_there(
    tmp_path: Path,
) -> None:
    pattern = PathPattern.parse(tmp_path / "s.####.exr")
    for name in ("s.-0001.exr", "s.-0003.exr", "s.-003.exr", "s.-00004.exr"):
        (tmp_path / name).touch()
    assert pattern.frames() == (-3, -1)
    assert pattern.path(-1).name == "s.-0001.exr"
    assert pattern.path(-3).name == "s.-003.exr"
    assert pattern.path(-2).name == "s.-002.exr"
    assert PathPattern.parse(tmp_path / "no folder" / "s.%04d.exr").frames() == ()


def test_letters_that_mean_something_to_patterns_are_taken_literally(tmp_path: Path) -> None:
    (tmp_path / "a+b[1].0001.exr").touch()
    assert PathPattern.parse(tmp_path / "a+b[1].####.exr").frames() == (1,)


@pytest.mark.parametrize("bad", ["shot.exr", "a.%04d.%04d.exr", "a.##.#.exr", "a.%0999d.exr"])
def test_patterns_without_one_field_in_the_name_are_refused(bad: str) -> None:
    with pytest.raises(BadPathPattern, match="frame field") as caught:
        PathPattern.parse(bad)
    assert "shot.%04d.exr" in caught.value.remedy


def test_a_hash_beside_a_field_is_a_letter(tmp_path: Path) -> None:
    pattern = str(tmp_path / "Shot #3" / "take #1.%04d.exr")
    (tmp_path / "Shot #3").mkdir()
    for name in ("take #1.0007.exr", "take 21.0008.exr"):
        (tmp_path / "Shot #3" / name).touch()
    assert PathPattern.parse(pattern).frames() == (7,)
    assert plate_name(pattern) == "take #1"
    assert pattern_of_file(pattern % 7, like=pattern) == pattern
    for version in (2, 3):
        following = next_version(pattern)
        assert following == pattern.replace("take #1", f"take #1_v{version:03d}")
        Path(following % 7).touch()


def test_hashes_are_shown_as_printf() -> None:
    assert str(PathPattern.parse("s.####.exr")) == "s.%04d.exr"
    assert str(PathPattern.parse("s.#.exr")) == "s.%d.exr"
    assert has_frame_field("a.%04d.exr") and not has_frame_field("a.0001.exr")


@pytest.mark.parametrize(
    ("name", "frame"), [("shot.1001.exr", 1001), ("shot_0007.png", 7), ("photo2.png", 1), ("a.-003.exr", -3)]
)
def test_a_single_file_has_the_number_at_the_end_of_its_name(name: str, frame: int) -> None:
    assert frame_number_in_name(Path(name)) == frame


def test_windows_intersect_join_and_grow() -> None:
    a, b = Window(-20, -10, 40, 30), Window(10, 5, 40, 30)
    assert a.intersect(b) == Window(10, 5, 10, 15)
    assert a.union(b) == Window(-20, -10, 70, 45)
    assert a.contains(Window(-20, -10, 1, 1)) and not a.contains(b)
    assert a.expand(2) == Window(-22, -12, 44, 34)
    assert a.expand(-40).is_empty


def test_an_empty_window_lies_in_every_window_and_adds_nothing() -> None:
    empty = Window(500, 500, 0, 7)
    assert Window(0, 0, 4, 4).union(empty) == Window(0, 0, 4, 4)
    assert empty.union(Window(0, 0, 4, 4)) == Window(0, 0, 4, 4)
    assert Window(0, 0, 4, 4).contains(empty)
    assert Window(0, 0, 4, 4).intersect(Window(9, 9, 4, 4)).is_empty


def test_slices_pick_a_window_out_of_an_array_and_refuse_to_wrap() -> None:
    assert Window(-5, 2, 3, 4).slices_in(Window(-10, 0, 20, 20)) == (slice(2, 6), slice(5, 8))
    with pytest.raises(ValueError, match="does not lie inside"):
        Window(-11, 0, 5, 5).slices_in(Window(-10, 0, 20, 20))
    with pytest.raises(ValueError, match="cannot be"):
        Window(0, 0, -1, 5)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/shot.%04d.exr", "shot"),
        ("C:\\plates\\shot_####.exr", "shot"),
        ("/a/%d.exr", "plate"),
        ("/a/take 2_.mov", "take 2_"),
    ],
)
def test_a_plates_name_is_told_without_its_frame_number(path: str, name: str) -> None:
    assert plate_name(path) == name


@pytest.mark.parametrize(
    ("output", "path", "pattern"),
    [
        ("/out/a.%04d.exr", "/out/a.1001.exr", "/out/a.%04d.exr"),
        ("/s_v001/a_v001.%04d.exr", "/s_v002/a_v002.1001.exr", "/s_v002/a_v002.%04d.exr"),
        ("/out/a.####_x.exr", "/out/a.1001_x.exr", "/out/a.####_x.exr"),
        ("/out/a.%04d.exr", "/out/a.-005.exr", "/out/a.%04d.exr"),
        ("/out/a-%04d.exr", "/out/a-1001.exr", "/out/a-%04d.exr"),
        ("/out/a-%04d.exr", "/out/a--005.exr", "/out/a-%04d.exr"),
        ("/out/a.%d.exr", "/out/a_v002.12345.exr", "/out/a_v002.%d.exr"),
        ("/1001/still.exr", "/1001/still_v002.exr", None),
    ],
)
def test_a_written_file_has_the_field_of_the_pattern_it_was_asked_for_by(
    output: str, path: str, pattern: str | None
) -> None:
    assert pattern_of_file(path, like=output) == pattern


@pytest.mark.parametrize(
    ("path", "frame", "pattern"),
    [
        ("/a/shot_v002.1001.exr", 1001, "/a/shot_v002.%04d.exr"),
        ("C:\\a\\shot.00007.exr", 7, "C:\\a\\shot.%05d.exr"),
        ("/a/shot.-005.EXR", -5, "/a/shot.%04d.EXR"),
        ("/a/shot-1001.exr", 1001, "/a/shot-%04d.exr"),
        ("/a/sh010.exr", 1001, None),
        ("clip-0001.png", None, "clip-%04d.png"),
        ("still.png", None, None),
    ],
)
def test_a_file_is_a_frame_of_the_pattern_with_its_digits(
    path: str, frame: int | None, pattern: str | None
) -> None:
    assert pattern_of_file(path, frame=frame) == pattern
