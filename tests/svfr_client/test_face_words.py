"""Faces are chosen as people type them, and what chooses none is refused with everything that would."""

import pytest

from svfr_client.errors import BadJob
from svfr_client.face_words import WORDS, read_face_choice
from svfr_client.job import FaceChoice, FacePoint, JobSpec


@pytest.mark.parametrize("word", ["largest", "all", "mask", "frame"])
def test_a_word_is_a_mode(word: str) -> None:
    assert word in WORDS
    assert read_face_choice(word) == FaceChoice(mode=word)


@pytest.mark.parametrize("text", ["0,2", "0+2"])
def test_numbers_are_tracks(text: str) -> None:
    assert read_face_choice(text) == FaceChoice("index", indices=(0, 2))


@pytest.mark.parametrize("text", ["kfmd,wqtnb", "kfmd+wqtnb"])
def test_consonants_are_ids(text: str) -> None:
    assert read_face_choice(text) == FaceChoice("id", ids=("kfmd", "wqtnb"))


@pytest.mark.parametrize("separator", [",", "+"])
def test_places_are_two_numbers_and_a_frame(separator: str) -> None:
    one, other = FacePoint(640.0, 360.5, 1001), FacePoint(-3.0, 20.0, -5)
    assert read_face_choice("640,360.5@1001") == FaceChoice("point", points=(one,))
    text = f"640,360.5@1001{separator}-3,20@-5"
    assert read_face_choice(text) == FaceChoice("point", points=(one, other))


def test_a_person_is_a_photo() -> None:
    assert read_face_choice("like:a b,c+d.png") == FaceChoice("photo", photos=("a b,c+d.png",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "like:",
        "nose",
        "mask,0",
        "0,-1",
        "0,,1",
        "1.5",
        "640@1001",
        "640,360@1001,5",
        "kfm",
        "kf²d",
    ],
)
def test_anything_else_chooses_nothing(text: str) -> None:
    with pytest.raises(BadJob, match="chooses no faces") as problem:
        read_face_choice(text)
    assert "640,360@1001" in problem.value.remedy


def test_a_choice_that_says_nothing_new_is_written_as_it_ever_was() -> None:
    assert FaceChoice("index", indices=(1,)).to_json() == {"mode": "index", "indices": [1], "boxes": []}
    job = JobSpec(plate="/p/a.%04d.exr", frames="1", tasks=("bfr",), output="/p/o.%04d.exr")
    assert job.to_json()["faces"] == {"mode": "largest", "indices": [], "boxes": []}


@pytest.mark.parametrize("text", ["kfmd", "640,360@1001", "like:/p/actor.png"])
def test_a_new_choice_goes_over_the_wire_and_back(text: str) -> None:
    choice = read_face_choice(text)
    job = JobSpec(plate="/p/a.%04d.exr", frames="1", tasks=("bfr",), output="/p/o.%04d.exr", faces=choice)
    assert JobSpec.from_json(job.to_json()) == job
