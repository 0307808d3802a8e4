"""A store that is lost is made again from one small file for each job."""

import json
import logging
import sqlite3
import stat
from pathlib import Path

import pytest
from server_samples import job

from svfr_client.protocol.messages import JobState
from svfr_server.job_store import notes as notes_module
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import notes_folder
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits

FIRST, SECOND, THIRD = (f"{number:032x}" for number in (9, 3, 5))
ME = Sender("my key", "blender")


def store_of_three(path: Path) -> JobStore:
    """One done with two frames, one failed, one that waits."""
    store = JobStore(path)
    for name in (FIRST, SECOND, THIRD):
        store.add(name, JobEntry.of(job("quick")), ME, Limits(), redo_of=FIRST if name == THIRD else None)
    store.start_attempt(FIRST, "cpu")
    for frame in (1, 2):
        store.append(FIRST, "progress", {"stage": "write", "done": frame, "total": 2})
        store.append(FIRST, "frame", {"frame": frame, "path": f"/out/a.{frame}.exr"})
    store.finish(FIRST, JobState.DONE, {"frames_written": 2})
    store.finish(SECOND, JobState.FAILED, {"error": {"code": "NO_FACE", "message": "There is no face."}})
    return store


@pytest.mark.parametrize("loss", ["overwritten", "deleted", "overwritten while it is open"])
def test_every_job_is_known_again(tmp_path: Path, loss: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "jobs.sqlite"
    before = store_of_three(path)
    if loss.endswith("open"):
        path.write_bytes(b"x" * 4096)
        with pytest.raises(Exception, match="overwritten while the service ran"):
            before.check()
        before.close()
    else:
        before.close()
        path.unlink() if loss == "deleted" else path.write_bytes(b"x" * 4096)
    with caplog.at_level(logging.ERROR):
        store = JobStore(path)
    assert [status.job for status in store.list(9, False)] == [THIRD, SECOND, FIRST]  # newest first
    done, failed, waiting = (store.status(name) for name in (FIRST, SECOND, THIRD))
    assert (done.state, done.error) == (JobState.DONE, None)
    assert store.written_frames(FIRST) == {(1, "/out/a.1.exr"), (2, "/out/a.2.exr")}
    assert [event.kind for event in store.events(FIRST, 0, 99)] == ["queued", "frame", "frame", "done"]
    assert failed.state is JobState.FAILED and failed.error is not None
    assert failed.error["code"] == "NO_FACE"
    assert waiting.state is JobState.QUEUED and store.next_queued() == THIRD
    assert (store.owner(THIRD), store.redo_of(THIRD)) == ("my key", FIRST)
    assert store.spec(THIRD) == job("quick")
    assert not store.add(THIRD, JobEntry.of(job("quick")), ME, Limits(), FIRST).is_new


def test_a_job_that_was_running_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = store_of_three(path)
    store.start_attempt(THIRD, "cpu")
    store.close()
    path.unlink()
    back = JobStore(path)
    assert back.next_queued() == THIRD
    assert back.events(THIRD, 0, 9)[0].body["reason"] == "the job store was lost"


def test_notes_are_private_and_go_with_their_job(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = store_of_three(path)
    folder = notes_folder(path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    store.forget_finished(before=float("inf"), keep=0, at_most=9)
    assert [file.stem for file in folder.iterdir()] == [THIRD]


def test_a_sound_store_takes_nothing_from_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store_of_three(path).close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM events WHERE job = ?", (THIRD,))
        database.execute("DELETE FROM jobs WHERE job = ?", (THIRD,))
    database.close()
    assert len(JobStore(path).list(9, False)) == 2


@pytest.mark.parametrize(
    "text", ["", "[" * 5000, "{}", '{"job": "x"}', json.dumps({"job": FIRST, "events": [["rm", {}]]})]
)
def test_what_is_no_note_is_told_and_left_alone(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jobs.sqlite"
    store_of_three(path).close()
    bad = notes_folder(path) / f"{FIRST}.json"
    bad.write_text(text)
    path.unlink()
    with caplog.at_level(logging.WARNING):
        assert len(JobStore(path).list(9, False)) == 2
    assert bad.read_text() == text and bad.name in caplog.text


def test_a_job_too_large_for_a_note_is_kept_by_the_store_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes_module, "MOST_NOTE_BYTES", 100)
    assert len(store_of_three(tmp_path / "jobs.sqlite").list(9, False)) == 3
    assert not notes_folder(tmp_path / "jobs.sqlite").exists()


def test_a_disk_that_takes_no_note_stops_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notes_folder(tmp_path / "jobs.sqlite").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert len(store_of_three(tmp_path / "jobs.sqlite").list(9, False)) == 3
    assert "no note beside the store" in caplog.text
