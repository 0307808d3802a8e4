"""The next job begins while the last frames of the one before are written, and neither minds the other."""

from collections.abc import Iterator
from pathlib import Path

import job_samples
import numpy as np
import pytest
from server_samples import Service, wait_until, workers_of

from svfr_client.job import JobSpec
from svfr_server.settings import ServerSettings

PIPELINE = ("--pipeline", "overlap_pipeline:run_job", "--overlap")
FRAMES = range(1001, 1004)


class Queue:
    """A service with a first job whose frames wait to be written, and a second one that begins beside it."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.client = service.client()
        self.first = self.submit("first")
        self.let("first", "sample")
        wait_until(lambda: "first leaves" in self.device)

    def spec(self, name: str, plate: str | None = None) -> JobSpec:
        if plate is None:
            plate = job_samples.write_plate(self.folder / name / "plate", FRAMES)
        out = self.folder / name / "v1"
        out.parent.mkdir(exist_ok=True)
        return job_samples.job(plate, out, f"{FRAMES[0]}-{FRAMES[-1]}")

    def submit(self, name: str, plate: str | None = None) -> str:
        return self.client.submit(self.spec(name, plate)).job

    def let(self, name: str, what: str) -> None:
        (self.folder / name / what).touch()

    def let_all(self) -> None:
        for name in ("first", "second"):
            (self.folder / name).mkdir(exist_ok=True)
            self.let(name, "sample")
            self.let(name, "write")

    @property
    def device(self) -> list[str]:
        log = self.folder / "device.log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def state(self, job: str) -> str:
        return self.client.status(job).state.value

    def end(self, job: str) -> str:
        """Follow a job to its end and return how it ended."""
        return list(self.client.follow(job))[-1].kind

    def written(self, name: str) -> list[Path]:
        return sorted((self.folder / name / "v1").glob("out.*.exr"))

    def assert_is_restored(self, name: str) -> None:
        plate = [self.folder / name / "plate" / f"shot.{frame}.exr" for frame in FRAMES]
        found = [self.folder / name / "v1" / f"out.{frame}.exr" for frame in FRAMES]
        np.testing.assert_array_equal(job_samples.read_all(found), job_samples.read_all(plate))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """A service that all tests share, and the folder that it may read."""
    folder = tmp_path_factory.mktemp("shots")
    one = Service(folder.with_name("home"), [*PIPELINE, "--read-root", str(folder)])
    one.start()
    yield one, folder
    one.stop()


@pytest.fixture
def queue(service: tuple[Service, Path], tmp_path: Path) -> Iterator[Queue]:
    home, folder = service[0], service[1] / tmp_path.name
    folder.mkdir()
    one = Queue(home, folder)
    yield one
    one.let_all()
    one.client.close()


def test_the_next_job_has_the_device_while_the_one_before_writes_and_ends_after_it(queue: Queue) -> None:
    second = queue.submit("second")
    wait_until(lambda: "second begins" in queue.device)
    assert queue.state(queue.first) == queue.state(second) == "running"
    assert len(workers_of(queue.service)) == 1
    queue.let("second", "sample")
    queue.let("second", "write")
    wait_until(lambda: "second leaves" in queue.device)
    assert not queue.written("second"), "one job writes at a time"
    queue.let("first", "write")
    assert queue.end(second) == "done"
    assert queue.state(queue.first) == "done", "jobs end in the order in which they began"
    for name in ("first", "second"):
        queue.assert_is_restored(name)
    assert queue.device == ["first begins", "first leaves", "second begins", "second leaves"]


@pytest.mark.parametrize("cancelled", ["first", "second"])
def test_one_of_both_is_cancelled_and_the_other_goes_on(queue: Queue, cancelled: str) -> None:
    second = queue.submit("second")
    wait_until(lambda: "second begins" in queue.device)
    (worker,) = workers_of(queue.service)
    other, going, ending = ("second", second, queue.first)
    if cancelled == "second":
        other, going, ending = ("first", queue.first, second)
    queue.client.cancel(ending)
    assert queue.end(ending) == "cancelled"
    assert queue.state(going) == "running"
    queue.let_all()
    assert queue.end(going) == "done"
    queue.assert_is_restored(other)
    assert workers_of(queue.service) == [worker], "it was not killed"


def test_a_crash_counts_for_neither_and_each_goes_on_alone(queue: Queue) -> None:
    second = queue.submit("second")
    wait_until(lambda: "second begins" in queue.device)
    (worker,) = workers_of(queue.service)
    worker.kill()
    wait_until(lambda: queue.device.count("first leaves") == 2)
    assert queue.state(second) == "queued", "it waits for the first one's end"
    assert queue.client.status(queue.first).attempts == 1
    queue.let_all()
    assert queue.end(second) == queue.end(queue.first) == "done"
    assert queue.client.status(second).attempts == 1
    for name in ("first", "second"):
        queue.assert_is_restored(name)


def test_a_job_on_what_the_one_before_writes_waits_for_its_end(queue: Queue) -> None:
    second = queue.submit("second", plate=str(queue.folder / "first" / "v1" / "out.%04d.exr"))
    wait_until(lambda: queue.state(second) == "running")
    queue.let_all()
    assert queue.end(second) == "done"
    found = job_samples.read_all(queue.written("second"))
    np.testing.assert_array_equal(found, job_samples.read_all(queue.written("first")))


def test_a_link_that_leads_out_of_the_roots_harms_only_its_own_job(queue: Queue, tmp_path: Path) -> None:
    secret = job_samples.write_exr(tmp_path / "secret" / "shot.1002.exr", job_samples.picture(9000))
    spec = queue.spec("second")
    frame = queue.folder / "second" / "plate" / "shot.1002.exr"
    frame.unlink()
    frame.symlink_to(secret)
    last = list(queue.client.follow(queue.client.submit(spec).job))[-1]
    assert last.kind == "failed" and "FORBIDDEN_PATH" in str(last.body)
    assert queue.state(queue.first) == "running"
    queue.let("first", "write")
    assert queue.end(queue.first) == "done"
    queue.assert_is_restored("first")


def test_jobs_overlap_on_gpus_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    def is_overlapping(device: str, said: bool | None) -> bool:
        return ServerSettings(tmp_path, devices=(device,), overlaps=said).is_overlapping(device)

    assert is_overlapping("cuda:0", None) and not is_overlapping("cpu", None)
    assert is_overlapping("cpu", True) and not is_overlapping("cuda:0", False)
