"""Real jobs with a small diffusion model through kills: the same bits, at most two steps computed again."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import OpenImageIO as oiio
import psutil
import pytest
import torch
from server_samples import Service

from svfr_client.client import Client
from svfr_client.connection import find_connection
from svfr_client.errors import ReportedError
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Event
from svfr_server.errors import ReferenceIsGone
from svfr_server.job_store.cache import CacheKeeper, measure, read_limit, trim, write_limit
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.job_store.folders import checkpoint_folder
from svfr_server.worker.references import ReferenceKeeper

FRAMES = 10
PIPELINE = "counted_pipeline:run_job"
"""It counts the network's evaluations in a file beside the service."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A plate and a model folder."""
    folder = tmp_path_factory.mktemp("samples")
    plate = job_samples.write_plate(folder / "plate", range(1001, 1001 + FRAMES))
    return plate, job_samples.write_tiny_model(folder / "tiny")


def spec_of(samples: tuple[str, str], folder: Path, seed: int, **changes: object) -> JobSpec:
    plate, model = samples
    spec = job_samples.job(plate, folder, f"1001-{1000 + FRAMES}", model=model, preset="final", seed=seed)
    return replace(spec, **changes)  # type: ignore[arg-type]


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


def assert_same_pictures(whole: Path, killed: Path) -> None:
    """Compare files bit for bit; name the frames, attributes and largest differences where they differ."""
    expected, found = pictures(whole), pictures(killed)
    assert sorted(found) == sorted(expected) and len(found) == FRAMES
    differences = []
    for name in (name for name in expected if expected[name] != found[name]):
        one, other = (oiio.ImageBuf(str(folder / name)) for folder in (whole, killed))
        largest = float(np.abs(one.get_pixels(oiio.FLOAT) - other.get_pixels(oiio.FLOAT)).max())
        attributes = [set(map(repr, image.spec().extra_attribs)) for image in (one, other)]
        differences.append(f"{name}: {largest} in the pixels, attributes {attributes[0] ^ attributes[1]}")
    assert not differences, "\n".join(differences)


def evaluations(service: Service) -> int:
    """How often the network was evaluated by all workers of the service so far."""
    file = service.home / "evaluations"
    return file.stat().st_size if file.exists() else 0


def follow(client: Client, spec: JobSpec) -> list[Event]:
    return list(client.follow(client.submit(spec).job))


def kill_worker(service: Service) -> None:
    for child in psutil.Process(find_connection(service.home).pid).children():
        os.kill(child.pid, signal.SIGKILL)


def kill_both(service: Service) -> None:
    service.kill()
    service.start()


# The step that was computed and the one that was being written. Reference: 2 steps of one window; final:
# 3 steps of 3 or 4 windows with two branches.
MOST_REPEATED = 2 * 8


@pytest.mark.parametrize("kill", [kill_worker, kill_both], ids=["worker", "server"])
@pytest.mark.parametrize(("stage", "seed"), [("reference", 1), ("denoise", 2), ("write", 3)])
def test_a_killed_job_gives_the_same_files_and_repeats_no_more_than_two_steps(
    service: Service, samples: tuple[str, str], tmp_path: Path, kill: object, stage: str, seed: int
) -> None:
    seed += 10 if kill is kill_both else 0
    whole, killed = (spec_of(samples, tmp_path / name, seed) for name in ("whole", "killed"))
    with service.client() as client:
        before = evaluations(service)
        assert follow(client, whole)[-1].kind == "done"
        undisturbed = evaluations(service) - before
        for path in checkpoint_folder(service.home).rglob("*.safetensors"):
            path.unlink()
        before = evaluations(service)
        events: list[Event] = []
        for event in client.follow(client.submit(killed).job):
            events.append(event)
            seen = [e for e in events if e.kind == "progress" and e.body["stage"] == stage]
            if len(seen) == 2 and seen[-1] is event:
                kill(service)  # type: ignore[operator]
        again = evaluations(service) - before
    assert events[-1].kind == "done", events[-1]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.kind in ("retry", "queued") for event in events) == 2
    frames = [event.body["frame"] for event in events if event.kind == "frame"]
    assert sorted(frames) == list(range(1001, 1001 + FRAMES))
    assert undisturbed <= again <= undisturbed + MOST_REPEATED
    assert_same_pictures(tmp_path / "whole", tmp_path / "killed")


def test_frames_are_done_again_with_the_same_reference_and_nothing_else_is_touched(
    service: Service, samples: tuple[str, str], tmp_path: Path
) -> None:
    spec = spec_of(samples, tmp_path / "out", 40)
    with service.client() as client:
        former = follow(client, spec)[0].job
        before, count = pictures(tmp_path / "out"), evaluations(service)
        for frame in (1004, 1005):
            Path(spec.output % frame).write_bytes(b"spoilt")
        again = list(client.follow(client.redo(former, "1004-1005").job))
        assert sorted(e.body["frame"] for e in again if e.kind == "frame") == [1004, 1005]
        assert evaluations(service) == count  # all of it was kept
        assert pictures(tmp_path / "out") == before
        # another seed: pass 1 is not run, for its reference is taken over
        other = list(client.follow(client.redo(former, "1004", seed=99).job))
        assert other[-1].body["counts"].get("reference_windows", 0) == 0
        assert other[-1].body["counts"]["denoise_windows"] > 0
        changed = pictures(tmp_path / "out")
        assert [name for name in before if before[name] != changed[name]] == ["out.1004.exr"]
        # a redo can be done again, and sees the same context
        third = list(client.follow(client.redo(other[0].job, "1002", seed=99).job))
        assert third[-1].body["counts"].get("denoise_windows", 0) == 0
        with pytest.raises(ReportedError) as caught:
            client.redo("0" * 32, "1")
        assert caught.value.code == "NOT_FOUND"


