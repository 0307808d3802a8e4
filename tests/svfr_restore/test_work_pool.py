"""The pool: nothing lost, nothing unbounded, the first error told."""

import threading
from pathlib import Path

import pytest

from svfr_client.errors import FileCannotBeWritten
from svfr_restore.work_pool import WorkPool


def fail() -> None:
    raise FileCannotBeWritten("the disk is full")


def test_leaving_the_block_waits_for_every_write(tmp_path: Path) -> None:
    with WorkPool(threads=3, waiting=2) as pool:
        for number in range(40):
            pool.submit(lambda number=number: (tmp_path / f"{number}").write_text("x"))
    assert len(list(tmp_path.iterdir())) == 40


def test_the_first_error_comes_out_at_the_end_and_later_jobs_are_dropped() -> None:
    done: list[int] = []
    pool = WorkPool(threads=1, waiting=8)
    go_on = threading.Event()
    pool.submit(go_on.wait)
    pool.submit(fail)
    pool.submit(lambda: done.append(1))
    go_on.set()
    with pytest.raises(FileCannotBeWritten, match="disk is full"):
        pool.close()
    assert done == []


def test_the_error_comes_out_of_the_next_submit_too() -> None:
    with pytest.raises(FileCannotBeWritten), WorkPool(threads=1, waiting=1) as pool:
        for _ in range(100):
            pool.submit(fail)
    assert not any(thread.name.startswith("svfr-pool") for thread in threading.enumerate())


def test_the_queue_makes_the_submitter_wait() -> None:
    gate, submitted = threading.Event(), []

    def submit_all(pool: WorkPool) -> None:
        for number in range(6):
            pool.submit(gate.wait)
            submitted.append(number)

    with WorkPool(threads=1, waiting=2) as pool:
        submitter = threading.Thread(target=submit_all, args=(pool,))
        submitter.start()
        submitter.join(timeout=0.3)
        assert submitter.is_alive() and len(submitted) <= 3
        gate.set()
        submitter.join()
    assert len(submitted) == 6


def test_the_blocks_own_error_goes_on_and_names_a_failed_write() -> None:
    with pytest.raises(KeyError) as caught, WorkPool(threads=1) as pool:
        failed = threading.Event()

        def fail_and_tell() -> None:
            failed.set()
            fail()

        pool.submit(fail_and_tell)
        failed.wait()
        raise KeyError("the model failed")
    assert "disk is full" in "".join(caught.value.__notes__)


def test_a_closed_pool_takes_nothing_more() -> None:
    pool = WorkPool()
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(fail)
    with pytest.raises(ValueError, match="at least one"):
        WorkPool(threads=0)
