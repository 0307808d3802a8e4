"""The abuse benchmark holds at its smallest size, and would notice what it looks for."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "server" / "benchmarks"))

import abuse
import abuse_clients
import abuse_kills
import abuse_messages
import abuse_service
from abuse_service import Service


def random_model(folder: Path) -> tuple[str, str]:
    abuse_service._write_random(folder)
    return str(folder), "a random network"


def test_a_tiny_abuse_is_survived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abuse_kills, "LANES", 1)
    monkeypatch.setattr(abuse_kills, "model_of_eight_steps", random_model)
    size = abuse.Size(kills=2, messages=150, clients=10, rounds=2, unread=60, strangers=5, keys=2, jobs=5)
    assert abuse.abuse(size, tmp_path) == []
    printed = capsys.readouterr().out
    for figure in ("frames lost", "EXRs differing", "crashes", "without an answer"):
        assert re.search(rf"{figure} +0\n", printed), figure


def test_evaluations_made_again_are_told_from_new_ones() -> None:
    made = [(1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "b"), (3, "c"), (3, "d")]
    assert abuse_kills._repeated(made, 2) == [1, 2]
    assert abuse_kills._repeated(made[:2], 2) == [0, 0]


def test_a_verdict_is_kept_when_something_does_not_hold() -> None:
    verdicts = abuse.Verdicts()
    verdicts.require(True, "fine")
    verdicts.require(False, "frames were lost")
    assert verdicts.broken == ["frames were lost"]


def test_a_frame_that_is_missing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path / "home", "quick_job")
    try:
        monkeypatch.setattr(Path, "exists", lambda path: "0_0" not in str(path) and path.is_file())
        found = abuse_clients.full_queue(service, tmp_path / "queue", 5, 5, frames=2)
    finally:
        monkeypatch.undo()
        service.stop()
    assert found.frames_missing == 2


def test_a_third_of_the_bad_messages_are_valid_but_for_one_field(tmp_path: Path) -> None:
    service = Service(tmp_path / "home", "quick_job")
    try:
        answers = abuse_messages.run(service, 100)
    finally:
        service.stop()
    assert answers.mutated * 3 >= answers.refused == 100
    assert (answers.without_answer, answers.internal, answers.crashes) == (0, 0, 0)
