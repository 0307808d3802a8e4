"""Two jobs in one worker: each thread is judged, and logged, by its own job."""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from svfr_client.job import JobSpec
from svfr_restore.work_pool import WorkPool
from svfr_server.errors import PathForbidden
from svfr_server.logs import JsonLines, log_job
from svfr_server.roots import PathRoots
from svfr_server.worker.file_guard import FileGuard, install
from svfr_server.worker.meeting_jobs import may_meet
from svfr_server.worker.sources import Sources


def spec_in(folder: Path, **changed: str) -> JobSpec:
    given = {"plate": str(folder / "plate" / "a.%04d.exr"), "output": str(folder / "out" / "a.%04d.exr")}
    return JobSpec(frames="1001", tasks=("bfr",), model="identity", **(given | changed))


def guard_of(folder: Path) -> FileGuard:
    roots = PathRoots(read=(folder,), write=(folder,))
    return FileGuard(
        spec=spec_in(folder), roots=roots, sources=Sources({}), appears=str, home=folder / "home"
    )


def on_other_threads(work: Callable[[], object]) -> None:
    with WorkPool() as pool:
        pool.submit(work)


def test_each_thread_is_judged_by_its_own_jobs_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()

    def write_second() -> None:
        (second / "a.exr").write_bytes(b"")

    def run_second() -> None:
        with guard_of(second):
            on_other_threads(write_second)
            with pytest.raises(PathForbidden):
                on_other_threads(lambda: (first / "b.exr").write_bytes(b""))

    with WorkPool() as of_nobody, guard_of(first):
        of_nobody.submit(run_second)
        of_nobody.close()
        on_other_threads(lambda: (first / "a.exr").write_bytes(b""))
        with pytest.raises(PathForbidden):
            on_other_threads(write_second)
    write_second()


def test_a_line_of_the_log_names_the_job_of_its_thread(capsys: pytest.CaptureFixture[str]) -> None:
    def line() -> str | None:
        record = logging.makeLogRecord({"msg": "x", "levelname": "INFO"})
        found: str | None = json.loads(JsonLines().format(record)).get("job")
        return found

    found: list[str | None] = []

    def run_second() -> None:
        log_job("second")
        on_other_threads(lambda: found.append(line()))
        log_job(None)

    with WorkPool() as of_nobody:
        log_job("first")
        of_nobody.submit(lambda: found.append(line()))
        of_nobody.submit(run_second)
        of_nobody.close()
        on_other_threads(lambda: found.append(line()))
        log_job(None)
    assert sorted(map(str, found)) == ["first", "first", "second"]
    assert line() is None


def test_jobs_meet_where_one_is_about_what_the_other_writes(tmp_path: Path) -> None:
    former = spec_in(tmp_path / "one")
    assert not may_meet(former, spec_in(tmp_path / "two"))
    assert may_meet(former, spec_in(tmp_path / "two", output=former.output))
    assert may_meet(former, spec_in(tmp_path / "two", plate=former.output))
    assert not may_meet(former, spec_in(tmp_path / "two", plate=former.plate)), "both read it"
    version = spec_in(tmp_path / "one", output=str(tmp_path / "one" / "out" / "v2" / "a.%04d.exr"))
    assert may_meet(spec_in(tmp_path / "one", existing="version_up"), version)


def test_a_link_to_what_the_other_writes_is_followed(tmp_path: Path) -> None:
    former = spec_in(tmp_path / "one")
    (tmp_path / "one" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "one" / "out")
    assert may_meet(former, spec_in(tmp_path / "two", plate=str(tmp_path / "link" / "a.%04d.exr")))
