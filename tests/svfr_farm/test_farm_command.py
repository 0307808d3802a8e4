"""``svfr farm`` as a user types it, with the engine that needs no farm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import farm_samples
import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_farm.ledger import Submission
from svfr_farm.session import VARIABLE, start_session, stop_session


def svfr(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a command in this process; return its exit status and the lines it says."""
    done = CliRunner().invoke(app, ["farm", *words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


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
    assert svfr("submit", shots, "--only-failed") == (0, [])  # nothing has failed yet

    submission = Submission(tmp_path / "shots.farm")
    folder = submission.plan_file(submission.shots()["sh010"]).folder
    in_the_way = folder / "segment-0000.safetensors"
    in_the_way.mkdir()
    code, lines = svfr("submit", shots, "--retries", "0")
    assert code != 0 and texts(lines)[:2] == ["sh010 reference 0: done", "sh010 segment 0: failed"]
    (shot,) = svfr("status", shots)[1]
    assert (shot["state"], shot["missing"], shot["engine"]) == ("failed", "1001-1003", "local")
    assert svfr("collect", shots)[0] != 0
    assert texts(svfr("submit", shots)[1]) == ["sh010: failed, with local already"]

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


def test_commands_on_a_list_that_was_never_planned_say_nothing_and_harm_nothing(tmp_path: Path) -> None:
    for command in ("status", "cancel"):
        assert svfr(command, str(tmp_path / "none.csv")) == (0, [])
    assert list(tmp_path.iterdir()) == []
