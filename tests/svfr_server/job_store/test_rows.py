"""A row that this version cannot read, in whatever column of whatever table, is one job's matter alone."""

import contextlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from server_samples import Service, job

from svfr_client.errors import ReportedError
from svfr_client.protocol.messages import JobList, JobState
from svfr_client.protocol.wire import Message, new_id, pack
from svfr_client.records import canonical_json, from_plain, to_plain
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.schema import migrate
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits
from svfr_server.supervisor.retention import RetentionClock
from svfr_server.supervisor.scheduler import read_queue_state

ME = Sender("me", "me nuke")
ODD = {
    "nothing": "NULL",
    "a word of tomorrow": "'of tomorrow'",
    "an empty text": "''",
    "bytes": "x'ff00'",
    "text that is no UTF-8": "CAST(x'7bff' AS TEXT)",
    "a negative number": "-1",
    "a number beyond all": str(2**62),
    "infinity": "9e999",
    "a damaged JSON": "'{'",
    "a JSON of another kind": "'[1]'",
    "a JSON that is not finite": "'{\"done\": NaN}'",
    "a JSON with half a surrogate": '\'{"done": "\\ud800"}\'',
    "a text without end": "printf('%.*c', 600000, 'x')",
}


def columns() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        migrate(database)
        tables = ("jobs", "events", "parties", "service")
        return [
            (table, row[1]) for table in tables for row in database.execute(f"PRAGMA table_info({table})")
        ]


def add(store: JobStore) -> str:
    name = new_id()
    store.add(name, JobEntry.of(job("quick")), ME, Limits())
    return name


@pytest.fixture(scope="module")
def three_jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """The folder of a store with one job that is done, one that runs and one that waits."""
    folder = tmp_path_factory.mktemp("store")
    store = JobStore(folder / "jobs.sqlite")
    done, running, waiting = (add(store) for _ in range(3))
    for name in (done, running):
        store.start_attempt(name, "cpu")
        store.append(name, "progress", {"stage": "write", "done": 1, "total": 2})
        store.append(name, "frame", {"frame": 1, "path": "/out/a.1.exr"})
    store.finish(done, JobState.DONE, {"frames_written": 1, "tracks": 1, "counts": {}})
    store.save_value("queue", "open")
    store.save_value("retention_clock", "0.0")
    store.close()
    return folder, (done, running, waiting)


def damage(path: Path, table: str, column: str, value: str) -> None:
    """Write a value into every row that there is, past what the tables themselves refuse."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
        database.execute("PRAGMA writable_schema = RESET")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        once = "rowid = (SELECT max(rowid) FROM jobs WHERE state = 'running')" if table == "jobs" else ""
        only = once or {"events": "seq = 2", "service": "name = 'queue'", "parties": "1"}[table]
        database.execute(f"UPDATE {table} SET {column} = {value} WHERE {only}")


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(("table", "column"), columns())
def test_whatever_a_column_holds_the_others_are_served(
    three_jobs: tuple[Path, tuple[str, ...]], tmp_path: Path, table: str, column: str, value: str
) -> None:
    whole, (done, damaged, waiting) = three_jobs
    path = shutil.copytree(whole, tmp_path / "home") / "jobs.sqlite"
    with contextlib.suppress(sqlite3.IntegrityError):  # SQLite refuses some itself: the row stays as it was
        damage(path, table, column, ODD[value])
    store = JobStore(path)
    try:
        store.requeue_interrupted()
        read_queue_state(store)
        RetentionClock(store).now()
        listed = JobList(store.list(9, False))
        pack(Message("ok", to_plain(listed)))
        assert from_plain(JobList, to_plain(listed), "reply") == listed and canonical_json(to_plain(listed))
        states = {status.job: status.state for status in listed.jobs}
        assert len(states) == 3
        assert (states[done], states[waiting]) == (JobState.DONE, JobState.QUEUED)
        for name in {done, waiting} | {damaged} & {*states}:
            status, events = store.status(name), store.events(name, 0, 99)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert (events[-1].kind if events else "") in {kind.value for kind in JobState} | {"warning"}
            assert status.state.is_final == events[-1].is_last
            for event in events:
                pack(Message("event", to_plain(event)))
            store.written_frames(name)
            store.written_frame(name, 1)
        begun = []
        while (following := store.next_queued()) is not None:
            store.start_attempt(following, "cpu")
            store.finish(following, JobState.DONE, {"frames_written": 0, "tracks": 0, "counts": {}})
            begun.append(following)
        assert waiting in begun
        assert store.count(JobState.QUEUED) == store.count(JobState.RUNNING) == 0
        assert add(store) == store.next_queued()
        store.forget_finished(0.0, 0, 100)
        assert store.list(9, False)[0].state is JobState.QUEUED
    finally:
        store.close()


@pytest.mark.parametrize(
    ("column", "value", "kept"), [("state", "'held'", "held"), ("created", "9e999", float("inf"))]
)
def test_a_job_that_cannot_be_read_says_so_and_the_service_goes_on(
    own_service: Service, column: str, value: str, kept: object
) -> None:
    with own_service.client() as client:
        client.pause()
        held = client.submit(job("quick")).job
        client.shutdown()
    with closing(sqlite3.connect(own_service.home / "jobs.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE jobs SET {column} = {value}")
    own_service.start()
    with own_service.client() as client:
        client.resume()
        other = client.submit(job("quick")).job
        assert list(client.follow(other))[-1].kind == "done"
        shown = {status.job: status for status in client.jobs()}
        assert shown[other].state is JobState.DONE
        error = shown[held].error
        assert error is not None and (error["code"], column in error["message"]) == ("JOB_UNREADABLE", True)
        assert list(client.follow(held))[-1].body["error"]["code"] == "JOB_UNREADABLE"
        with pytest.raises(ReportedError, match="references"):
            client.redo(held, "1001")
    with closing(sqlite3.connect(own_service.home / "jobs.sqlite")) as database:
        row = database.execute(f"SELECT {column} FROM jobs WHERE job = ?", (held,)).fetchone()
    assert row == (kept,)
