"""Two jobs in one process: who has the device, the disk and the memory, and the same bits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import pytest

from svfr_client.job import JobSpec
from svfr_restore.job import run_job
from svfr_restore.job_line import JobLine, JobPlace
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import JobResult, Report, ignore_report

PATIENCE_SECONDS = 120.0


class Given(Exception):
    """The job that waits was cancelled."""


def go_on() -> None:
    """Nobody cancels."""


class Waiting:
    """Something that is done on a thread of its own, beside the test."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.is_done = threading.Event()
        self._work = work
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self._work()
        self.is_done.set()

    def assert_ends(self) -> None:
        assert self.is_done.wait(PATIENCE_SECONDS)


@contextmanager
def two_jobs() -> Iterator[tuple[JobPlace, JobPlace, Callable[[], None]]]:
    """The places of two jobs, and what ends the first."""
    line = JobLine()
    first = line.join(go_on)
    place = first.__enter__()
    with line.join(go_on) as second:
        yield place, second, lambda: first.__exit__(None, None, None)


def samples(place: JobPlace) -> None:
    with place.sampling(go_on):
        pass


def test_a_job_comes_to_the_device_when_the_one_before_has_left_it() -> None:
    with two_jobs() as (first, second, _):
        with first.sampling(go_on):
            waiting = Waiting(lambda: samples(second))
            assert not waiting.is_done.wait(0.2)
        waiting.assert_ends()


def test_a_job_writes_when_the_one_before_has_ended() -> None:
    with two_jobs() as (first, second, end_first):
        first.wait_to_write(go_on)
        samples(first)
        waiting = Waiting(lambda: second.wait_to_write(go_on))
        assert not waiting.is_done.wait(0.2)
        end_first()
        waiting.assert_ends()


def test_two_jobs_that_fit_into_the_memory_together_do_not_wait() -> None:
    with two_jobs() as (first, second, _):
        first.take_memory(600.0, 1000.0)
        second.take_memory(400.0, 1000.0)


def test_what_does_not_fit_into_the_memory_beside_another_job_waits_for_its_end() -> None:
    with two_jobs() as (first, second, end_first):
        first.take_memory(600.0, 1000.0)
        waiting = Waiting(lambda: second.take_memory(401.0, 1000.0))
        assert not waiting.is_done.wait(0.2)
        end_first()
        waiting.assert_ends()


def test_a_job_alone_is_not_kept_waiting_for_memory_or_room_that_there_will_never_be() -> None:
    with JobLine().join(go_on) as place:
        place.take_memory(2000.0, 1000.0)
        place.take_room(2000, lambda: 1000)


def test_room_on_disk_that_the_job_before_may_still_take_is_not_given_away() -> None:
    with two_jobs() as (first, second, end_first):
        first.take_room(600, lambda: 1000)
        waiting = Waiting(lambda: second.take_room(401, lambda: 1000))
        assert not waiting.is_done.wait(0.2)
        end_first()
        waiting.assert_ends()


def test_a_job_that_waits_can_be_cancelled() -> None:
    def cancelled() -> None:
        raise Given

    with two_jobs() as (first, second, _), first.sampling(go_on):
        with pytest.raises(Given), second.sampling(cancelled):
            pass
        with pytest.raises(Given):
            second.wait_to_write(cancelled)


def test_a_job_that_fails_while_it_samples_leaves_the_device() -> None:
    with two_jobs() as (first, second, _):
        with pytest.raises(Given), first.sampling(go_on):
            raise Given
        samples(second)


def pictures(result: JobResult) -> np.ndarray:
    return job_samples.read_all([output.path for output in result.outputs]).view(np.uint16)


@pytest.mark.usefixtures("scratch")
def test_jobs_that_overlap_give_the_bits_of_each_alone(plate: str, tiny_model: str, tmp_path: Path) -> None:
    alone = job_samples.job(plate, tmp_path / "alone", "1001-1004", model=tiny_model)
    other = replace(alone, output=str(tmp_path / "alone2" / "out.%04d.exr"), frames="1002-1005", seed=3)
    expected = [pictures(run_job(spec, ModelCache(), ignore_report)) for spec in (alone, other)]
    models, results = ModelCache(), {}
    has_room, ended = threading.Event(), []

    def run(spec: JobSpec, report: Callable[[Report], None]) -> None:
        results[spec.seed] = run_job(spec, models, report)
        ended.append(spec.seed)

    def report(one: Report) -> None:
        if one.is_ending and not has_room.is_set():
            has_room.set()
            assert one.stage == "denoise" and one.done == one.total, "as early as that"

    first = replace(alone, output=str(tmp_path / "both" / "out.%04d.exr"))
    second = replace(other, output=str(tmp_path / "both2" / "out.%04d.exr"))
    former = Waiting(lambda: run(first, report))
    assert has_room.wait(PATIENCE_SECONDS)
    later = Waiting(lambda: run(second, ignore_report))
    former.assert_ends()
    later.assert_ends()
    assert ended == [first.seed, second.seed]
    for spec, bits in zip((first, second), expected, strict=True):
        np.testing.assert_array_equal(pictures(results[spec.seed]), bits)
