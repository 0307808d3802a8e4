"""A real Slurm: arrays, dependencies, a node that dies, a failing task, cancelling; nothing is left over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import farm_samples
import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from host_setup import one_at_a_time

from benchmarks.farm.slurm_farm import SlurmFarm, install
from svfr_farm.cancelling import cancel
from svfr_farm.engines.commands import Wanted, everything, own_program, unfinished
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.session import VARIABLE, start_session, stop_session
from svfr_farm.submit import SubmitSettings, submit
from svfr_farm.task_state import Step, read_state
from svfr_farm.tasks import run_task
from svfr_restore.plan.models import ModelCache

pytestmark = pytest.mark.hosts
FRAMES, STEPS = 20, 40
SEGMENTS = 2  # on three nodes: one is free to take up what another loses
RULES = SegmentRules(segments=SEGMENTS, halo_frames=8)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmFarm]:
    with one_at_a_time("apt"):
        install()
    with SlurmFarm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a process with torch loaded, for tasks that nobody is to kill."""
    state = tmp_path_factory.mktemp("session")
    yield str(start_session(state, idle_s=300))
    stop_session(state)


@pytest.fixture
def engine(farm: SlurmFarm, monkeypatch: pytest.MonkeyPatch) -> SlurmEngine:
    for name in ("SLURM_CONF", "PATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, farm.environment[name])
    return SlurmEngine(own_program())


def plan(folder: Path, plate: str, model: str, gpus: int = 1) -> PlanFile:
    folder.mkdir(parents=True)
    row = farm_samples.row(plate, model=model, frames=f"1001-{1000 + FRAMES}", output="out/a.%04d.exr")
    (file,) = farm_samples.planned(farm_samples.write_list(folder / "s.csv", [row]), RULES, gpus)
    return file


def wait(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def frames(file: PlanFile) -> np.ndarray:
    paths = sorted(Path(file.plan.job.output).parent.iterdir())
    assert [path.suffix for path in paths] == [".exr"] * FRAMES and not any(p.name[0] == "." for p in paths)
    return np.stack([oiio.ImageBuf(str(path)).get_pixels() for path in paths])


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model whose segments take long enough to be disturbed in their middle."""
    return farm_samples.write_model(tmp_path_factory.mktemp("models") / "slow", steps=STEPS)


def run_here(file: PlanFile, tasks: list[tuple[Step, int]]) -> None:
    """Run tasks in this process with one thread, as the farm's do: more would sum in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for step, index in tasks:
        run_task(file, step, index, ModelCache())
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, plate: str, slow: str) -> np.ndarray:
    """The frames of a shot that nothing happened to."""
    file = plan(tmp_path_factory.mktemp("alone") / "shot", plate, slow)
    run_here(file, everything(file).tasks)
    return frames(file)


def is_denoising(file: PlanFile, index: int) -> bool:
    """Return whether a segment is in its middle: some of its steps are done, and are kept."""
    return any((file.folder / "checkpoints" / f"segment-{index:04d}").rglob("*.safetensors"))


def test_the_gpu_that_slurm_gave_is_the_tasks_and_no_other(farm: SlurmFarm, tmp_path: Path) -> None:
    script = tmp_path / "gpu.sh"
    script.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES" > "$1"\n')
    farm.ask(
        "sbatch", "--wait", "--gres=gpu:1", f"--output={tmp_path}/log", str(script), str(tmp_path / "gpu")
    )
    assert (tmp_path / "gpu").read_text().strip() in ("0", "1")


def test_a_failing_segment_stops_the_assembly_and_is_redone_alone(
    tmp_path: Path, engine: SlurmEngine, plate: str, warm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, warm)
    file = plan(tmp_path / farm_samples.ODD_NAME, plate, "identity")
    broken = file.segment_path(1)
    broken.mkdir()  # where the segment's file should appear
    ids = engine.submit(file, everything(file))
    wait(lambda: not engine.is_active(ids))
    states = engine.states(ids)
    assert states[ids[0]] == states[f"{ids[1]}_0"] == "COMPLETED"
    assert states[f"{ids[1]}_1"] == "FAILED" and states[ids[2]] == "CANCELLED"
    assert not Path(file.plan.job.output).parent.exists()
    broken.rmdir()
    assert unfinished(file).tasks == [("segment", 1), ("assemble", 0)]
    again = engine.submit(file, unfinished(file))
    wait(lambda: not engine.is_active(again))
    assert len(frames(file)) == FRAMES
    logs = {path.name for path in (file.folder / "logs").glob("*.log")}
    assert logs == {"reference-0000.log", "segment-0000.log", "segment-0001.log", "assemble-0000.log"}
    assert not list(tmp_path.rglob("TOUCHED"))


@pytest.mark.usefixtures("engine")
def test_a_cancelled_shot_leaves_no_process(tmp_path: Path, farm: SlurmFarm, plate: str, slow: str) -> None:
    file = plan(tmp_path / "shot", plate, slow)
    submission = Submission(tmp_path / "shot" / "s.farm")
    submit(submission, SubmitSettings(engine="slurm", program=own_program()), lambda text: None)
    wait(lambda: read_state(file, "reference", 0) is not None)
    told: list[str] = []
    assert cancel(submission, own_program(), told.append) == 1 and told[0].startswith("sh010: cancelled")
    wait(lambda: farm.ask("squeue", "-h") == "" and farm.orphans() == [])
    assert report_shots(submission)[0].state == "cancelled"
    assert not Path(file.plan.job.output).parent.exists()


def test_segments_that_are_queued_again_or_lose_their_node_go_on_and_the_shot_is_the_same(
    tmp_path: Path, engine: SlurmEngine, farm: SlurmFarm, plate: str, slow: str, undisturbed: np.ndarray
) -> None:
    """One shot bears both, each in the middle of a segment; nothing else of it is run again."""
    file = plan(tmp_path / "shot", plate, slow)
    run_here(file, [("reference", 0)])
    (job,) = engine.submit(file, Wanted(False, (0, 1), False))
    wait(lambda: is_denoising(file, 0))
    farm.ask("scontrol", "requeue", f"{job}_0")
    wait(lambda: is_denoising(file, 1))
    node = farm.ask("squeue", "-h", "-r", "-j", f"{job}_1", "-t", "running", "-o", "%N").strip()
    assert node, "the segment ended before its node could die"
    farm.kill_node(node)
    try:
        wait(lambda: not engine.is_active([job]), 180.0)
        assert set(engine.states([job]).values()) == {"COMPLETED"}
        task = farm.ask("scontrol", "-o", "show", "job", f"{job}_1")
        assert "Restarts=1" in task and f" NodeList={node} " not in task
        attempts = [state.attempt for i in range(SEGMENTS) if (state := read_state(file, "segment", i))]
        assert attempts == [2, 2]
        run_here(file, [("assemble", 0)])
        np.testing.assert_array_equal(frames(file), undisturbed)
    finally:
        farm.start_node(node)


def test_more_gpus_than_any_node_has_are_refused_and_nothing_stays_queued(
    tmp_path: Path, engine: SlurmEngine, plate: str
) -> None:
    from svfr_farm.errors import EngineRefused

    file = plan(tmp_path / "shot", plate, "identity", gpus=3)
    with pytest.raises(EngineRefused):
        engine.submit(file, everything(file))
    assert engine.find(file) == ()
