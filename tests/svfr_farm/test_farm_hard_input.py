"""Whatever lies in place of the farm's files, and whatever a cell holds: an answer, at once, and a remedy.

Nothing waits for a pipe or reads a device to its end, nothing ends with a traceback, and every number and
text has a bound that names its row and column.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cli_samples
import farm_samples
import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.errors import SvfrError, each_of
from svfr_farm.assembly_result import RESULT_FILE
from svfr_farm.cancel_mark import MARK_FILE
from svfr_farm.checkpoints import TaskCheckpoints
from svfr_farm.engines.commands import everything
from svfr_farm.engines.local import LocalEngine
from svfr_farm.frames_there import NOTE_FILE
from svfr_farm.ledger import HANDOVER_FILE, Handover, Submission
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shot
from svfr_farm.shot_list import _CELLS, read_shot_list
from svfr_farm.task_state import read_state
from svfr_farm.tasks import run_task
from svfr_restore.plan.models import ModelCache

KINDS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


def svfr(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a command; anything but an answer fails here, and so does a problem without a remedy."""
    code, lines = cli_samples.svfr("farm", *words)
    for line in lines:
        if line["kind"] == "error":
            without = [p for p in line.get("problems", [line]) if not p["remedy"]]
            assert not without, without
    return code, lines


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a list of one shot that is done."""
    folder = tmp_path_factory.mktemp("finished")
    plate = farm_samples.write_plate(folder / "plate", 2)
    row = farm_samples.row(plate, output=str(folder / "out" / "a.%04d.exr"))
    (file,) = farm_samples.planned(farm_samples.write_list(folder / "shots.csv", [row]))
    submission = Submission(folder / "shots.farm")
    submission.hand_over(submission.shots()["sh010"], Handover(state="submitted", engine="opencue"))
    for step, index in everything(file).tasks:
        run_task(file, step, index, ModelCache())
    return folder


@pytest.fixture
def shots(finished: Path) -> Iterator[Path]:
    """The list; what the test does to its folder is undone."""
    kept = finished.with_name("kept")
    shutil.copytree(finished / "shots.farm", kept / "shots.farm")
    shutil.copy2(finished / "shots.csv", kept)
    yield finished / "shots.csv"
    shutil.rmtree(finished / "shots.farm")
    (finished / "shots.csv").unlink() if not (finished / "shots.csv").is_dir() else (
        finished / "shots.csv"
    ).rmdir()
    shutil.copytree(kept / "shots.farm", finished / "shots.farm")
    shutil.copy2(kept / "shots.csv", finished)
    shutil.rmtree(kept)


def only(shots: Path) -> PlanFile:
    submission = Submission(shots.with_suffix(".farm"))
    ((_, file),) = submission.plan_files()
    return file


PLACES = (
    "shots.csv",
    "shots.farm/submission.json",
    "shots.farm/.lock",
    "shots.farm/report.json",
    "shots.farm/report.html",
    "PLAN/plan.json",
    f"PLAN/{HANDOVER_FILE}",
    f"PLAN/{MARK_FILE}",
    f"PLAN/{RESULT_FILE}",
    f"PLAN/{NOTE_FILE}",
    "PLAN/reference.json",
    "PLAN/segment-0000.safetensors",
    "PLAN/tasks/reference-0000.json",
    "PLAN/tasks/assemble-0000.json",
    "PLAN/tasks",
    "PLAN/opencue",
    "PLAN/opencue/submit.py",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_in_a_files_place_is_answered(shots: Path, place: str, kind: str) -> None:
    path = shots.parent / place.replace("PLAN", str(only(shots).folder))
    path.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    KINDS[kind](path)
    for words in (
        ("status",),
        ("collect",),
        ("cancel",),
        ("plan", "--gpus", "0"),
        ("submit", "--engine", "opencue", "--only-failed", "--dry-run"),
        ("submit", "--engine", "opencue", "--only-failed"),
        ("submit", "--engine", "opencue"),
    ):
        code, lines = svfr(words[0], str(shots), *words[1:])
        assert code == 0 or any(line["kind"] == "error" for line in lines), words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "place", ["reference.json", "reference-0000.safetensors", "segment-0000.safetensors"]
)
def test_a_step_answers_for_what_is_no_file(
    tmp_path: Path, plate: str, model: str, place: str, kind: str
) -> None:
    row = farm_samples.row(plate, model=model, frames="1001-1004", output="out/a.%04d.exr")
    (file,) = farm_samples.planned(farm_samples.write_list(tmp_path / "s.csv", [row]))
    path = file.folder / place
    if place != "reference.json":
        run_task(file, "reference", 0, ModelCache())
        path.unlink(missing_ok=True)
    KINDS[kind](path)
    for step in ("segment", "assemble"):
        if (step, place) == ("segment", "segment-0000.safetensors") and kind not in (
            "a folder",
            "a link to itself",
        ):
            run_task(file, "segment", 0, ModelCache())  # it is replaced
            assert path.is_file() and not path.is_symlink()
            path.unlink()
            KINDS[kind](path)
            continue
        with pytest.raises(SvfrError) as raised:
            run_task(file, step, 0, ModelCache())  # type: ignore[arg-type]
        assert all(problem.remedy for problem in each_of(raised.value))
        state = read_state(file, step, 0)  # type: ignore[arg-type]
        assert state is not None and state.state == "failed"
        if not os.path.lexists(path):  # it was found unsound
            KINDS[kind](path)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_a_log_or_checkpoint_that_is_no_file_is_not_waited_for(
    shots: Path, kind: str, tmp_path: Path
) -> None:
    file = only(shots)
    log = file.folder / "logs" / "reference-0000.log"
    log.parent.mkdir()
    KINDS[kind](log)
    with pytest.raises(SvfrError) as raised:
        LocalEngine(("true",)).run([(file, everything(file))])
    assert raised.value.path == str(log) and raised.value.remedy
    KINDS[kind](tmp_path / "x.safetensors")
    assert TaskCheckpoints(tmp_path).load("x") is None


def test_a_program_that_cannot_be_run_is_named(shots: Path) -> None:
    with pytest.raises(SvfrError, match="cannot be run") as raised:
        LocalEngine(("no-such-program",)).run([(only(shots), everything(only(shots)))])
    assert raised.value.path == "no-such-program" and raised.value.remedy
    for words in ("   ", "''", "'"):
        assert svfr_usage("submit", str(shots), "--program", words)


def svfr_usage(*words: str) -> bool:
    """Whether a command is refused as wrongly written."""
    done = CliRunner().invoke(app, ["farm", *words])
    return done.exit_code == 2 and isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    "option",
    [
        ("submit", "--workers", "100000000"),
        ("submit", "--retries", "100000000"),
        ("submit", "--gpus", "100000000"),
        ("plan", "--gpus", "100000000"),
        ("plan", "--gpus", "-1"),
    ],
    ids=" ".join,
)
def test_an_options_number_has_a_bound(shots: Path, option: tuple[str, ...]) -> None:
    assert svfr_usage(option[0], str(shots), *option[1:])


@pytest.mark.parametrize("option", ["--segments", "--whole-frames", "--core-frames", "--halo"])
@pytest.mark.parametrize("number", ["1000000001", "-5"])
def test_a_rules_number_has_a_bound(shots: Path, option: str, number: str) -> None:
    before = only(shots).sha256
    if option == "--segments":
        assert svfr_usage("plan", str(shots), option, number)
    else:
        code, lines = svfr("plan", str(shots), option, number)
        assert code != 0 and option in lines[-1]["message"]
    assert only(shots).sha256 == before


@pytest.mark.parametrize("work", ["w" * 300, "/proc/no-folder-is-made-here", "/dev/null", "/dev/null/x"])
@pytest.mark.parametrize("command", ["plan", "submit", "status", "cancel", "collect"])
def test_a_work_folder_that_cannot_be_is_named(shots: Path, command: str, work: str) -> None:
    place = str(shots.parent / work)  # an absolute one stays
    code, lines = svfr(command, str(shots), "--work", place)
    assert code != 0 and lines[-1]["kind"] == "error" and place in str(lines[-1]["path"])


RECORDS: dict[str, dict[str, Any]] = {
    "tasks/assemble-0000.json": {
        "seconds": {"write": "long"},
        "seconds ": [1],
        "warnings": 5,
        "warnings ": [None],
        "state": "asleep",
        "attempt": 0,
        "step": "segment",
        "error": 5,
        "last_report": float("nan"),
        "began": 1e999,
        "total": "x",
    },
    RESULT_FILE: {
        "seams": [{}],
        "seams ": 5,
        "seams  ": [{"track": 0, "frame": 1, "ratio": "x"}],
        "seams   ": [{"track": 0, "frame": 1, "ratio": float("nan")}],
        "devices": 5,
        "devices ": [None],
        "warnings": [[]],
    },
    HANDOVER_FILE: {"ids": 5, "ids ": [None], "submitted": "x", "times": None, "engine": 5, "state": []},
}


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, values in RECORDS.items() for key in values], ids=str
)
def test_a_stored_record_with_a_wrong_value_is_as_damaged_as_a_cut_one(
    shots: Path, name: str, key: str
) -> None:
    path = only(shots).folder / name
    body = json.loads(path.read_text()) | {key.strip(): RECORDS[name][key]}
    path.write_text(json.dumps(body))
    for words in (("status",), ("collect",), ("submit", "--engine", "opencue", "--dry-run"), ("cancel",)):
        code, lines = svfr(words[0], str(shots), *words[1:])
        assert code == 0 or lines[-1]["kind"] == "error"
    assert svfr("status", str(shots))[1][0]["shot"] == "sh010"
    if name == RESULT_FILE:
        assert report_shot(only(shots), "opencue").seams == ()


NUMBERS = {
    "handles": ("1000000000", "-1", "1e3", "9" * 400),
    "seed": ("-1", str(2**63), "x"),
    "feather": ("nan", "inf", "0.6", "-1"),
    "exposure": ("nan", "1e999", "21"),
    "priority": ("101", "1.5"),
}


@pytest.mark.parametrize(("column", "cell"), [(c, cell) for c, cells in NUMBERS.items() for cell in cells])
def test_a_number_beyond_its_bounds_is_named_with_row_and_column(
    tmp_path: Path, plate: str, column: str, cell: str
) -> None:
    rows = [farm_samples.row(plate, **{column: ""}), farm_samples.row(plate, "sh020", **{column: cell})]
    listed = read_shot_list(farm_samples.write_list(tmp_path / "shots.csv", rows))
    (problem,) = listed.problems
    assert f"Row 3 (sh020): {column} is " in problem.message and problem.remedy
    assert len(problem.message) < 400


@pytest.mark.parametrize("length", [300, 5000])
@pytest.mark.parametrize("column", ["shot", *_CELLS])
def test_a_long_cell_is_named_with_row_and_column(
    tmp_path: Path, plate: str, column: str, length: int
) -> None:
    cell = "x" * (length - 4) + ".exr"
    row = farm_samples.row(plate, "sh010", frames="1001", output="out/a.%04d.exr") | {column: cell}
    if column == "faces":
        row["box"] = ""
    shots = farm_samples.write_list(tmp_path / "shots.csv", [row])
    code, lines = svfr("plan", str(shots), "--gpus", "0")
    problems = [p for line in lines for p in line.get("problems", [line])]
    if column == "preset" and length == 300:
        return  # a model without presets takes any
    assert code != 0 and all("Row 2" in problem["message"] for problem in problems)
    if length == 5000 and column != "shot":
        assert any(f"{column} has 5000 characters" in problem["message"] for problem in problems)
    assert not (tmp_path / "shots.farm" / "submission.json").exists()