def test_a_redo_writes_over_the_version_that_its_job_wrote_and_over_no_other_file(
    service: Service, samples: tuple[str, str], tmp_path: Path
) -> None:
    spec = spec_of(samples, tmp_path / "out", 41, frames="1001-1002")
    other = str(tmp_path / "other" / "o.%04d.exr")
    with service.client() as client:
        follow(client, spec)
        first = pictures(tmp_path / "out")
        job = follow(client, replace(spec, seed=42, existing="version_up"))[0].job
        again = list(client.follow(client.redo(job, "1002", seed=43).job))
        assert ["_v002" in e.body["path"] for e in again if e.kind == "frame"] == [True]
        assert {name: Path(tmp_path / "out" / name).read_bytes() for name in first} == first
        kept = Path(other % 1002)
        kept.parent.mkdir()
        kept.write_bytes(b"an artist's")
        refused = list(client.follow(client.redo(job, "1002", output=other, existing="error").job))[-1]
        assert refused.body["error"]["code"] == "OUTPUT_EXISTS" and kept.read_bytes() == b"an artist's"
        beside = list(client.follow(client.redo(job, "1002", output=other, existing="version_up").job))
        assert beside[-1].kind == "done" and kept.read_bytes() == b"an artist's"


def test_a_file_that_came_between_two_attempts_of_a_job_is_kept(
    service: Service, samples: tuple[str, str], tmp_path: Path
) -> None:
    spec = spec_of(samples, tmp_path / "out", 44)
    kept = Path(spec.output % 1003)
    with service.client() as client:
        events: list[Event] = []
        for event in client.follow(client.submit(spec).job):
            events.append(event)
            if event.kind == "progress" and event.body["stage"] == "denoise" and not kept.exists():
                kept.parent.mkdir()
                kept.write_bytes(b"an artist's")
                kill_worker(service)
    assert events[-1].body["error"]["code"] == "OUTPUT_EXISTS" and kept.read_bytes() == b"an artist's"


def test_what_the_network_does_not_see_costs_no_evaluation_through_the_service(
    service: Service, samples: tuple[str, str], tmp_path: Path
) -> None:
    spec = spec_of(samples, tmp_path / "one", 50)
    with service.client() as client:
        follow(client, spec)
        count = evaluations(service)
        changes: list[dict[str, object]] = [{"feather": 0.3}, {"layers": ("delta", "matte")}]
        for number, change in enumerate(changes):
            other = spec_of(samples, tmp_path / str(number), 50, **change)
            assert follow(client, other)[-1].kind == "done"
        assert evaluations(service) == count
        shorter = spec_of(samples, tmp_path / "short", 50, frames="1001-1008")
        assert follow(client, shorter)[-1].body["counts"].get("reference_windows", 0) == 0


def test_only_the_last_step_of_a_walk_is_kept(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path)
    for step in range(3):
        store.save(f"key/pass2/step{step:04d}", torch.full((4,), float(step)))
    store.save("key/pass1/reference", torch.zeros(3))
    assert store.load("key/pass2/step0001") is None
    last = store.load("key/pass2/step0002")
    assert last is not None and last[0] == 2.0
    assert {path.name for path in tmp_path.rglob("*.safetensors")} == {
        "step0002.safetensors",
        "reference.safetensors",
    }


def test_the_cache_is_trimmed_while_a_job_fills_it_oldest_first(tmp_path: Path) -> None:
    write_limit(tmp_path, 60_000)
    keeper = CacheKeeper(tmp_path)
    store = DiskCheckpoints(checkpoint_folder(tmp_path), saved=keeper.saved)
    for number in range(20):
        store.save(f"key/part{number}", torch.zeros(2500))
        os.utime(checkpoint_folder(tmp_path) / f"key/part{number}.safetensors", (number, number))
    held = measure(tmp_path)
    assert held.size_bytes <= 60_000 + 10_500 and held.files <= 7
    assert store.load("key/part19") is not None and store.load("key/part0") is None
    assert trim(tmp_path, keep_free_bytes=2**60) > 0  # a disk that is nearly full
    assert measure(tmp_path).files == 0


def test_two_that_trim_one_cache_at_once_harm_no_job(tmp_path: Path) -> None:
    write_limit(tmp_path, 0)

    def keep(name: int) -> None:
        keeper = CacheKeeper(tmp_path)
        store = DiskCheckpoints(checkpoint_folder(tmp_path), saved=keeper.saved)
        for number in range(60):
            store.save(f"{name}key{number}/deep/part", torch.zeros(4))

    with ThreadPoolExecutor(4) as pool:
        assert [done.result() for done in [pool.submit(keep, name) for name in range(4)]] == [None] * 4


@pytest.mark.parametrize("text", ["", "{}", '{"limit_bytes": -1}', '{"limit_bytes": "x"}', "[1]"])
def test_a_damaged_limit_is_the_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "cache.json").write_text(text)
    assert read_limit(tmp_path) == 20 * 2**30


def test_a_track_without_a_former_reference_is_named(tmp_path: Path) -> None:
    store, own = DiskCheckpoints(tmp_path / "c"), DiskCheckpoints(tmp_path / "own")
    former = DiskCheckpoints(tmp_path / "former")
    ReferenceKeeper(store, former, None).save("a/pass1/reference", torch.ones(3))
    redone = ReferenceKeeper(store, own, former)
    taken = redone.load("b/pass1/reference")
    assert taken is not None and taken.sum() == 3
    with pytest.raises(ReferenceIsGone, match="face 1"):
        redone.load("c/pass1/reference")
