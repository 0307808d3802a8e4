"""``svfr farm`` as a user types it, with the engine that needs no farm."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cli_samples
import farm_samples
import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.errors import ReportedError
from svfr_farm import task_state
from svfr_farm.engines.commands import everything
from svfr_farm.engines.local import LocalEngine
from svfr_farm.ledger import Handover, Submission
from svfr_farm.session import VARIABLE, start_session, stop_session
from svfr_farm.task_state import TaskRecorder
from svfr_farm.tasks import run_task
from svfr_restore.plan.models import ModelCache


def svfr(*words: str) -> tuple[int, list[dict[str, Any]]]:
    return cli_samples.svfr("farm", *words)


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in lines if "text" in line]


@pytest.fixture
def session(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One warm process for all tasks, so that not each of them loads torch anew."""
    state = tmp_path_factory.mktemp("session")
    monkeypatch.setenv(VARIABLE, str(start_session(state, idle_s=120)))
    yield
    stop_session(state)


@pytest.mark.usefixtures("session")
def test_a_list_is_planned_rehearsed_submitted_twice_repaired_and_collected(
    tmp_path: Path, plate: str
) -> None:
    row = farm_samples.row(plate, frames="1001-1003", output="out/a.%04d.exr")
    shots = str(farm_samples.write_list(tmp_path / "shots.csv", [row]))
    code, lines = svfr("plan", shots, "--gpus", "0")
    assert code == 0 and (lines[0]["shot"], lines[0]["frames"], lines[0]["segments"]) == ("sh010", 3, 1)
    assert svfr("submit", shots, "--dry-run")[0] == 0
    assert svfr("status", shots)[1][0]["state"] == "planned"
    code, lines = svfr("submit", shots, "--only-failed")  # nothing has failed yet
    assert code == 0 and "planned, not failed" in texts(lines)[0]

    submission = Submission(tmp_path / "shots.farm")
    folder = submission.plan_file(submission.shots()["sh010"]).folder
    in_the_way = folder / "segment-0000.safetensors"
    in_the_way.mkdir()
    code, lines = svfr("submit", shots, "--retries", "0")
    assert code != 0 and texts(lines)[:2] == ["sh010 reference 0: done", "sh010 segment 0: failed"]
    code, (shot, problem) = svfr("status", shots)
    assert (shot["state"], shot["missing"], shot["engine"]) == ("failed", "1001-1003", "local")
    assert code == 1 and problem["message"] == "sh010 is failed." and shot["doing"] == "segment 0: failed"
    assert problem["remedy"].endswith(f": svfr farm submit {shots} --engine local --only-failed")
    code, lines = svfr("collect", shots)
    assert code != 0
    assert lines[-1]["remedy"] == f"Submit it again: svfr farm submit {shots} --engine local --only-failed"
    assert texts(svfr("submit", shots)[1]) == [
        "sh010: failed, with local already; --only-failed hands it over again"
    ]

    in_the_way.rmdir()
    code, lines = svfr("submit", shots, "--only-failed")
    assert code == 0 and texts(lines) == ["sh010 segment 0: done", "sh010 assemble 0: done"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"a.{frame}.exr" for frame in (1001, 1002, 1003)
    ]
    for again in ((), ("--only-failed",)):
        assert texts(svfr("submit", shots, *again)[1]) == ["sh010: done, with local already"]
    assert texts(svfr("cancel", shots)[1]) == ["sh010: is done already"]
    code, (shot,) = svfr("collect", shots)
    assert (code, shot["state"], shot["retries"]) == (0, "done", 1)
    report = json.loads((tmp_path / "shots.farm" / "report.json").read_text())
    assert report["totals"] == {"done": 1}
    assert "sh010" in (tmp_path / "shots.farm" / "report.html").read_text()


