import json
import math
from pathlib import Path

import pytest

from svfr_client.errors import SeveralProblems
from svfr_client.frames import FrameRange
from svfr_lab.clips.entries import ClipEntry, Region, held_back_by_identity
from svfr_lab.clips.errors import ClipListInvalid
from svfr_lab.clips.list_file import plate_pattern, read_clip_list, write_clip_list

HEADER = {"format": "svfr-clips", "version": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in (1, 2):
            (tmp_path / name / f"{number:08d}.png").touch()
    (tmp_path / "c.mp4").touch()
    return tmp_path


def write_lines(folder: Path, *rows: object, header: object = HEADER) -> Path:
    path = folder / "clips.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in (header, *rows)))
    return path


def row(path: str = "a", identity: str = "p", split: str = "train", **more: object) -> dict[str, object]:
    return {"path": path, "identity": identity, "split": split, **more}


def test_a_list_that_was_written_reads_back_the_same(folder: Path):
    entries = [
        ClipEntry(
            path="a",
            identity="p1",
            split="train",
            frames=FrameRange.parse("1-2"),
            region=Region("box", {None: (3.5, 4.0, 20.0, 30.0)}),
        ),
        ClipEntry(path="b/%08d.png", identity="p2", split="held_back", space="srgb_rec709_display"),
        ClipEntry(
            path="c.mp4", identity="p3", region=Region("crop", {1: (0.0, 1.0, 64.0), 9: (2.0, 1.0, 60.0)})
        ),
    ]
    write_clip_list(folder / "new.jsonl", entries, folder, cache=folder / "kept")
    found = read_clip_list(folder / "new.jsonl")
    assert found.entries == tuple(entries) and found.lines == (2, 3, 4)
    assert found.root == folder and found.cache == folder / "kept" and found.landmarks68 is None
    assert found.clip_path(found.entries[0]) == folder / "a"


def test_paths_are_taken_from_the_lists_own_folder_without_a_root(folder: Path):
    found = read_clip_list(write_lines(folder, row(), "", row("c.mp4", caption="a person speaks")))
    assert found.root == folder and found.cache == folder / "clips.cache"
    assert found.lines == (2, 4), "empty lines count but hold no clip"


def test_a_folder_of_numbered_pictures_is_one_plate(folder: Path):
    assert plate_pattern(folder / "a") == folder / "a" / "%08d.png"
    assert plate_pattern(folder / "c.mp4") == folder / "c.mp4"
    (folder / "a" / "other.0001.exr").touch()
    with pytest.raises(ClipListInvalid, match="2 numbered sequences"):
        plate_pattern(folder / "a")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(split="test"), "split must be 'train' or 'held_back', not 'test'"),
        (row(identity=" "), "identity: it must not be empty"),
        ({"path": "a", "split": "train"}, "missing key identity"),
        (row(speed=2), "unknown key speed"),
        (row(frames="9-1"), "frames:"),
        (row(frames="1-9x2"), "frames of a clip follow one another"),
        (row(box=[1, 2, 3]), r"box: it must be \[x, y, width, height\]"),
        (row(crop=[1, 2, 0]), "crop: side must be at least 1 pixel"),
        (row(box=[1, 2, 3, 4], crop=[1, 2, 3]), "give one of box, crop, not several"),
        (row(boxes={"one": [1, 2, 3, 4]}), "'one' is no frame number"),
        (row(boxes={}), "boxes: it holds no frame"),
        (row(crops={"1": [1, 2]}), r"crops.1: it must be \[x, y, side\]"),
        (row(box=[math.nan, 2, 3, 4]), "box.0 must be a finite number, not nan"),
        (row(path=3), "path must be a valid string, not 3"),
        ('{"path": "a"', "this is no JSON object; it is wrong from character 13 on"),
        ("[1]", "this is no JSON object"),
        (row("gone"), "gone does not exist"),
        (row("gone/%04d.png"), "does not exist"),
    ],
)
def test_a_fault_names_its_line_and_the_remedy(folder: Path, bad: object, says: str):
    path = write_lines(folder, row("b"), bad)
    with pytest.raises(ClipListInvalid, match=says) as caught:
        read_clip_list(path)
    assert caught.value.message.startswith("Line 3: ") and caught.value.remedy
    assert caught.value.path == str(path)


