"""The ``svfr`` command as a user and a farm see it: exit statuses, JSON lines, Ctrl-C, the face sheet."""

import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import e2e_plates
import numpy as np
import OpenEXR
import pytest
from e2e_command import Command
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.media.plate import open_plate

COLOUR = ("--colorspace", "lin_rec709_scene")


@pytest.fixture(scope="module")
def svfr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("command") / "home")
    yield command
    command("serve", "--stop")


class InProcess:
    """``svfr`` in this process, for the commands that need torch: importing it anew each time is slow."""

    def lines(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path_factory.mktemp("in-process") / "home"))
    return InProcess()


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return e2e_plates.write_sequence(tmp_path_factory.mktemp("plate"))


def test_nothing_answers_before_a_server_was_started(tmp_path: Path) -> None:
    code, _, err = Command(tmp_path / "home")("status")
    assert code == 4
    assert "to do:" in err


def test_restore_starts_a_server_writes_frames_and_says_so(svfr: Command, plate: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out" / "shot.%04d.exr")
    words = ("restore", plate, "-t", "bfr", "--model", "identity", *COLOUR, "-o", out, "--movie", "mkv")
    code, said, err = svfr(*words)
    movie = tmp_path / "out" / "shot.mkv"
    assert (code, said) == (0, f"{movie} (4 frames)\n"), err
    assert "4 frames written" in err and "clipped at white" in err
    assert open_plate(str(movie)).frames == (1, 2, 3, 4)
    assert [Path(out % frame).is_file() for frame in range(1001, 1005)] == [True] * 4
    assert svfr("status")[0] == 0


def test_json_lines_tell_the_whole_story(svfr: Command, plate: str, tmp_path: Path) -> None:
    out = str(tmp_path / "shot.%04d.exr")
    code, lines = svfr.lines(
        "restore", plate, "-t", "bfr", "--frames", "1001-1002", "--model", "identity", *COLOUR, "-o", out
    )
    assert code == 0
    assert lines[0]["kind"] == "submitted"
    assert [line["seq"] for line in lines[1:]] == list(range(1, len(lines)))
    # frames are written by several threads, and told as they are done
    assert {line["path"] for line in lines if line["kind"] == "frame"} == {out % 1001, out % 1002}
    assert (lines[-1]["kind"], lines[-1]["frames_written"]) == ("done", 2)
    job = lines[0]["job"]
    assert svfr.lines("status", job)[1][0]["state"] == "done"
    assert job in [row["job"] for row in svfr.lines("jobs")[1]]


def page_data(page: str) -> dict[str, Any]:
    text = Path(page).read_text(encoding="utf-8")
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


def test_a_page_has_the_jobs_warnings_and_a_command_that_makes_the_same_again(
    svfr: Command, plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_HOME", svfr.env["SVFR_HOME"])
    here = InProcess()
    folder = tmp_path / 'a plate\'s "own" folder'
    folder.mkdir()
    height, width = open_plate(plate).display.shape
    for frame in (1001, 1002):
        (folder / f"shot.{frame}.exr").symlink_to(plate % frame)
        cv2.imwrite(
            str(folder / f"mask.{frame}.png"), np.full((height, width), 255 * (frame == 1001), np.uint8)
        )
    own, out = str(folder / "shot.%04d.exr"), str(tmp_path / "out" / "shot.%04d.exr")
    words = ("restore", own, "-t", "bfr", "--model", "probe", *COLOUR, "-o", out)
    not_kept = ("--box", "60,60,64,64", "--mask", str(folder / "mask.%04d.png"))
    _, lines = svfr.lines(*words, *not_kept, "--frames", "1001-1002")
    _, (made,) = here.lines("view", out, "--plate", own, "--job", lines[0]["job"])
    data = page_data(made["page"])
    assert [warning["frame"] for warning in data["warnings"]] == [1002]
    assert data["tracks"]["1001"] == [{"x": 60, "y": 60, "width": 64, "height": 64}]
    by_job, by_files = (shlex.split(line) for line in data["command"].splitlines())
    assert by_job == ["svfr", "redo", lines[0]["job"], "1001-1002"]
    assert "which faces, mask" in data["command_note"]
    code, again = svfr.lines(*by_files[1:], *not_kept)
    assert code == 0, again
    written = {line["frame"]: line["path"] for line in again if line["kind"] == "frame"}
    assert written[1001] != out % 1001
    pictures = [open_plate(path).read(1001).rgb for path in (out % 1001, written[1001])]
    np.testing.assert_array_equal(*pictures)
    _, (made,) = here.lines("view", out, "--plate", own, "--job", 32 * "0")
    (unknown,) = page_data(made["page"])["warnings"]
    code, (refused,) = here.lines("view", out, "--out", str(tmp_path / "nowhere" / "page.html"))
    assert (code, refused["code"]) == (7, "WRITE_FAILED") and "--out" in refused["remedy"]
    # a job is shown by the files that it wrote, here those of another version than it named
    _, (made,) = here.lines("view", again[0]["job"])
    assert Path(made["page"]).name == "shot_v002.html" and made["frames"] == 2
    assert unknown["frame"] is None and "is not known here" in unknown["text"]


def test_a_movie_is_refused_before_the_job_that_would_write_it(here: InProcess, plate: str) -> None:
    words = ("restore", plate, "-t", "bfr", "--model", "identity", *COLOUR)
    taken = Path(plate).parent / f"{Path(plate).parent.name}.mov"
    taken.write_bytes(b"a movie")
    code, lines = here.lines(*words, "--movie", str(taken))
    assert (code, lines[0]["code"]) == (3, "OUTPUT_EXISTS")
    for options, own in ((("--mask", str(taken)), taken), ((), None)):
        place = own or taken.with_name("plate.mov")
        if own is None:
            place.write_bytes(b"a movie")
            words = ("restore", str(place), "--frames", "1", *words[2:])
        for existing in ("error", "overwrite", "version_up"):
            refused = here.lines(*words, *options, "--movie", str(place), "--existing", existing)
            assert (refused[0], refused[1][0]["code"]) == (3, "OUTPUT_EQUALS_PLATE")
    for wrong in (("--movie", "avi"), ("--movie", "mov", "--no-wait")):
        assert here.lines(*words, *wrong)[0] == 2
    assert here.lines("movie", plate, "--fps", "none")[0] == 2
    assert not (Path(plate).parent / "shot_svfr").exists() and taken.read_bytes() == b"a movie"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (("--frames", "1001-1009"), 3, "FRAME_MISSING"),
        (("--frames", "9-1"), 3, "BAD_FRAME_RANGE"),
        (("--model", "no-such-model"), 6, "MODEL_MISSING"),
        (("--task", "inpaint"), 3, "BAD_REQUEST"),
    ],
)
def test_a_bad_job_has_its_own_exit_status(
    svfr: Command, plate: str, tmp_path: Path, words: tuple[str, ...], status: int, code: str
) -> None:
    base = ("restore", plate, "-t", "bfr", "--model", "identity", *COLOUR, "-o", str(tmp_path / "s.%04d.exr"))
    found, lines = svfr.lines(*base, *words)
    assert found == status
    error = lines[-1]
    assert (error["kind"], error["exit_code"]) == ("error", status)
    codes = {problem["code"] for problem in error.get("problems", [error])}
    assert codes == {code}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("--box", "1,2"), ("--faces", "biggest"), ("--no-such-option",), ("--seed", "-1"), ("--reference", "")],
)
def test_a_wrong_command_line_is_told_apart(svfr: Command, plate: str, words: tuple[str, ...]) -> None:
    code, out, err = svfr("restore", plate, "-t", "bfr", "--frames", "1001", *words)
    assert (code, out) == (2, "")
    assert "Usage:" in err


