"""Texts of large jobs: files beside the store that are there before the job is, and go with it."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from server_samples import Service, job

from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask
from svfr_client.protocol.messages import JobState
from svfr_client.protocol.wire import new_id
from svfr_server.errors import JobUnreadable, StorageFailed, StoreUnavailable
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import specs_folder, store_file
from svfr_server.job_store.spec_files import ABANDONED_SECONDS, LARGE_BYTES, SpecFiles
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits

ME = Sender("me", "me")
NAME = "a" * 32


def large_job(pipeline: str = "quick", points: int = 2000) -> JobSpec:
    at = tuple((index / 7 + 0.125, index / 3 + 0.25) for index in range(points))
    spline = MaskSpline(tuple(MaskPoint(one, one, one) for one in at))
    mask = SplineMask({1001: MaskShape((MaskLayer((spline,)),), 64, 48)})
    return replace(job(pipeline), mask_splines=mask)


def add(store: JobStore, home: Path, spec: JobSpec, name: str = NAME) -> JobEntry:
    """Hand a job in as the checking process and the supervisor do together."""
    entry = JobEntry.of(spec)
    entry = replace(entry, spec=SpecFiles(specs_folder(store_file(home))).put(name, entry.spec))
    store.add(name, entry, ME, Limits())
    return entry


def texts(home: Path) -> list[Path]:
    return sorted(specs_folder(store_file(home)).glob("*"))


def test_a_large_text_is_a_private_file_and_its_row_is_short(tmp_path: Path) -> None:
    store = JobStore(store_file(tmp_path))
    add(store, tmp_path, spec := large_job())
    (text,) = texts(tmp_path)
    assert text.stat().st_size > LARGE_BYTES
    assert stat.S_IMODE(text.stat().st_mode) == 0o600
    assert stat.S_IMODE(text.parent.stat().st_mode) == 0o700
    store.close()
    with sqlite3.connect(store_file(tmp_path)) as rows:
        assert rows.execute("SELECT length(spec) FROM jobs").fetchone()[0] < 100
    store = JobStore(store_file(tmp_path))
    assert store.spec(NAME) == spec
    store.close()


def test_a_short_text_stays_in_its_row(tmp_path: Path) -> None:
    store = JobStore(store_file(tmp_path))
    add(store, tmp_path, job("quick"))
    assert texts(tmp_path) == []
    assert store.spec(NAME) == job("quick")
    store.close()


def test_a_large_job_comes_back_when_the_store_is_lost(tmp_path: Path) -> None:
    store = JobStore(store_file(tmp_path))
    add(store, tmp_path, spec := large_job())
    store.close()
    store_file(tmp_path).write_bytes(b"x" * 4096)
    store = JobStore(store_file(tmp_path))
    assert store.next_queued() == NAME
    assert store.spec(NAME) == spec
    store.close()


def _nothing(path: Path) -> None:
    path.unlink()


def _short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _long(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def _not_ascii(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [_nothing, _short, _long, _not_ascii, _pipe, _folder]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_text_that_is_not_there_whole_is_said(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    store = JobStore(store_file(tmp_path))
    add(store, tmp_path, large_job())
    damage(texts(tmp_path)[0])
    with pytest.raises(JobUnreadable, match="spec"):
        store.spec_text(NAME)
    assert store.status(NAME).state is JobState.QUEUED
    store.close()


@pytest.mark.parametrize("name", ["../../etc/passwd", f"{NAME}-{'0' * 16}:5/..", "", f"{NAME}:5"])
def test_a_row_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobUnreadable):
        SpecFiles(tmp_path / "specs").read(f"file:{name}:10")


def test_a_job_whose_text_went_before_it_was_kept_is_not_taken(tmp_path: Path) -> None:
    store = JobStore(store_file(tmp_path))
    entry = JobEntry.of(large_job())
    entry = replace(entry, spec=SpecFiles(specs_folder(store_file(tmp_path))).put(NAME, entry.spec))
    texts(tmp_path)[0].unlink()
    with pytest.raises(StoreUnavailable, match="gone"):
        store.add(NAME, entry, ME, Limits())
    assert store.count(JobState.QUEUED) == 0
    store.close()


def test_a_folder_that_takes_no_text_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "specs").write_bytes(b"")
    with pytest.raises(StorageFailed):
        SpecFiles(tmp_path / "specs").put(NAME, "{" + " " * LARGE_BYTES)


def test_a_text_that_no_job_has_is_swept_and_others_stay(tmp_path: Path) -> None:
    store = JobStore(store_file(tmp_path))
    add(store, tmp_path, large_job(), "b" * 32)
    add(store, tmp_path, large_job())
    specs = SpecFiles(specs_folder(store_file(tmp_path)))
    specs.put("c" * 32, JobEntry.of(large_job()).spec)
    store.finish(NAME, JobState.CANCELLED, {})
    assert store.forget_finished(time.time() + 1, 0, 10) == (NAME,)
    store.sweep_specs(10)
    assert len(texts(tmp_path)) == 3  # one may be of a job that is being handed in
    long_ago = time.time() - ABANDONED_SECONDS - 1
    for path in texts(tmp_path):
        os.utime(path, (long_ago, long_ago))
    store.sweep_specs(1)
    assert len(texts(tmp_path)) == 2
    store.sweep_specs(10)
    assert [path.name[:32] for path in texts(tmp_path)] == ["b" * 32]
    assert store.spec("b" * 32) == large_job()
    store.close()


def test_a_large_job_that_is_not_taken_leaves_no_file(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        name = new_id()
        assert client.submit(large_job(), name).is_new
        assert not client.submit(large_job(), name).is_new
        with pytest.raises(SvfrError, match="another content"):
            client.submit(large_job(points=2001), name)
        assert len(texts(own_service.home)) == 1


def test_a_large_job_outlives_the_end_of_the_service_and_runs(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        name = client.submit(large_job()).job
    own_service.kill()
    own_service.start()
    with own_service.client() as client:
        client.resume()
        assert list(client.follow(name))[-1].kind == "done"


def test_a_large_job_whose_text_is_lost_fails_alone(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        lost, other = (client.submit(large_job()).job for _ in range(2))
        next(path for path in texts(own_service.home) if path.name.startswith(lost)).unlink()
        client.resume()
        last = list(client.follow(lost))[-1]
        assert (last.kind, last.body["error"]["code"]) == ("failed", "JOB_UNREADABLE")
        assert list(client.follow(other))[-1].kind == "done"
