"""The program svfr at work for a host: what it prints is read, and what goes wrong is told in words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from program_scripts import POSIX, script

from svfr_client.errors import ProgramFailed, ReportedError, ServerProgramNotFound
from svfr_client.hosting.program import MadeMovie, MovieWish, PageWish, make_movie, make_page, run_program
from svfr_client.hosting.server_place import ServerPlace

pytestmark = POSIX


def place(folder: Path, text: str) -> ServerPlace:
    return ServerPlace(program=str(script(folder / "svfr", text)))


def test_the_objects_it_prints_are_returned_and_other_lines_are_not(tmp_path: Path) -> None:
    text = 'echo hello; echo \'{"kind": "face", "id": "a"}\'; echo 7; echo "[]"; echo "$@" >&2'
    assert run_program(place(tmp_path, text), ["faces", "x"]) == [{"kind": "face", "id": "a"}]


def test_a_page_is_asked_for_with_what_is_known_of_the_result(tmp_path: Path) -> None:
    seen = tmp_path / "arguments"
    here = place(tmp_path, f'printf "%s\\n" "$@" > {seen}; echo \'{{"kind": "page", "page": "/o/a.html"}}\'')
    wish = PageWish("/o/a.%04d.exr", plate="/p/a.%04d.exr", frames="1-3", config="ocio://default", job="ab")
    assert make_page(here, wish) == Path("/o/a.html")
    assert seen.read_text().split() == [
        *("view", "/o/a.%04d.exr", "--plate", "/p/a.%04d.exr", "--frames", "1-3"),
        *("--ocio", "ocio://default", "--job", "ab", "--json"),
    ]
    make_page(replace(here, connection_file="/c/connection.json"), wish)
    assert seen.read_text().split()[-5:] == ["--job", "ab", "--server", "/c/connection.json", "--json"]


def test_a_movie_is_asked_for_with_what_is_known_of_the_result(tmp_path: Path) -> None:
    seen = tmp_path / "arguments"
    said = {"kind": "movie", "movie": "/o/a.mov", "frames": 3, "keeps_codes": True, "notes": ["no alpha"]}
    here = place(tmp_path, f"printf '%s\\n' \"$@\" > {seen}; echo '{json.dumps(said)}'")
    wish = MovieWish("/o/a.%04d.exr", "mov", frames="1-3", fps="24", space="ACEScg")
    assert make_movie(here, wish) == MadeMovie(Path("/o/a.mov"), True, ("no alpha",))
    assert seen.read_text().split() == [
        *("movie", "/o/a.%04d.exr", "--out", "mov", "--overwrite", "--frames", "1-3", "--fps", "24"),
        *("--colorspace", "ACEScg", "--json"),
    ]
    with pytest.raises(ProgramFailed, match="made no movie"):
        make_movie(place(tmp_path, "exit 0"), wish)


def test_its_own_error_is_raised_as_it_says_it(tmp_path: Path) -> None:
    error = {"kind": "error", "code": "PLATE_NOT_FOUND", "message": "gone", "remedy": "Look.", "exit_code": 3}
    with pytest.raises(ReportedError) as caught:
        make_page(place(tmp_path, f"echo '{json.dumps(error)}'; exit 3"), PageWish("a"))
    assert (caught.value.code, caught.value.remedy) == ("PLATE_NOT_FOUND", "Look.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo no such module >&2; exit 1", "failed: no such module"),
        ("exit 0", "made no page"),
        ("exec sleep 30", "did not answer within 0.5 s"),
    ],
)
def test_a_program_that_fails_without_a_word_of_ours_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ProgramFailed, match=words):
        if "sleep" in text:
            run_program(place(tmp_path, text), ["view"], timeout_s=0.5)
        else:
            make_page(place(tmp_path, text), PageWish("a"))


def test_what_cannot_be_run_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    here = place(tmp_path, "")
    Path(here.program).chmod(0o644)
    with pytest.raises(ProgramFailed, match="cannot be run: Permission denied"):
        run_program(here, ["view"])
    with pytest.raises(ServerProgramNotFound):
        run_program(ServerPlace(program=str(tmp_path / "none")), ["view"])
