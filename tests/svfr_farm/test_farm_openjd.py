"""Bundles run for real by ``openjd run``: one session for all tasks, and a task that fails and is redone."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import farm_samples
import pytest

from svfr_farm.engines.commands import own_program
from svfr_farm.engines.openjd import OpenJdEngine
from svfr_farm.errors import TaskFailed
from svfr_farm.plan import PlanFile
from svfr_farm.segments import SegmentRules
from svfr_farm.session import CONNECTION_FILE
from svfr_farm.task_state import read_state

pytestmark = pytest.mark.hosts


def plan(folder: Path, plate: str, model: str = "identity") -> PlanFile:
    row = farm_samples.row(plate, model=model, frames="1001-1008", output="out/a.%04d.exr")
    shots = farm_samples.write_list(folder / "s.csv", [row])
    return farm_samples.planned(shots, SegmentRules(segments=2, halo_frames=8))[0]


def test_a_failing_segment_ends_the_job_and_a_second_run_gives_the_frames_in_one_session(
    tmp_path: Path, plate: str
) -> None:
    (tmp_path / farm_samples.ODD_NAME).mkdir()  # nothing makes anything of a folder's name
    file = plan(tmp_path / farm_samples.ODD_NAME, plate)
    file.segment_path(1).mkdir()
    with pytest.raises(TaskFailed):
        OpenJdEngine(own_program()).run(file)
    state = read_state(file, "segment", 1)
    assert state is not None and state.state == "failed"
    assert read_state(file, "assemble", 0) is None
    file.segment_path(1).rmdir()
    log = file.folder / "logs" / "openjd.log"
    failed = len(log.read_text())
    OpenJdEngine(own_program()).run(file)
    assert len(list(Path(file.plan.job.output).parent.glob("*.exr"))) == 8
    second = log.read_text()[failed:]
    assert CONNECTION_FILE in second and "Session ended successfully" in second
    assert not list(tmp_path.rglob("TOUCHED"))


def slow(folder: Path) -> str:
    """A model whose segments take minutes."""
    return farm_samples.write_model(folder / "slow", steps=3000)


def processes_of(folder: Path) -> list[str]:
    """The processes that were started for something in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            around = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        is_ours = any(str(folder) in word for word in words) or f"TMPDIR={folder}" in around
        if is_ours and int(process.name) != os.getpid():
            found.append(" ".join(words))
    return found


def nothing_is_left(file: PlanFile, folder: Path) -> None:
    deadline = time.monotonic() + 20
    while processes_of(folder):
        assert time.monotonic() < deadline, processes_of(folder)
        time.sleep(0.2)
    assert not Path(file.plan.job.output).parent.exists()


def test_a_task_over_its_time_is_ended_with_its_session(
    tmp_path: Path, plate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = plan(tmp_path, plate, slow(tmp_path))
    with pytest.raises(TaskFailed):
        OpenJdEngine(own_program(), limit_s=8).run(file)
    assert "TIMEOUT" in (file.folder / "logs" / "openjd.log").read_text().upper()
    nothing_is_left(file, tmp_path)


def test_an_interrupted_run_cancels_its_task_and_leaves_no_server(
    tmp_path: Path, plate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = plan(tmp_path, plate, slow(tmp_path))
    main = threading.main_thread()

    def interrupt() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and main.is_alive():
            states = [read_state(file, "segment", index) for index in (0, 1)]
            if any(state is not None and state.state == "running" for state in states):
                signal.pthread_kill(main.ident or 0, signal.SIGINT)
                return
            time.sleep(0.2)

    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # parallel test runners ignore it
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            OpenJdEngine(own_program()).run(file)
    finally:
        signal.signal(signal.SIGINT, former)
    nothing_is_left(file, tmp_path)
