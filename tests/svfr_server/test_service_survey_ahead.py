"""While the device is busy the next job is surveyed, and nothing depends on whether it was."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import psutil
import pytest
from server_samples import Service, StartService, kill, wait_until

from svfr_client.connection import find_connection
from svfr_client.job import JobSpec
from svfr_server.settings import ServerSettings

HELD = ("--pipeline", "held_pipeline:run_job", "--survey-ahead")
# Whoever surveys stands back for everybody else on the machine.
LONG_S = 300.0
BLOCKS = 3  # of the frames 1001 to 1033: 7, 16, 10


def write_plate(folder: Path) -> str:
    pattern = job_samples.write_plate(folder, range(1001, 1034))
    for path in folder.iterdir():
        written_long_ago(path)
    return pattern


def written_long_ago(path: Path) -> None:
    hour_ago = time.time() - 3600.0
    os.utime(path, (hour_ago, hour_ago))


class Queue:
    """A service whose device is busy with one job, while others wait."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.client = service.client()
        self.first = self.submit("first")
        wait_until(lambda: self.client.status(self.first).state.value == "running")

    def spec(self, name: str) -> JobSpec:
        plate = self.folder / name
        if not plate.exists():
            write_plate(plate)
        return job_samples.job(str(plate / "shot.%04d.exr"), self.folder / f"{name}-out" / "v1", "1001-1033")

    def submit(self, name: str) -> str:
        return self.client.submit(self.spec(name)).job

    def go(self, name: str) -> None:
        folder = self.folder / f"{name}-out"
        folder.mkdir(exist_ok=True)
        (folder / "go").touch()

    def finish(self, name: str, job: str) -> dict[str, Any]:
        """Let the first job and this one run; return what the last event says."""
        self.go("first")
        self.go(name)
        last = list(self.client.follow(job))[-1]
        assert last.kind == "done", last.body
        return dict(last.body)

    def surveyors(self) -> list[psutil.Process]:
        children = psutil.Process(find_connection(self.service.home).pid).children()
        return [child for child in children if "svfr_server.worker.survey_ahead" in child.cmdline()]

    def surveyor(self) -> psutil.Process:
        """The process as soon as it is there, before it has had time to survey anything, stopped."""
        wait_until(lambda: bool(self.surveyors()))
        (one,) = self.surveyors()
        one.suspend()
        return one

    @property
    def blocks(self) -> list[Path]:
        return sorted((self.service.home / "checkpoints" / "survey").glob("*.safetensors"))

    @property
    def log(self) -> str:
        path = self.service.home / "logs" / "survey-ahead.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def queue(start_service: StartService, tmp_path: Path) -> Iterator[Queue]:
    one = Queue(start_service(*HELD, "--read-root", str(tmp_path / "shots")), tmp_path / "shots")
    yield one
    one.client.close()


@pytest.fixture(autouse=True)
def shots(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()


def test_the_next_job_is_surveyed_and_only_what_changed_since_is_seen_again(queue: Queue) -> None:
    job = queue.submit("second")
    wait_until(lambda: "surveyed ahead, 33 frames" in queue.log, LONG_S)
    assert len(queue.blocks) == BLOCKS
    status = queue.client.status(job)
    assert status.state.value == "queued" and status.progress is None and status.attempts == 0
    assert not list((queue.service.home / "journal").glob(job)), "the run takes its own note of the files"
    changed = queue.folder / "second" / "shot.1002.exr"
    job_samples.write_exr(changed, job_samples.picture(9000))
    written_long_ago(changed)
    last = queue.finish("second", job)
    assert last["counts"]["frames_surveyed"] == 7, "the block of the changed frame"
    written = job_samples.read_all(
        [queue.folder / "second-out" / "v1" / f"out.{n}.exr" for n in (1002, 1030)]
    )
    plate = job_samples.read_all([queue.folder / "second" / f"shot.{n}.exr" for n in (1002, 1030)])
    np.testing.assert_array_equal(written, plate)


def test_a_surveyor_that_is_killed_harms_nobody_and_is_not_given_the_job_again(queue: Queue) -> None:
    job = queue.submit("second")
    queue.surveyor().kill()
    server_log = queue.service.home / "logs" / "server.log"
    wait_until(lambda: "surveying ahead was killed by SIGKILL" in server_log.read_text(encoding="utf-8"))
    time.sleep(1.2)  # two turns in which it might be started again
    assert not queue.surveyors() and not queue.blocks
    assert queue.client.status(job).state.value == "queued"
    last = queue.finish("second", job)
    assert last["counts"]["frames_surveyed"] == 33


def test_a_job_that_is_cancelled_meanwhile_is_not_surveyed_and_the_next_one_is(queue: Queue) -> None:
    job = queue.submit("second")
    surveyor = queue.surveyor()
    queue.client.cancel(job)
    queue.submit("third")
    surveyor.resume()
    wait_until(lambda: "surveyed ahead, 33 frames" in queue.log, LONG_S)
    assert len(queue.blocks) == BLOCKS and job not in queue.log


def test_a_link_that_leads_out_of_the_roots_is_not_followed_for_a_survey(
    queue: Queue, tmp_path: Path
) -> None:
    job = queue.submit("second")
    surveyor = queue.surveyor()
    secret = job_samples.write_exr(tmp_path / "secret" / "shot.1005.exr", job_samples.picture(9000))
    written_long_ago(secret)
    frame = queue.folder / "second" / "shot.1005.exr"
    frame.unlink()
    frame.symlink_to(secret)
    surveyor.resume()
    wait_until(lambda: "not surveyed ahead" in queue.log, LONG_S)
    assert "FORBIDDEN_PATH" in queue.log and not queue.blocks
    assert queue.client.status(job).state.value == "queued", "the job itself will say so"


@pytest.mark.parametrize("ended", ["stopped", "killed"])
def test_no_surveyor_outlives_its_service(queue: Queue, ended: str) -> None:
    queue.submit("second")
    wait_until(lambda: bool(queue.surveyors()))
    (surveyor,) = queue.surveyors()
    if ended == "killed":
        kill(queue.service.home)
    else:
        queue.service.stop()
    wait_until(lambda: not surveyor.is_running() or surveyor.status() == psutil.STATUS_ZOMBIE)


def test_jobs_are_surveyed_ahead_beside_gpus_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    def is_ahead(device: str, said: bool | None) -> bool:
        return ServerSettings(tmp_path, devices=(device,), surveys_ahead=said).is_surveying_ahead

    assert is_ahead("cuda:0", None) and not is_ahead("cpu", None)
    assert is_ahead("cpu", True) and not is_ahead("cuda:0", False)
