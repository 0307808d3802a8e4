import json
from pathlib import Path

import numpy as np
import pytest
from clip_samples import write_movie, write_pictures
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_lab.clips.errors import ClipLayoutNotRecognised
from svfr_lab.clips.layouts import read_layout
from svfr_lab.clips.list_file import read_clip_list

GREY = np.full((3, 48, 48, 3), 90, np.uint8)
WIDE = np.full((3, 48, 64, 3), 90, np.uint8)
VFHQ_NOTE = """Video ID: {video}
H: 720
W: 1280
FPS: 25.0

FRAME INDEX X0 Y0 W H [Landmarks (5 Points)]

{first:08d} 0 412.50 110.00 80.00 96.00 430 140 470 140 450 160 436 180 464 180
{second:08d} 0 414.50 110.00 80.00 96.00 430 140 470 140 450 160 436 180 464 180

CROP: 400 100 448 148
"""
VOX_NOTE = """Identity  : \tid00012
Reference : \tvideo
Offset    : \t2
FV Conf   : \t16.140\t(1)
ASD Conf  : \t5.142

FRAME \tX \tY \tW \tH
008809 \t0.125 \t0.25 \t0.5 \t0.5
008810 \t0.250 \t0.25 \t0.5 \t0.5
"""


def vfhq(folder: Path, first: int = 1) -> Path:
    for name in ("Clip+aB-_9+P0+C0+F10-14", "Clip+aB-_9+P1+C0+F30-34", "Clip+xyz+P0+C1+F5-9"):
        write_pictures(folder / "faces" / name.split("+")[1] / name, GREY)
        note = folder / "meta_info" / f"{name}.txt"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(VFHQ_NOTE.format(video=name, first=first, second=first + 1))
    return folder


def voxceleb2(folder: Path) -> Path:
    for person, clip in (("id00012", "00001"), ("id00012", "00002"), ("id00017", "00001")):
        write_movie(folder / "dev" / "mp4" / person / "21Uxsk56VDQ" / f"{clip}.mp4", GREY)
        note = folder / "dev" / "txt" / person / "21Uxsk56VDQ" / f"{clip}.txt"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(VOX_NOTE)
    return folder


def celebv_text(folder: Path, wrapped: bool) -> Path:
    clips = {
        f"{video}_{number}{'' if wrapped else '.mp4'}": {
            "ytb_id": video,
            "duration": {"start_sec": 0.0, "end_sec": 1.0},
            "bbox": {"top": 0.1, "bottom": 0.9, "left": 0.2, "right": 0.8},
        }
        for video in ("v1", "v2")
        for number in (0, 1)
    }
    folder.mkdir()
    (folder / "celebvtext_info.json").write_text(json.dumps({"clips": clips} if wrapped else clips))
    for name in ("v1_0", "v1_1", "v2_0", "stray"):
        write_movie(folder / "processed" / f"{name}.mp4", GREY)
    return folder


def test_vfhqs_folders_are_clips_of_the_persons_of_a_video(tmp_path: Path):
    entries = read_layout("vfhq", vfhq(tmp_path / "VFHQ"))
    assert [entry.identity for entry in entries] == ["aB-_9+P0", "aB-_9+P1", "xyz+P0"]
    assert all((tmp_path / "VFHQ" / entry.path).is_dir() and entry.region is None for entry in entries)


def test_vfhqs_boxes_are_moved_into_the_crop(tmp_path: Path):
    region = read_layout("vfhq", vfhq(tmp_path), with_boxes=True)[0].region
    assert region is not None and region.kind == "box"
    assert region.by_frame == {1: (12.5, 10.0, 80.0, 96.0), 2: (14.5, 10.0, 80.0, 96.0)}


def test_vfhqs_boxes_are_not_used_when_their_numbers_are_not_the_pictures(tmp_path: Path):
    assert all(entry.region is None for entry in read_layout("vfhq", vfhq(tmp_path, 11), with_boxes=True))


