"""The job store: what is committed stays, ids are unique, events have no gaps."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from server_samples import job

from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask
from svfr_client.protocol.messages import JobState
from svfr_client.protocol.wire import new_id
from svfr_server.errors import JobIdTaken, UnknownJob
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.schema import MIGRATIONS, migrate
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits
from svfr_server.supervisor.child_process import package_environment

SPEC = job("quick")
ME, LIMITS = Sender("me", "me nuke"), Limits()
POINTS = tuple(MaskPoint((x, y), (x, y), (x, y)) for x, y in ((1.0, 1.0), (9.0, 1.25), (5.0, 9.0)))
MASK = SplineMask({7: MaskShape((MaskLayer((MaskSpline(POINTS),)),), 64, 48)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    one = JobStore(tmp_path / "jobs.sqlite")
    yield one
    one.close()


def add(store: JobStore, **changes: object) -> str:
    name = new_id()
    store.add(name, JobEntry.of(replace(SPEC, **changes)), ME, LIMITS)  # type: ignore[arg-type]
    return name


def test_the_file_is_private_and_written_ahead(tmp_path: Path, store: JobStore) -> None:
    assert stat.S_IMODE((tmp_path / "jobs.sqlite").stat().st_mode) == 0o600
    with sqlite3.connect(tmp_path / "jobs.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert other.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_migrating_again_changes_nothing(tmp_path: Path, store: JobStore) -> None:
    one = add(store)
    with sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None) as other:
        migrate(other)
    assert store.status(one).state is JobState.QUEUED


def test_a_job_with_its_mask_comes_back_as_it_was(store: JobStore) -> None:
    spec = replace(SPEC, mask_splines=MASK)
    name = new_id()
    accepted = store.add(name, JobEntry.of(spec), ME, LIMITS)
    assert store.spec(name) == spec
    assert store.spec(name).content_key() == accepted.content_key == spec.content_key()


def test_an_id_belongs_to_one_content(store: JobStore) -> None:
    name = add(store)
    assert not store.add(name, JobEntry.of(SPEC), Sender("somebody else", "c"), LIMITS).is_new
    with pytest.raises(JobIdTaken):
        store.add(name, JobEntry.of(replace(SPEC, seed=5)), ME, LIMITS)


def test_events_are_numbered_without_gaps_for_each_job(store: JobStore) -> None:
    one, two = add(store), add(store)
    for number in range(5):
        store.append(one, "retry", {"n": number})
        store.append(two, "retry", {"n": number})
    for name in (one, two):
        assert [event.seq for event in store.events(name, 0, 100)] == [1, 2, 3, 4, 5, 6]
    assert [event.body.get("n") for event in store.events(one, 2, 2)] == [1, 2]


def test_progress_becomes_the_status(store: JobStore) -> None:
    one = add(store)
    store.append(one, "progress", {"stage": "decode", "done": 2, "total": 3})
    progress = store.status(one).progress
    assert progress is not None and (progress.stage, progress.done) == ("decode", 2)


def test_the_next_job_is_the_oldest_of_the_highest_priority(store: JobStore) -> None:
    low, first, second = add(store), add(store, priority=3), add(store, priority=3)
    order = []
    while (following := store.next_queued()) is not None:
        order.append(following)
        store.start_attempt(following, "cpu")
    assert order == [first, second, low]


def test_a_retry_counts_and_a_parked_start_does_not(store: JobStore) -> None:
    one = add(store)
    store.start_attempt(one, "cpu")
    store.retry(one, "the worker died")
    assert (store.status(one).state, store.status(one).attempts) == (JobState.QUEUED, 1)
    store.start_attempt(one, "cpu")
    store.requeue(one, "the service was stopped")
    assert (store.status(one).state, store.status(one).attempts) == (JobState.QUEUED, 1)
    assert [event.kind for event in store.events(one, 0, 9)] == [
        "queued",
        "running",
        "retry",
        "running",
        "queued",
    ]


def test_interrupted_jobs_are_queued_again_and_cancelled_ones_end(store: JobStore) -> None:
    one, two, waiting = add(store), add(store), add(store)
    store.start_attempt(one, "cpu")
    store.start_attempt(two, "cpu")
    store.request_cancel(two)
    assert set(store.requeue_interrupted()) == {one, two}
    assert store.status(one).state is JobState.QUEUED
    assert store.status(two).state is JobState.CANCELLED
    assert store.status(waiting).last_seq == 1


def test_a_failed_job_keeps_its_error(store: JobStore) -> None:
    one = add(store)
    store.finish(one, JobState.FAILED, {"error": {"code": "OOM", "message": "m"}, "attempts": 1})
    status = store.status(one)
    assert status.error == {"code": "OOM", "message": "m"}
    assert status.state is JobState.FAILED
    assert store.request_cancel(one).state is JobState.FAILED


def test_an_unknown_job_is_named(store: JobStore) -> None:
    for ask in (store.status, store.spec, store.request_cancel):
        with pytest.raises(UnknownJob, match="There is no job"):
            ask("0" * 32)


def test_a_transaction_that_fails_leaves_nothing(store: JobStore) -> None:
    one = add(store)
    with pytest.raises(TypeError):
        store.append(one, "warning", {"n": object()})
    assert store.status(one).last_seq == 1
    assert store.append(one, "warning", {}) == 2


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from svfr_client.job import JobSpec\n"
        "from svfr_server.job_store.entry import JobEntry\n"
        "from svfr_server.job_store.store import JobStore, Sender\n"
        "from svfr_server.settings import Limits\n"
        "store = JobStore(Path(sys.argv[1]))\n"
        "entry = JobEntry.of(JobSpec('/a.exr', '1', ('bfr',), '/o.exr'))\n"
        "store.add(sys.argv[2], entry, Sender('me', 'me'), Limits())\n"
        "for number in range(50): store.append(sys.argv[2], 'warning', {'n': number})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    name = new_id()
    command = [sys.executable, "-c", code, str(tmp_path / "jobs.sqlite"), name]
    ended = subprocess.run(command, env=package_environment(), timeout=30, check=False)
    assert ended.returncode == -9
    store = JobStore(tmp_path / "jobs.sqlite")
    assert [event.seq for event in store.events(name, 0, 100)] == list(range(1, 52))
    store.close()
