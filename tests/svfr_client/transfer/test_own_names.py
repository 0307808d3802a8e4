from pathlib import Path

import pytest

from svfr_client.errors import ReportedError, SeveralProblems, SvfrError
from svfr_client.path_map import PathMap
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.job_files import JobFiles, LocalFile
from svfr_client.transfer.own_names import OwnNames, shown_plate

THERE = "/srv/svfr/transfers/sets/0f3a/"
FILES = JobFiles(
    (LocalFile(Path("/shots/big \u00fc/c.1002.png"), "plate.1002.png"),),
    {"/shots/big \u00fc/c.#.png": "plate.%04d.png"},
)


def test_an_error_names_our_file_wherever_it_stands() -> None:
    names = OwnNames.of(FILES, THERE)
    one = ReportedError("BAD", f"{THERE}plate.1002.png is short.", frame=1002, path=f"{THERE}plate.1002.png")
    several = SeveralProblems([one, ReportedError("BAD", "x", path=f"{THERE}plate.%04d.png")])
    problems = names.error(several).to_dict()["problems"]
    assert [problem["path"] for problem in problems] == [
        "/shots/big \u00fc/c.1002.png",
        "/shots/big \u00fc/c.#.png",
    ]
    assert problems[0]["message"] == "/shots/big \u00fc/c.1002.png is short."


@pytest.mark.parametrize(
    ("ours", "there", "name", "shown"),
    [
        ("/shots/big.%04d.exr", "plate_big.%04d.exr", "plate_big.1009.exr", "/shots/big.1009.exr"),
        ("/shots/big_###.exr", "plate_big.%04d.exr", "plate_big.0009.exr", "/shots/big_009.exr"),
        ("/shots/big.%d.exr", "plate_big.%04d.exr", "plate_big.-003.exr", "/shots/big.-3.exr"),
        ("/roto/m.%06d.png", "mask.%04d.png", "mask.123456.png", "/roto/m.123456.png"),
        ("/shots/big.mov", "plate_big.mov", "plate_big.mov", "/shots/big.mov"),
        (
            "/shots/first%20day.1001.png",
            "plate_first.1001.png",
            "plate_first.1001.png",
            "/shots/first%20day.1001.png",
        ),
        ("/studio/show.ocio", "config.ocioz", "config.ocioz", "/studio/show.ocio"),
    ],
)
def test_every_kind_of_file_goes_by_our_name_also_a_frame_that_was_not_there_to_be_sent(
    ours: str, there: str, name: str, shown: str
) -> None:
    names = OwnNames.of(JobFiles((), {ours: there}), THERE)
    missing = ReportedError("FRAME_MISSING", f"No {THERE}{name}.", path=f"{THERE}{name}")
    assert names.error(missing).path == shown
    assert names.error(missing).message == f"No {shown}."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/my server/transfers/sets/{c}/{s}/plate_sh010.1001.exr", "sh010.1001.exr"),
        ("C:\\svfr\\transfers\\sets\\{c}\\{s}\\mask.1001.png", "mask.1001.png"),
        (
            "Frame 3 of /srv/transfers/sets/{c}/{s}/plate_sh010.%04d.exr, and more.",
            "Frame 3 of sh010.%04d.exr, and more.",
        ),
        ("/srv/transfers/sets/{c}/plate.exr", "/srv/transfers/sets/{c}/plate.exr"),
    ],
)
def test_files_of_a_set_whose_note_is_gone_go_by_their_names_alone(text: str, shown: str) -> None:
    places = {"c": "0f" * 8, "s": "3a" * 16}
    there, name = text.format(**places), shown.format(**places)
    assert OwnNames().renamed({"message": there}) == {"message": name}
    assert OwnNames().error(ReportedError("BAD", there)).message == name


def test_the_end_of_a_sentence_is_no_part_of_a_name_and_other_paths_stay() -> None:
    names = OwnNames.of(FILES, THERE)
    assert names.renamed(f"See {THERE}plate.1002.png.") == "See /shots/big \u00fc/c.1002.png."
    for text in (f"{THERE}other.png", "/srv/else/plate.1002.png"):
        assert names.renamed({"a": [text, 3]}) == {"a": [text, 3]}


def test_of_a_job_whose_files_the_server_sees_every_word_stays() -> None:
    problem = ReportedError("BAD", "x", path="/plates/a.exr")
    assert OwnNames().error(problem) is problem
    assert OwnNames().renamed({"path": "/plates/a.exr"}) == {"path": "/plates/a.exr"}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/srv/svfr/transfers/sets/{'a' * 16}/{'0' * 32}/plate_sh010.%04d.exr", "sh010.%04d.exr (sent)"),
        (f"C:\\svfr\\transfers\\sets\\{'a' * 16}\\{'0' * 32}\\plate.mov", "plate.mov (sent)"),
        ("/shots/transfers/sets/plate_sh010.%04d.exr", "/shots/transfers/sets/plate_sh010.%04d.exr"),
        ("/shots/sh010.mov", "/shots/sh010.mov"),
    ],
)
def test_a_plate_that_was_sent_is_listed_by_its_name(path: str, shown: str) -> None:
    assert shown_plate(path) == shown


def test_the_names_are_noted_for_whoever_fetches_the_frames_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    names = OwnNames.of(FILES, THERE)
    Delivery("0" * 32, "/out/a.%04d.exr", names=names).note()
    assert Delivery.noted("0" * 32, PathMap()).names == names
    (note,) = tmp_path.rglob(f"{'0' * 32}.json")
    note.write_text('{"output": "/out/a.%04d.exr"}')  # of an earlier version
    assert Delivery.noted("0" * 32, PathMap()).output == "/out/a.%04d.exr"


def test_a_sent_plate_that_was_forgotten_is_said_to_be_gone_and_not_to_be_misnamed() -> None:
    path = f"/gpu/transfers/sets/{'1' * 16}/{'2' * 32}/plate_shot.%04d.exr"
    error = SvfrError("No file matches the plate's path.", path=path, remedy="Check the path.").to_dict()
    body = OwnNames().renamed({"error": dict(error, code="PLATE_NOT_FOUND")})
    assert body["error"]["code"] == "SENT_FILES_GONE" and "svfr restore" in body["error"]["remedy"]
    other = {"error": dict(error, code="PLATE_NOT_FOUND", path="/share/shot.%04d.exr")}
    assert OwnNames().renamed(other) == other