def test_status_names_the_shots_that_were_changed_in_the_list_after_they_were_planned(
    tmp_path: Path, plate: str
) -> None:
    def write(*rows: dict[str, str]) -> str:
        return str(farm_samples.write_list(tmp_path / "shots.csv", rows))

    kept = farm_samples.row(plate, "kept", frames="1001-1004", output="out/k.%04d.exr")
    edited = farm_samples.row(plate, "edited", frames="1001-1004", output="out/e.%04d.exr")
    gone = farm_samples.row(plate, "gone", frames="1001-1004", output="out/g.%04d.exr")
    new = farm_samples.row(plate, "new", frames="1001-1004", output="out/n.%04d.exr")
    shots = write(kept, edited, gone)
    assert svfr("plan", shots, "--gpus", "0", "--segments", "2", "--halo", "8")[0] == 0
    assert [line["kind"] for line in svfr("status", shots)[1]] == ["shot"] * 3
    write(kept, edited | {"frames": "1001-1005"}, new)
    code, lines = svfr("status", shots)
    assert code == 0 and lines[-1]["kind"] == "list"
    assert (lines[-1]["changed"], lines[-1]["new"], lines[-1]["gone"]) == (["edited"], ["new"], ["gone"])
    text = "The shot list was changed after it was planned: edited is changed, new is new, gone is gone."
    assert text in lines[-1]["text"] and lines[-1]["text"].endswith(f"svfr farm plan {shots}")
    assert text in CliRunner().invoke(app, ["farm", "status", shots]).output
    assert svfr("submit", shots)[1][-1]["message"] == text
    write(gone, edited, kept)
    assert "every shot in it is the same" in svfr("status", shots)[1][-1]["text"]
    Path(shots).write_text("shot,plate\n")
    code, lines = svfr("status", shots)
    assert code == 0 and "it cannot be read" in lines[-1]["text"]
    write(kept, edited, gone)
    assert [line["kind"] for line in svfr("status", shots)[1]] == ["shot"] * 3


def test_a_list_with_faults_leaves_no_folder_and_is_planned_when_it_is_sound(
    tmp_path: Path, plate: str
) -> None:
    bad = farm_samples.row(plate, frames="1001-1004", output="out/a.%04d.exr", layers="spread")
    shots = str(farm_samples.write_list(tmp_path / "shots.csv", [bad]))
    for command in ("plan", "submit"):
        assert svfr(command, shots)[0] != 0
        assert [path.name for path in tmp_path.iterdir()] == ["shots.csv"]
    farm_samples.write_list(tmp_path / "shots.csv", [bad | {"layers": ""}])
    assert svfr("plan", shots, "--gpus", "0")[0] == 0


def test_the_lock_of_a_command_that_ended_is_in_nobodys_way(tmp_path: Path, plate: str) -> None:
    row = farm_samples.row(plate, frames="1001-1004", output="out/a.%04d.exr")
    shots = str(farm_samples.write_list(tmp_path / "shots.csv", [row]))
    (tmp_path / "shots.farm").mkdir()
    (tmp_path / "shots.farm" / ".lock").touch()
    assert svfr("status", shots)[1][-1]["message"] == "Nothing was planned here."
    assert svfr("plan", shots, "--gpus", "0")[0] == 0


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_folder_in_the_reports_place_is_named_and_out_of_the_way_once_it_is_moved(
    shot_list: Path, name: str
) -> None:
    farm_samples.planned(shot_list)
    place = shot_list.with_suffix(".farm") / name
    place.mkdir()
    code, lines = svfr("collect", str(shot_list))
    assert code != 0 and lines[-1]["path"] == str(place) and "move it away" in lines[-1]["remedy"]
    place.rename(place.with_name("moved"))
    svfr("collect", str(shot_list))
    assert place.is_file()


@pytest.mark.parametrize("command", ["status", "cancel", "collect"])
def test_a_list_that_was_never_planned_is_no_empty_one(tmp_path: Path, command: str) -> None:
    code, (problem,) = svfr(command, str(tmp_path / "typo.csv"))
    assert code != 0 and problem["code"] == "BAD_FARM_LEDGER" and "Check" in problem["remedy"]
    assert list(tmp_path.iterdir()) == []


