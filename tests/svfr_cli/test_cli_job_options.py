"""The words of a command line become the parts of a job, and wrong words are refused before anything runs."""

import json
from pathlib import Path

import pytest
import typer

from svfr_cli import job_options
from svfr_client.errors import BadMask
from svfr_client.job import Box, FaceChoice, Reference
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask


def test_a_box_is_read_as_four_numbers() -> None:
    assert job_options.parse_box("10,20.5,30,40") == Box(10, 20.5, 30, 40)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1 2 3 4"])
def test_anything_else_is_no_box(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="x,y,w,h"):
        job_options.parse_box(text)


@pytest.mark.parametrize("word", ["largest", "all", "mask", "frame"])
def test_faces_are_chosen_by_word(word: str) -> None:
    assert job_options.parse_faces(word, ()) == FaceChoice(mode=word)


def test_faces_are_chosen_by_track_number() -> None:
    assert job_options.parse_faces("0,2", ()) == FaceChoice(mode="index", indices=(0, 2))


def test_boxes_take_the_place_of_detection() -> None:
    choice = job_options.parse_faces("largest", ["1,2,3,4", "5,6,7,8"])
    assert choice == FaceChoice(mode="box", boxes=(Box(1, 2, 3, 4), Box(5, 6, 7, 8)))


def test_boxes_with_a_choice_of_faces_contradict() -> None:
    with pytest.raises(typer.BadParameter, match="leave --faces out"):
        job_options.parse_faces("all", ["1,2,3,4"])


def test_an_unknown_word_for_faces_lists_the_known_ones() -> None:
    with pytest.raises(typer.BadParameter, match="largest, all, mask, frame"):
        job_options.parse_faces("biggest", ())


def test_a_reference_is_a_frame_or_a_photo_of_one_track_or_all(tmp_path: Path) -> None:
    assert job_options.parse_reference("1010") == Reference(frame=1010)
    assert job_options.parse_reference("2=1010") == Reference(track=2, frame=1010)
    assert job_options.parse_reference("-5") == Reference(frame=-5)
    photo = str(tmp_path / "actor.png")
    assert job_options.parse_reference(photo) == Reference(photo=photo)
    assert job_options.parse_reference("0=" + photo) == Reference(track=0, photo=photo)


def test_an_equals_sign_in_a_photos_name_is_no_track() -> None:
    assert job_options.parse_reference("take=2.png").photo == str(Path("take=2.png").absolute())


@pytest.mark.parametrize("text", ["", "3="])
def test_an_empty_reference_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a frame nor a photo"):
        job_options.parse_reference(text)


def test_a_json_mask_is_read_as_splines_and_anything_else_as_a_sequence(tmp_path: Path) -> None:
    point = MaskPoint((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
    mask = SplineMask({1001: MaskShape((MaskLayer((MaskSpline((point,)),)),), 64, 48)})
    path = tmp_path / "roto.json"
    path.write_text(json.dumps(mask.to_json()), encoding="utf-8")
    assert job_options.read_mask(str(path)) == (None, mask)
    assert job_options.read_mask("matte.%04d.exr") == (str(Path("matte.%04d.exr").absolute()), None)
    assert job_options.read_mask(None) == (None, None)


@pytest.mark.parametrize("content", [None, "{", '{"format": 1}'])
def test_a_missing_or_damaged_json_mask_is_a_typed_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "roto.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(BadMask):
        job_options.read_mask(str(path))


@pytest.mark.parametrize(
    ("plate", "expected"),
    [
        ("shot.%04d.exr", "shot_svfr/shot.%04d.exr"),
        ("shot_%05d.exr", "shot_svfr/shot.%05d.exr"),
        ("shot.####.exr", "shot_svfr/shot.%04d.exr"),
        ("shot.%d.exr", "shot_svfr/shot.%01d.exr"),
        ("take2.mov", "take2_svfr/take2.%04d.exr"),
        ("%04d.exr", "plate_svfr/plate.%04d.exr"),
        ("take #1.%04d.exr", "take #1_svfr/take #1.%04d.exr"),
    ],
)
def test_results_go_to_a_folder_beside_the_plate(tmp_path: Path, plate: str, expected: str) -> None:
    assert Path(job_options.default_output(str(tmp_path / plate))) == tmp_path / expected


def test_a_still_whose_name_holds_a_hash_keeps_it(tmp_path: Path) -> None:
    still = tmp_path / "take #1.png"
    still.touch()
    expected = tmp_path / "take #1_svfr" / "take #1.%04d.exr"
    assert Path(job_options.default_output(str(still))) == expected


def test_a_config_path_becomes_absolute_and_an_address_stays() -> None:
    assert job_options.colour_claim("acescg", "studio.ocio", None).config == str(
        Path("studio.ocio").absolute()
    )
    assert job_options.colour_claim(None, "ocio://default", 1.0).config == "ocio://default"


def test_a_model_folder_becomes_absolute_and_a_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert job_options.model_reference("mine") == str(tmp_path / "mine")
    assert job_options.model_reference("mini") == "mini"
