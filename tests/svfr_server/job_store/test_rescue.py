"""A store that was damaged, deleted or overwritten: noticed, kept aside, and what can be saved is."""

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from server_samples import job

from svfr_client.protocol.messages import JobState
from svfr_server.errors import StoreUnavailable
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import notes_folder
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits

COUNT = 60


def filled(path: Path, count: int = COUNT) -> JobStore:
    """A store of so many jobs; of COUNT, in pages enough that one of them can be lost."""
    store = JobStore(path)
    entry = JobEntry.of(job("quick"))
    for number in range(count):
        store.add(f"{number:032x}", entry, Sender("me", "me"), Limits())
    return store


def damage_a_page(path: Path, page: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = int(database.execute("PRAGMA page_size").fetchone()[0])
    with path.open("r+b") as file:
        file.seek(page * size)
        file.write(b"\xff" * size)


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("jobs.damaged-*.sqlite"))


@pytest.mark.parametrize("page", [4, 9, 14])
def test_jobs_around_a_damaged_page_are_saved_and_the_file_is_kept(
    tmp_path: Path, page: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jobs.sqlite"
    filled(path).close()
    shutil.rmtree(notes_folder(path))
    damage_a_page(path, page)
    with caplog.at_level(logging.ERROR):
        store = JobStore(path)
    jobs = store.list(COUNT * 2, False)
    assert COUNT // 2 <= len(jobs) <= COUNT
    assert len(aside(path)) == 1 and "kept as" in caplog.text
    assert f"{len(jobs)} of its jobs were saved" in caplog.text
    for status in jobs:
        assert status.state is JobState.QUEUED
    store.add("f" * 32, JobEntry.of(job("quick")), Sender("me", "me"), Limits())
    store.close()
    assert len(JobStore(path).list(COUNT * 2, False)) == len(jobs) + 1  # and it is sound from now on


def test_a_file_that_is_no_store_is_kept_aside_and_the_queue_begins_empty(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database " * 1000)
    assert JobStore(path).list(9, False) == ()
    (kept,) = aside(path)
    assert kept.read_bytes() == b"no database " * 1000


def other_program(version: int, tables: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.unlink()
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(f"{tables}; PRAGMA user_version = {version}")

    return put


def without_events(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE events")


@pytest.mark.parametrize(
    ("harm", "is_kept"),
    [
        (lambda path: path.write_bytes(b""), False),
        (lambda path: path.write_bytes(b"S"), False),
        (other_program(0, "CREATE TABLE moz_places (a)"), True),
        (other_program(2, "CREATE TABLE jobs (a, b)"), True),
        (other_program(75, "CREATE TABLE pages (a)"), True),
        (without_events, True),
    ],
    ids=["emptied", "one byte", "a browser's", "tables of our names", "a later form", "a table less"],
)
def test_a_file_that_is_no_store_of_ours_loses_no_job(
    harm: Callable[[Path], None], is_kept: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jobs.sqlite"
    filled(path, 3).close()
    harm(path)
    again = JobStore(path)
    assert len(again.list(9, False)) == 3
    assert len(list(tmp_path.glob("jobs.damaged-*"))) == is_kept
    assert "from their notes" in caplog.text or "3 of its jobs were saved" in caplog.text


def test_what_cannot_be_a_store_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jobs.sqlite")
    with pytest.raises(StoreUnavailable, match="cannot be used now"):
        JobStore(tmp_path / "jobs.sqlite")
    filled(tmp_path / "other.sqlite", 2).close()
    os.mkfifo(notes_folder(tmp_path / "other.sqlite") / f"{'f' * 32}.json")
    (tmp_path / "other.sqlite").write_bytes(b"")
    assert len(JobStore(tmp_path / "other.sqlite").list(9, False)) == 2


def test_tables_that_vanish_while_the_store_is_open_are_noticed(tmp_path: Path) -> None:
    store = filled(tmp_path / "jobs.sqlite", 3)
    without_events(tmp_path / "jobs.sqlite")
    with pytest.raises(StoreUnavailable, match="found without its tables"):
        store.events(f"{1:032x}", 0, 9)
    assert len(store.list(9, False)) == 3 and store.events(f"{1:032x}", 0, 9) == []


def test_a_folder_that_is_gone_is_said_and_work_goes_on_when_it_is_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = filled(home / "jobs.sqlite", 2)
    home.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable, match="See that its folder is there"):
        store.check()
    (tmp_path / "away").rename(home)
    store.check()
    assert len(store.list(9, False)) == 2


def test_a_store_deleted_while_it_is_open_is_written_again_with_all_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = filled(path)
    for file in tmp_path.glob("jobs.sqlite*"):
        file.unlink()
    store.check()
    assert len(store.list(COUNT * 2, False)) == COUNT
    store.close()
    assert len(JobStore(path).list(COUNT * 2, False)) == COUNT
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_store_overwritten_while_it_is_open_is_said_once_and_work_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = filled(path)
    with path.open("r+b") as file:
        file.write(b"\0" * 4096)
    with pytest.raises(StoreUnavailable, match="overwritten"):
        store.check()
    store.check()
    assert store.add("e" * 32, JobEntry.of(job("quick")), Sender("me", "me"), Limits()).is_new
    assert len(aside(path)) == 1


def test_another_store_put_in_its_place_is_kept_and_ours_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = filled(path)
    JobStore(tmp_path / "other.sqlite").close()
    (tmp_path / "other.sqlite").rename(path)
    store.check()
    assert len(store.list(COUNT * 2, False)) == COUNT and len(aside(path)) == 1