def test_ctrl_c_cancels_the_job_and_leaves_no_half_frame(svfr: Command, tmp_path: Path) -> None:
    # one picture held for many frames: a job that cannot end before the signal on any machine
    plate = e2e_plates.write_still_sequence(tmp_path / "long", 1)
    out = tmp_path / "out" / "shot.%04d.exr"
    process = svfr.start(
        *("restore", plate, "--frames", "1001-4000", "--missing", "hold", "-t", "bfr", "--model", "identity"),
        *(*COLOUR, "-o", str(out), "--json"),
    )
    assert process.stdout is not None
    job = json.loads(process.stdout.readline())["job"]
    for line in process.stdout:
        if json.loads(line)["kind"] == "progress":
            process.send_signal(signal.SIGINT)
            break
    out_text, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert json.loads(out_text.splitlines()[-1])["code"] == "CANCELLED"
    assert svfr.lines("status", job)[1][0]["state"] == "cancelled"
    written = list(out.parent.glob("*")) if out.parent.is_dir() else []
    assert all(path.suffix == ".exr" and path.stat().st_size > 0 for path in written)
    assert len(written) < 3000


def test_a_job_can_be_handed_in_and_cancelled_later(svfr: Command, tmp_path: Path) -> None:
    plate = e2e_plates.write_still_sequence(tmp_path / "long", 200)
    out = str(tmp_path / "out" / "shot.%04d.exr")
    words = ("restore", plate, "-t", "bfr", "--model", "identity", *COLOUR, "-o", out, "--no-wait")
    code, printed, said = svfr(*words)
    assert code == 0
    job = printed.strip()
    assert printed == f"{job}\n" and f"svfr status {job}" in said
    assert svfr.lines("cancel", job)[0] == 0
    assert (
        svfr.lines("status", job)[1][0]["cancel_requested"]
        or svfr.lines("status", job)[1][0]["state"] == "cancelled"
    )


def test_an_unknown_job_is_bad_input(svfr: Command) -> None:
    svfr("jobs")
    code, lines = svfr.lines("status", "0" * 32)
    assert (code, lines[-1]["code"]) == (3, "NOT_FOUND")


