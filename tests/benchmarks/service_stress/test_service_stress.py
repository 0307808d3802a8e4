"""The stress benchmark holds at its smallest size, and would notice what it looks for."""

import re
from pathlib import Path

import pytest

from benchmarks.service_stress import bad_messages, clients, figures, kills, run, service
from benchmarks.service_stress.service import Service
from svfr_server.checking.requests import REQUESTS


def random_model(folder: Path) -> tuple[str, str]:
    return service.write_random(folder), "a random network"


def test_a_tiny_abuse_is_survived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "SERVICES", 1)
    monkeypatch.setattr(kills, "model_of_eight_steps", random_model)
    size = run.Size(kills=2, messages=150, clients=10, rounds=2, unread=60, half_open=5, keys=2, jobs=5)
    assert run.stress(size, tmp_path) == []
    printed = capsys.readouterr().out
    for figure in ("frames lost", "EXRs differing", "crashes", "without an answer"):
        assert re.search(rf"{figure} +0\n", printed), figure


def test_evaluations_made_again_are_told_from_new_ones() -> None:
    made = [(1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "b"), (3, "c"), (3, "d")]
    assert kills.repeated(made, 2) == [1, 2]
    assert kills.repeated(made[:2], 2) == [0, 0]


def test_a_verdict_is_kept_when_something_does_not_hold() -> None:
    requirements = run.Requirements()
    requirements.require(True, "fine")
    requirements.require(False, "frames were lost")
    assert requirements.broken == ["frames were lost"]


def test_a_frame_that_is_missing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Service(tmp_path / "home", "quick_job")
    try:
        monkeypatch.setattr(Path, "exists", lambda path: "0_0" not in str(path) and path.is_file())
        found = clients.full_queue(running, tmp_path / "queue", 5, 5, frames=2)
    finally:
        monkeypatch.undo()
        running.stop()
    assert found.frames_missing == 2


def test_the_bad_messages_are_made_of_every_operation_but_those_that_stop_the_service() -> None:
    made = {message.op for message in bad_messages._valid()}
    assert set(REQUESTS) - made == {"shutdown", "pause", "resume", "drain"} and made <= set(REQUESTS)


def test_a_third_of_the_bad_messages_are_valid_but_for_one_field(tmp_path: Path) -> None:
    running = Service(tmp_path / "home", "quick_job")
    try:
        answers = bad_messages.run(running, 100)
    finally:
        running.stop()
    assert answers.mutated * 3 >= answers.refused == 100
    assert (answers.without_answer, answers.internal, answers.crashes) == (0, 0, 0)


def test_what_two_files_differ_in_is_named(tmp_path: Path) -> None:
    first = Path(figures.write_plate(tmp_path / "one", range(1, 2)) % 1)
    other = Path(figures.write_plate(tmp_path / "two", range(2, 3)) % 2)
    assert figures.difference_words(first, first) == "their bytes alone"
    assert "values of part 0, by 0.01" in figures.difference_words(first, other)