def test_all_faults_are_told_at_once(folder: Path):
    path = write_lines(folder, row(split="test"), row("b", colour=1), "no", header=HEADER | {"root": 3})
    with pytest.raises(SeveralProblems) as caught:
        read_clip_list(path)
    lines = [problem.message.split(":")[0] for problem in caught.value.problems]
    assert lines == ["Line 1", "Line 2", "Line 3", "Line 4"]


def test_all_faults_of_a_line_are_told_at_once(folder: Path):
    path = write_lines(folder, row(identity="", split="test", frames="x", box=[1], boxes={}, colour=1))
    with pytest.raises(SeveralProblems) as caught:
        read_clip_list(path)
    messages = [problem.message for problem in caught.value.problems]
    assert all(message.startswith("Line 2: ") for message in messages)
    named = [message.removeprefix("Line 2: ").replace(":", " ").split()[0] for message in messages]
    assert named == ["identity", "split", "frames", "box", "boxes", "unknown"]


def test_a_long_list_of_faults_is_cut_short_and_counted(folder: Path):
    path = write_lines(folder, *[row(f"gone{number}") for number in range(80)])
    with pytest.raises(SeveralProblems) as caught:
        read_clip_list(path)
    assert len(caught.value.problems) == 51 and "30 more faults" in caught.value.problems[-1].message


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row("a"), row("b", split="held_back")], "in held_back here and in train on line 2"),
        ([row("a"), row("a")], "the same clip stands on line 2"),
        ([row("a", split="held_back")], "every clip is held back"),
        ([], "there is no clip in the list"),
    ],
)
def test_faults_between_lines_are_found(folder: Path, rows: list[object], says: str):
    with pytest.raises(ClipListInvalid, match=says):
        read_clip_list(write_lines(folder, *rows))


@pytest.mark.parametrize("header", [{"format": "other", "version": 1}, HEADER | {"version": 2}, row()])
def test_a_list_without_its_header_is_refused(folder: Path, header: object):
    with pytest.raises((ClipListInvalid, SeveralProblems), match="Line 1"):
        read_clip_list(write_lines(folder, row(), header=header))


def test_a_missing_predictor_and_a_missing_list_are_refused(folder: Path):
    with pytest.raises(ClipListInvalid, match=r"landmarks68 .* does not exist"):
        read_clip_list(write_lines(folder, row(), header=HEADER | {"landmarks68": "no.dat"}))
    with pytest.raises(ClipListInvalid, match="cannot be read"):
        read_clip_list(folder / "none.jsonl")


def test_people_are_held_back_whole_and_the_same_ones_when_clips_are_added():
    entries = [
        ClipEntry(path=f"{person}/{clip}", identity=f"p{person}") for person in range(20) for clip in range(3)
    ]
    divided = held_back_by_identity(entries, 5)
    held = {entry.identity for entry in divided if entry.split == "held_back"}
    assert len(held) == 5
    assert not held & {entry.identity for entry in divided if entry.split == "train"}
    more = held_back_by_identity([*entries, ClipEntry(path="3/9", identity="p3")], 5)
    assert {entry.identity for entry in more if entry.split == "held_back"} == held


def test_a_line_that_would_break_the_reader_does_not_hide_other_lines_faults(folder: Path):
    bad = ["[" * 100_000, '{"path": ' + "9" * 5000 + "}", '{"path": "a", "path": "b"}']
    with pytest.raises(SeveralProblems) as caught:
        read_clip_list(write_lines(folder, *bad, row(split="nowhere")))
    text = str(caught.value)
    for words in (
        "Line 2: it is nested too deeply",
        "Line 3: a number has too many digits",
        "Line 4: the key 'path' stands twice",
        "Line 5: split",
    ):
        assert words in text


def test_a_path_longer_than_the_system_takes_is_a_fault_of_its_line(folder: Path):
    with pytest.raises(ClipListInvalid, match=r"Line 2: .*does not exist"):
        read_clip_list(write_lines(folder, row("x" * 5000), row()))
