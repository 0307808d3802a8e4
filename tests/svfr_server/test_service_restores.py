"""Real jobs through the service: EXR in, EXR out, also over a worker's death."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from server_samples import Service, job, workers_of
from service_pipelines import Report

from svfr_client.client import Client
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.worker.resume import Resumption

SIDE_PX = 64
PIPELINE = "svfr_restore.job:run_job"


def identity_job(folder: Path, count: int) -> JobSpec:
    """Write ``count`` small frames and return the job that must return them unchanged."""
    rng = np.random.default_rng(7)
    for frame in range(1001, 1001 + count):
        rgb = rng.uniform(0.0, 4.0, (SIDE_PX, SIDE_PX, 3)).astype(np.float16)
        path = folder / f"plate.{frame:04d}.exr"
        with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"RGB": rgb}) as file:
            file.write(str(path))
    return JobSpec(
        str(folder / "plate.%04d.exr"),
        f"1001-{1000 + count}",
        ("bfr",),
        str(folder / "out" / "restored.%04d.exr"),
        model="identity",
        faces=FaceChoice("frame"),
        colour=ColourClaim("lin_rec709_scene"),
    )


def assert_unchanged(spec: JobSpec, frames: range, pattern: str) -> None:
    for frame in frames:
        plate, restored = OpenEXR.File(spec.plate % frame), OpenEXR.File(pattern % frame)
        before, after = (file.parts[0].channels["RGB"].pixels for file in (plate, restored))
        assert before.tobytes() == after.tobytes()


def test_three_frames_go_through_the_identity_model_unchanged(service: Service, tmp_path: Path) -> None:
    spec = identity_job(tmp_path, 3)
    with service.client() as client:
        events = list(client.follow(client.submit(spec).job))
    assert events[-1].kind == "done", events[-1]
    assert events[-1].body["frames_written"] == 3
    written = sorted(event.body["path"] for event in events if event.kind == "frame")
    assert written == [spec.output % frame for frame in (1001, 1002, 1003)]
    assert_unchanged(spec, range(1001, 1004), spec.output)


def test_existing_outputs_are_an_error_of_the_job(service: Service, tmp_path: Path) -> None:
    spec = identity_job(tmp_path, 2)
    with service.client() as client:
        assert list(client.follow(client.submit(spec).job))[-1].kind == "done"
        last = list(client.follow(client.submit(spec).job))[-1]
    assert last.body["error"]["code"] == "OUTPUT_EXISTS"


def test_a_job_whose_worker_is_killed_while_writing_still_returns_every_frame(
    service: Service, tmp_path: Path
) -> None:
    count = 20
    spec = replace(identity_job(tmp_path, count), existing="version_up")
    older = Path(spec.output % 1001)
    older.parent.mkdir()
    older.touch()
    with service.client() as client:
        events = []
        for event in client.follow(client.submit(spec).job):
            if event.kind == "frame" and not any(one.kind == "frame" for one in events):
                kill_the_worker(service)
            events.append(event)
    kinds = [event.kind for event in events if event.kind in ("retry", "done", "failed")]
    assert kinds == ["retry", "done"], events[-1]
    frames = [event.body["frame"] for event in events if event.kind == "frame"]
    assert sorted(frames) == list(range(1001, 1001 + count))
    pattern = str(older.parent / "restored_v002.%04d.exr")
    assert_unchanged(spec, range(1001, 1001 + count), pattern)
    wanted = {Path(pattern % frame).name for frame in range(1001, 1001 + count)}
    assert {file.name for file in older.parent.glob("*.exr")} == wanted | {older.name}


def kill_the_worker(service: Service) -> None:
    (worker,) = workers_of(service)
    os.kill(worker.pid, signal.SIGKILL)


@pytest.mark.parametrize("existing", ["error", "overwrite", "version_up"])
def test_only_a_later_attempt_replaces_frames_and_its_own_alone(tmp_path: Path, existing: str) -> None:
    spec = replace(job("quick"), existing=existing)
    journal = DiskCheckpoints(tmp_path)
    first = Resumption(spec, journal)
    assert first.spec_to_run() == spec
    assert Resumption(spec, journal).spec_to_run() == spec
    first.note(Report("progress", "survey", 1, 9))
    before_a_frame = Resumption(spec, journal).spec_to_run()
    assert before_a_frame.existing == {"error": "own"}.get(existing, existing)
    first.appears("/p/out/a_v002.1001.exr")
    first.appears("/p/out/a_v003.1001.exr")  # the place before was taken at that moment
    first.appears("/p/out/a_v003.1002.exr")
    later = Resumption(spec, journal).spec_to_run()
    assert later.existing == ("overwrite" if existing == "overwrite" else "own")
    assert later.output == (spec.output if existing == "overwrite" else "/p/out/a_v003.%04d.exr")


def test_the_client_of_a_starter_reaches_its_service(service: Service) -> None:
    with service.client() as client:
        assert isinstance(client, Client)
        assert client.hello().devices == ("cpu",)
