"""Cancelling shots: tasks that run end, later ones compute nothing, and submitting again goes on."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import farm_samples
import pytest

from svfr_cli.exit_codes import ExitCode
from svfr_client.errors import SvfrError
from svfr_farm import cancel_mark
from svfr_farm.cancel_mark import is_cancelled, mark_cancelled
from svfr_farm.cancelling import IN_WORDS, cancel
from svfr_farm.engines.commands import everything
from svfr_farm.engines.local import CANCELLED_STATUS, LocalEngine
from svfr_farm.ledger import Handover, Submission
from svfr_farm.report import report_shots
from svfr_farm.submit import SubmitSettings, submit
from svfr_farm.task_state import read_state
from svfr_farm.tasks import run_task
from svfr_restore.plan.models import ModelCache

PROGRAM = ("svfr",)


def cancelled(shot_list: Path) -> list[str]:
    told: list[str] = []
    cancel(Submission(shot_list.with_suffix(".farm")), PROGRAM, told.append)
    return told


def test_a_task_of_a_cancelled_shot_computes_nothing(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    mark_cancelled(file)
    with pytest.raises(SvfrError) as raised:
        run_task(file, "reference", 0, ModelCache())
    state = read_state(file, "reference", 0)
    assert raised.value.code == "CANCELLED" and state is not None and state.state == "cancelled"
    assert not list(file.folder.glob("reference*"))


def test_a_task_that_runs_ends_when_its_shot_is_cancelled(
    shot_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_mark, "CHECK_EVERY_S", 0.0)
    (file, _) = farm_samples.planned(shot_list)
    with pytest.raises(SvfrError) as raised:
        run_task(file, "reference", 0, ModelCache(), on_report=lambda report: mark_cancelled(file))
    assert raised.value.code == "CANCELLED" and not list(file.folder.glob("reference*"))


@pytest.mark.parametrize("engine", sorted(IN_WORDS))
def test_what_cannot_be_done_from_here_is_said(shot_list: Path, engine: str) -> None:
    (file, _) = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    handover = Handover(state="submitted", engine=engine)
    submission.hand_over(submission.shots()["sh010"], handover)
    assert cancelled(shot_list) == [
        f"sh010: cancelled, with {engine}: {IN_WORDS[engine]}",
        "sh020: was not submitted",
    ]
    assert is_cancelled(file)
    assert [shot.state for shot in report_shots(submission)] == ["cancelled", "planned"]


def test_submitting_again_takes_the_mark_away(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    settings = SubmitSettings(engine="flamenco", program=PROGRAM)
    submit(submission, settings, lambda text: None)
    cancelled(shot_list)
    told: list[str] = []
    assert submit(submission, settings, told.append) == 0
    assert (
        "sh010: cancelled, with flamenco already; --only-failed hands it over again" in told
        and is_cancelled(file)
    )
    again = SubmitSettings(engine="flamenco", program=PROGRAM, only_failed=True)
    assert submit(submission, again, lambda text: None) == 2
    assert not is_cancelled(file)


def test_the_local_engine_runs_nothing_of_a_cancelled_shot_again(shot_list: Path) -> None:
    assert int(ExitCode.CANCELLED) == CANCELLED_STATUS
    (file, _) = farm_samples.planned(shot_list)
    count = shot_list.with_name("count")
    program = ("sh", "-c", f"echo >> {count}; exit {CANCELLED_STATUS}")
    told: list[str] = []
    failed = LocalEngine(program, retries=3).run([(file, everything(file))], told.append)
    assert failed == ["sh010 reference 0 was cancelled."] and told == ["sh010 reference 0: cancelled"]
    assert count.read_text() == "\n"


def test_an_interrupted_submission_is_cancelled_also_where_no_task_had_begun(shot_list: Path) -> None:
    first, second = farm_samples.planned(shot_list)
    begun = shot_list.with_name("begun")
    program = ("sh", "-c", f"touch {begun}; exec sleep 60")
    main = threading.main_thread()

    def interrupt() -> None:
        while not begun.exists() and main.is_alive():
            time.sleep(0.05)
        signal.pthread_kill(main.ident or 0, signal.SIGINT)

    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # parallel test runners ignore it
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            LocalEngine(program).run([(file, everything(file)) for file in (first, second)])
    finally:
        signal.signal(signal.SIGINT, former)
    assert is_cancelled(first) and is_cancelled(second)