def test_what_a_task_says_of_itself_is_what_submit_and_status_say(tmp_path: Path, plate: str) -> None:
    shots = farm_samples.write_list(tmp_path / "s.csv", [farm_samples.row(plate, output="o/a.%04d.exr")])
    (file,) = farm_samples.planned(shots)
    problem = ReportedError("FRAME_CANNOT_BE_READ", "It ends early.", frame=1004, remedy="Copy it.")
    TaskRecorder(file, "reference", 0, "CPU").end("failed", problem)
    count = tmp_path / "count"
    failing = LocalEngine(("sh", "-c", f"echo >> {count}; exit 3"), retries=2)
    assert failing.run([(file, everything(file))]) == [
        "sh010 reference 0 failed: [FRAME_CANNOT_BE_READ] It ends early. (frame 1004) Copy it."
    ]
    assert count.read_text() == "\n", "what is wrong with the input is wrong the second time too"
    crashing = LocalEngine(("sh", "-c", f"echo >> {count}; exit 1"), retries=2)
    task_state.note_queued(file, "reference", 0)
    (text,) = crashing.run([(file, everything(file))])
    assert text.endswith("reference-0000.log.") and count.read_text() == "\n" * 4
    TaskRecorder(file, "reference", 0, "CPU").end("failed", problem)
    Submission(shots.with_suffix(".farm"))
    done = CliRunner().invoke(app, ["farm", "status", str(shots)])
    assert done.exit_code == 1 and "sh010: [FRAME_CANNOT_BE_READ] It ends early." in done.output


def test_the_live_table_follows_a_shot_to_its_end(tmp_path: Path, plate: str) -> None:
    shots = farm_samples.write_list(tmp_path / "s.csv", [farm_samples.row(plate, output="o/a.%04d.exr")])
    (file,) = farm_samples.planned(shots)
    recorder = TaskRecorder(file, "reference", 0, "CPU")
    threading.Timer(1.5, lambda: recorder.end("cancelled")).start()
    done = CliRunner().invoke(app, ["farm", "status", str(shots), "--live"])
    assert done.exit_code == 5 and "cancelled" in done.output and "sh010" in done.output


def test_the_options_of_plan_are_remembered_and_another_division_is_named(shot_list: Path) -> None:
    def plan(*options: str) -> str:
        done = CliRunner().invoke(app, ["farm", "plan", str(shot_list), *options])
        assert done.exit_code == 0, done.output
        return done.output

    submission = Submission(shot_list.with_suffix(".farm"))
    assert "was" not in plan("--segments", "2", "--gpus", "0", "--halo", "8")
    first = submission.path.read_bytes()
    assert "was" not in plan() and submission.path.read_bytes() == first
    assert "sh010: 1 segment, was 2" in plan("--segments", "0")
    settings = submission.settings()
    assert (settings.rules.segments, settings.rules.halo_frames, settings.gpus) == (None, 8, 0)


@pytest.mark.parametrize("engine", ["local", "openjd"])
def test_what_a_killed_submission_left_is_lost_and_handed_over_again(shot_list: Path, engine: str) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    for entry in submission.shots().values():
        submission.hand_over(entry, Handover(state="submitted", engine=engine))
    with submission.locked():
        code, lines = svfr("status", str(shot_list))
        assert [(one["state"], one["doing"]) for one in lines] == [("waiting", "reference 0: waits")] * 2
    assert code == 0
    code, (*shots, problem) = svfr("status", str(shot_list))
    assert [(one["state"], one["doing"]) for one in shots] == [("lost", "reference 0: not begun")] * 2
    assert code == 1 and problem["message"] == "sh010 is lost, sh020 is lost."
    done = CliRunner().invoke(app, ["farm", "status", str(shot_list), "--live"])
    assert done.exit_code == 1 and "lost" in done.output and "--only-failed" in done.output
    code, lines = svfr("collect", str(shot_list))
    assert code != 0 and all("--only-failed" in one["remedy"] for one in lines[-1]["problems"])
    assert "lost" in texts(svfr("submit", str(shot_list))[1])[0]
    rehearsed = texts(svfr("submit", str(shot_list), "--only-failed", "--dry-run")[1])
    assert [text.split(", ")[0] for text in rehearsed] == ["sh010: 3 tasks", "sh020: 3 tasks"]


