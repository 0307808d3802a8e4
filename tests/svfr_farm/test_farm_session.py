"""A farm session serves one task after the other, and ends when nobody needs it any more."""

from __future__ import annotations

import time
from pathlib import Path

import farm_samples
import pytest

from svfr_client.errors import SvfrError
from svfr_farm.errors import SessionIsGone
from svfr_farm.session import CONNECTION_FILE, _Session, run_in_session, start_session, stop_session
from svfr_farm.task_state import Step, read_state


def never() -> bool:
    return False


def test_a_session_runs_tasks_reports_errors_and_ends_with_its_folder(
    tmp_path: Path, shot_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = farm_samples.planned(shot_list)[0]
    path = start_session(tmp_path / "state", idle_s=120)
    assert start_session(tmp_path / "state") == path, "it is started once"
    assert path.stat().st_mode & 0o077 == 0

    def run(step: Step, index: int = 0) -> None:
        run_in_session(
            path, file.path, step, index, path_rules=(), cancelled=never, on_report=lambda report: None
        )

    with pytest.raises(SvfrError) as raised:
        run("segment")
    assert raised.value.code == "FARM_ARTEFACT_MISSING"
    run("reference")
    run("segment")
    state = read_state(file, "segment", 0)
    assert state is not None and (state.state, state.attempt) == ("done", 2)
    path.unlink()  # the engine removed the session's folder
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            run("assemble")
        except SessionIsGone:
            break
        time.sleep(0.2)
    else:
        pytest.fail("the session outlived its folder")


def test_a_session_that_nobody_uses_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("svfr_farm.session.os._exit", ended.append)
    monkeypatch.setattr("svfr_farm.session._POLL_S", 0.02)
    began = time.monotonic()
    _Session(tmp_path, idle_s=0.2).serve()
    assert ended == [0] and time.monotonic() - began >= 0.2
    assert not (tmp_path / CONNECTION_FILE).exists()


def test_a_task_without_its_session_says_so(tmp_path: Path, shot_list: Path) -> None:
    with pytest.raises(SessionIsGone):
        run_in_session(
            tmp_path / CONNECTION_FILE,
            shot_list,
            "reference",
            0,
            path_rules=(),
            cancelled=never,
            on_report=lambda report: None,
        )


def test_stopping_a_session_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    stop_session(tmp_path)