@pytest.mark.parametrize(("text", "says"), [("H: 720\n", "no line CROP"), ("CROP: x y 3 4\n", "Line 1")])
def test_a_file_that_vfhq_did_not_write_is_refused(tmp_path: Path, text: str, says: str):
    folder = vfhq(tmp_path)
    next((folder / "meta_info").glob("*.txt")).write_text(text)
    with pytest.raises(ClipLayoutNotRecognised, match=says):
        read_layout("vfhq", folder, with_boxes=True)


def test_voxceleb2s_movies_belong_to_their_identity_and_have_no_boxes_when_cut_to_the_face(tmp_path: Path):
    entries = read_layout("voxceleb2", voxceleb2(tmp_path), with_boxes=True)
    assert [entry.identity for entry in entries] == ["id00012", "id00012", "id00017"]
    assert entries[0].path == "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4"
    assert all(entry.region is None for entry in entries)


def test_voxceleb2s_boxes_are_used_for_movies_cut_from_the_whole_video(tmp_path: Path):
    folder = voxceleb2(tmp_path)
    write_movie(folder / "dev/mp4/id00017/21Uxsk56VDQ/00001.mp4", WIDE)
    region = read_layout("voxceleb2", folder, with_boxes=True)[2].region
    assert region is not None
    assert region.by_frame == {1: (8.0, 12.0, 32.0, 24.0), 2: (16.0, 12.0, 32.0, 24.0)}


@pytest.mark.parametrize("wrapped", [True, False])
def test_celebv_texts_movies_that_are_there_belong_to_their_video(tmp_path: Path, wrapped: bool):
    entries = read_layout("celebv-text", celebv_text(tmp_path / "data", wrapped))
    assert [(entry.path, entry.identity) for entry in entries] == [
        ("processed/v1_0.mp4", "v1"),
        ("processed/v1_1.mp4", "v1"),
        ("processed/v2_0.mp4", "v2"),
    ]


def test_celebv_text_without_its_file_or_with_another_is_refused(tmp_path: Path):
    with pytest.raises(ClipLayoutNotRecognised, match="0 files"):
        read_layout("celebv-text", tmp_path)
    (tmp_path / "celebvtext_info.json").write_text('{"clips": [1]}')
    with pytest.raises(ClipLayoutNotRecognised, match="does not map clips"):
        read_layout("celebv-text", tmp_path)


@pytest.mark.parametrize(
    ("layout", "folder", "says"),
    [
        ("vfhq", ".", "There are no folders Clip"),
        ("voxceleb2", "none", "no such folder"),
        ("ffhq", ".", "not known"),
    ],
)
def test_a_folder_in_another_layout_is_refused(tmp_path: Path, layout: str, folder: str, says: str):
    with pytest.raises(ClipLayoutNotRecognised, match=says):
        read_layout(layout, tmp_path / folder)


def test_the_command_writes_a_list_that_holds_people_back_whole(tmp_path: Path):
    folder, out = voxceleb2(tmp_path / "vox"), tmp_path / "clips.jsonl"
    asked = [
        "clips",
        "list",
        str(folder),
        "--layout",
        "voxceleb2",
        "--out",
        str(out),
        "--held-back",
        "1",
        "--json",
    ]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.splitlines()[-1])
    assert said["train_identities"] == said["held_back_identities"] == 1
    found = read_clip_list(out)
    assert {entry.split for entry in found.entries if entry.identity == "id00012"} != {"train", "held_back"}


def test_the_command_refuses_another_layout_and_another_ending(tmp_path: Path):
    for more in (["--layout", "ffhq", "--out", "a.jsonl"], ["--layout", "vfhq", "--out", "a.txt"]):
        assert CliRunner().invoke(app, ["clips", "list", str(tmp_path), *more]).exit_code == 2
    asked = ["clips", "list", str(tmp_path), "--layout", "vfhq", "--out", str(tmp_path / "a.jsonl")]
    assert CliRunner().invoke(app, asked).exit_code == 3