def test_a_dry_run_estimates_and_writes_nothing(here: InProcess, plate: str, tmp_path: Path) -> None:
    out = str(tmp_path / "shot.%04d.exr")
    base = ("restore", plate, "-t", "bfr", "--model", "identity", *COLOUR, "-o", out, "--dry-run")
    code, lines = here.lines(*base)
    assert code == 0
    estimate = lines[-1]
    assert (estimate["frames_read"], estimate["tracks"]) == (4, 1)
    assert estimate["memory_bytes"] > 0 and estimate["output_bytes"] > 0
    assert list(tmp_path.iterdir()) == []
    assert here.lines(*base, "--frames", "1001-1009")[0] == 3


def test_faces_draws_a_numbered_sheet_and_writes_editable_tracks(
    here: InProcess, plate: str, tmp_path: Path
) -> None:
    sheet, tracks = tmp_path / "faces.png", tmp_path / "tracks.json"
    code, lines = here.lines("faces", plate, *COLOUR, "-o", str(sheet), "--tracks", str(tracks))
    assert code == 0
    faces = [line for line in lines if line["kind"] == "face"]
    assert [(f["face"], f["first_frame"], f["last_frame"]) for f in faces] == [(0, 1001, 1004)]
    picture = cv2.imread(str(sheet))
    assert picture is not None and picture.shape[1] > 640
    assert read_tracks(tracks)[0].frames == range(1001, 1005)


def several_pictures(folder: Path) -> str:
    """An EXR of three parts; the face is in the second one's layer ``comp`` and in its right view."""
    parts = []
    for name, layer, has_face in (("grade", "", False), ("work", "comp.", True), ("eyes", "right.", True)):
        planes = np.moveaxis(e2e_plates.picture(has_face), 2, 0).astype(np.float16)
        channels = {
            f"{layer}{c}": np.ascontiguousarray(plane) for c, plane in zip("RGB", planes, strict=True)
        }
        header = {"name": name, "type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
        parts.append(OpenEXR.Part(header, channels, name))
    OpenEXR.File(parts).write(str(folder / "several.exr"))
    return str(folder / "several.exr")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--part", "work", "--layer", "comp"), 0),
        (("--part", "1", "--layer", "comp"), 0),
        (("--part", "eyes", "--view", "right"), 0),
        (("--part", "grade"), 3),
        (("--part", "nothing"), 3),
        (("--layer", "nothing"), 3),
    ],
)
def test_faces_looks_at_the_picture_that_is_named(
    here: InProcess, words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    sheet = tmp_path / "faces.png"
    ended, lines = here.lines("faces", several_pictures(tmp_path), *COLOUR, *words, "-o", str(sheet))
    assert ended == code and sheet.exists() == (code == 0), lines
    if code == 0:
        assert [line["kind"] for line in lines] == ["face", "sheet"]
    else:
        assert lines[-1]["code"] == ("NO_FACE" if words[1] == "grade" else "PICTURE_NOT_CHOSEN")


def test_faces_of_a_plate_without_any_is_bad_input(here: InProcess, tmp_path: Path) -> None:
    plate = e2e_plates.write_sequence(tmp_path / "empty", with_face=False)
    code, lines = here.lines("faces", plate, *COLOUR, "-o", str(tmp_path / "faces.png"))
    assert (code, lines[-1]["code"]) == (3, "NO_FACE")
    assert not (tmp_path / "faces.png").exists()


def test_models_are_listed_and_checked(here: InProcess) -> None:
    code, lines = here.lines("model", "list")
    assert code == 0
    assert {"identity", "probe"} <= {line["name"] for line in lines}
    assert here.lines("model", "check", "identity")[0] == 0
    assert here.lines("model", "check", "no-such-model")[0] == 6


def test_the_official_weights_are_not_taken_without_their_licence(here: InProcess, tmp_path: Path) -> None:
    words = ("model", "import", "--svd", str(tmp_path), "--svfr", str(tmp_path), "--name", "official")
    code, lines = here.lines(*words)
    assert (code, lines[-1]["code"]) == (6, "LICENCE_NOT_ACCEPTED")


def test_the_doctor_finds_nothing_wrong_here(here: InProcess) -> None:
    code, lines = here.lines("doctor")
    assert code == 0, lines
    assert {line["state"] for line in lines} <= {"ok", "note"}


def test_a_folder_without_vectors_has_no_parity(here: InProcess, tmp_path: Path) -> None:
    code, lines = here.lines("parity", str(tmp_path))
    assert (code, lines[-1]["code"]) == (1, "VECTORS_INVALID")


def test_parity_beyond_a_tolerance_exits_with_one(here: InProcess, tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "data" / "golden"
    copy = tmp_path / "golden"
    copy.mkdir()
    for path in golden.iterdir():
        (copy / path.name).symlink_to(path)
    text = (golden / "golden.json").read_text(encoding="utf-8")
    (copy / "golden.json").unlink()
    spoiled = json.loads(text)
    allowed = spoiled["recommended_tolerance"]
    spoiled["recommended_tolerance"] = {name: 1e-12 for name in allowed}
    (copy / "golden.json").write_text(json.dumps(spoiled), encoding="utf-8")
    code, lines = here.lines("parity", str(copy))
    assert (code, lines[-1]["code"]) == (1, "PARITY_FAILED")