def test_who_looks_whether_a_submission_is_worked_on_keeps_nobody_from_it(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            submission.is_worked_on()

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(100):
        with submission.locked():
            pass
    ended.set()
    looking.join()


@pytest.mark.parametrize("kind", ["folder", "loop"])
@pytest.mark.parametrize("place", ["tasks/assemble-0000.json", "tasks/segment-0000.json", "tasks"])
def test_a_task_that_cannot_keep_its_state_makes_its_shot_damaged(
    shot_list: Path, place: str, kind: str
) -> None:
    first, _ = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    for entry in submission.shots().values():
        submission.hand_over(entry, Handover(state="submitted", engine="local"))
    path = first.folder / place
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if kind == "folder" else path.symlink_to(path.name)
    if (place, kind) == ("tasks", "folder"):
        path.rmdir()
        path.write_text("x")
    code, lines = svfr("status", str(shot_list))
    assert code != 0 and [line["state"] for line in lines[:2]] == ["damaged", "lost"]
    for words in (("submit", "--only-failed"), ("submit",), ("cancel",), ("status",)):
        code, lines = svfr(words[0], str(shot_list), *words[1:])
        problem = lines[-1].get("problems", lines[-1:])[0]
        assert code != 0 and problem["path"] == str(path) and "--only-failed" in problem["remedy"]
    path.rmdir() if path.is_dir() else path.unlink()
    assert svfr("status", str(shot_list))[1][0]["state"] != "damaged"


@pytest.mark.parametrize("damaged", ["plan.json", "submitted.json"])
def test_a_damaged_shot_hides_no_other(shot_list: Path, damaged: str) -> None:
    first, _ = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    for entry in submission.shots().values():
        submission.hand_over(entry, Handover(state="submitted", engine="opencue"))
    (first.folder / damaged).write_text("{")
    code, lines = svfr("status", str(shot_list))
    assert code != 0 and [line["state"] for line in lines[:2]] == ["damaged", "waiting"]
    code_of = {"plan.json": "BAD_FARM_PLAN", "submitted.json": "BAD_FARM_LEDGER"}
    assert lines[2]["code"] == code_of[damaged] and lines[2]["path"] == str(first.folder / damaged)
    code, lines = svfr("cancel", str(shot_list))
    assert code != 0 and texts(lines)[0].startswith("sh020: cancelled")
    code, lines = svfr("collect", str(shot_list))
    assert code != 0 and [line["state"] for line in lines if "state" in line] == ["damaged", "cancelled"]
    done = CliRunner().invoke(app, ["farm", "status", str(shot_list), "--live"])
    assert done.exit_code != 0 and "sh020" in done.output
    if damaged == "plan.json":
        assert svfr("plan", str(shot_list), "--gpus", "0")[0] == 0
        assert svfr("status", str(shot_list))[1][0]["state"] == "waiting"


def test_a_rehearsal_shows_the_sound_shots_and_then_the_damaged_plan(shot_list: Path) -> None:
    first, _ = farm_samples.planned(shot_list)
    first.path.write_text("{")
    code, lines = svfr("submit", str(shot_list), "--dry-run")
    assert code != 0 and lines[-1]["code"] == "BAD_FARM_PLAN"
    assert [text.split(", ")[0] for text in texts(lines)] == ["sh020: 3 tasks"]
    assert svfr("submit", str(shot_list))[1][0]["code"] == "BAD_FARM_PLAN"


@pytest.mark.parametrize("existing", ["error", "overwrite", "version_up"])
@pytest.mark.parametrize("damage", ["submission.json", "submitted.json"])
def test_the_remedy_of_a_damaged_ledger_leads_on(
    tmp_path: Path, plate: str, existing: str, damage: str
) -> None:
    row = farm_samples.row(plate, frames="1001-1004", output="out/a.%04d.exr", existing=existing)
    shots = farm_samples.write_list(tmp_path / "shots.csv", [row])
    if existing != "error":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.1001.exr").write_bytes(b"last week's")
    assert svfr("plan", str(shots), "--gpus", "0", "--segments", "2", "--halo", "8")[0] == 0
    submission = Submission(tmp_path / "shots.farm")
    (entry,) = submission.shots().values()
    submission.hand_over(entry, Handover(state="submitted", engine="local"))
    file = submission.plan_file(entry)
    for step, index in everything(file).tasks:
        run_task(file, step, index, ModelCache())
    assert svfr("status", str(shots))[1][0]["state"] == "done"

    bad = submission.path if damage == "submission.json" else file.folder / damage
    bad.write_text("{")
    code, lines = svfr("status", str(shots))
    assert code != 0 and lines[-1]["path"] == str(bad) and "Move the file away" in lines[-1]["remedy"]
    bad.rename(bad.with_name("damaged"))
    if damage == "submission.json":
        code, lines = svfr("plan", str(shots))
        assert code == 0 and (lines[0]["segments"], lines[0]["plan"]) == (2, str(file.folder))
    code, lines = svfr("submit", str(shots))
    known = "done, with local already"
    lost = "done already, nothing of it is to be handed over"
    assert (code, texts(lines)) == (0, [f"sh010: {known if damage == 'submission.json' else lost}"])
    (shot,) = svfr("status", str(shots))[1]
    assert (shot["state"], shot["missing"]) == ("done", "")
    assert svfr("collect", str(shots))[0] == 0


def test_a_row_that_was_taken_out_for_a_while_finds_its_results(shot_list: Path) -> None:
    first, second = farm_samples.planned(shot_list)
    for step, index in everything(second).tasks:
        run_task(second, step, index, ModelCache())
    both = shot_list.read_text()
    shot_list.write_text("\n".join(both.splitlines()[:2]) + "\n")
    assert [file.sha256 for file in farm_samples.planned(shot_list)] == [first.sha256]
    shot_list.write_text(both)
    assert [file.sha256 for file in farm_samples.planned(shot_list)] == [first.sha256, second.sha256]


def test_a_ledger_that_is_a_link_to_itself_is_damaged_and_not_absent(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    path = Submission(shot_list.with_suffix(".farm")).path
    path.unlink()
    path.symlink_to(path.name)
    for command in ("status", "collect", "cancel"):
        code, (problem,) = svfr(command, str(shot_list))
        assert code != 0 and problem["path"] == str(path) and "Move the file away" in problem["remedy"]


def test_seconds_beyond_all_bounds_and_words_for_a_terminal_do_no_harm(shot_list: Path) -> None:
    file, _ = farm_samples.planned(shot_list)
    for step in ("reference", "assemble"):
        recorder = TaskRecorder(file, step, 0, "CPU")
        recorder.end("failed", ReportedError("BAD_EXR", "It \x1b[31mends\x07 early.", remedy="Copy it."))
        path = task_state.state_path(file, step, 0)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": {"q": 1.2e308}}))
    assert svfr("collect", str(shot_list))[1][0]["seconds"]["q"] > 1e308
    done = CliRunner().invoke(app, ["farm", "status", str(shot_list)])
    assert "ends" in done.output and "\x1b" not in done.output and "\x07" not in done.output


def test_a_task_that_says_nonsense_neither_draws_on_the_terminal_nor_lives_for_ever(shot_list: Path) -> None:
    file, _ = farm_samples.planned(shot_list)
    recorder = TaskRecorder(file, "assemble", 0, "CPU")
    recorder.end("failed", ReportedError("BAD_EXR", "It ends early.", remedy="Copy it."))
    path = task_state.state_path(file, "assemble", 0)
    said = {"state": "running", "stage": "\x1b[2J\nsh999 done", "done": 1, "total": 2, "last_report": 9e18}
    path.write_text(json.dumps(json.loads(path.read_text()) | said | {"error": None}))
    done = CliRunner().invoke(app, ["farm", "status", str(shot_list)])
    assert "\x1b" not in done.output and not any(
        line.startswith("sh999") for line in done.output.splitlines()
    )
    long_ago = time.time() - 2 * task_state.SILENT_S  # its clock is ahead, the disk's is not
    os.utime(path, (long_ago, long_ago))
    state = task_state.read_state(file, "assemble", 0)
    assert state is not None and state.is_lost


def test_a_path_of_a_list_is_one_line_that_no_terminal_obeys(shot_list: Path, plate: str) -> None:
    rows = [farm_samples.row(plate, "a") | {"plate": "no\nsuch\x1b[31m.%04d.exr"}]
    bad = farm_samples.write_list(shot_list.with_name("bad.csv"), rows)
    done = CliRunner().invoke(app, ["farm", "plan", str(bad)])
    assert done.exit_code == 3 and "\x1b" not in done.output
    assert any(line.strip().endswith("no?such?[31m.%04d.exr") for line in done.output.splitlines())
