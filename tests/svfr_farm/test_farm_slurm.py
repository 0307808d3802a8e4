"""A real Slurm: arrays, dependencies, a node that dies, a failing task, cancel; nothing is left over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import farm_samples
import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from benchmarks.farm.slurm_farm import SlurmFarm, install
from svfr_farm.cancelling import cancel
from svfr_farm.engines.commands import everything, own_program, unfinished
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.submit import SubmitSettings, submit
from svfr_farm.task_state import read_state
from svfr_farm.tasks import run_task
from svfr_restore.plan.models import ModelCache

pytestmark = pytest.mark.hosts
RULES = SegmentRules(segments=3, halo_frames=8)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmFarm]:
    install()
    with SlurmFarm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def engine(farm: SlurmFarm, monkeypatch: pytest.MonkeyPatch) -> SlurmEngine:
    for name in ("SLURM_CONF", "PATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, farm.environment[name])
    return SlurmEngine(own_program())


def plan(folder: Path, plate: str, model: str, gpus: int = 1) -> PlanFile:
    folder.mkdir()
    row = farm_samples.row(plate, model=model, frames="1001-1024", output="out/a.%04d.exr")
    (file,) = farm_samples.planned(farm_samples.write_list(folder / "s.csv", [row]), RULES, gpus)
    return file


def wait(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


def frames(file: PlanFile) -> np.ndarray:
    paths = sorted(Path(file.plan.job.output).parent.iterdir())
    assert [path.suffix for path in paths] == [".exr"] * 24 and not any(p.name[0] == "." for p in paths)
    return np.stack([oiio.ImageBuf(str(path)).get_pixels() for path in paths])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute here as the farm's tasks do (OMP_NUM_THREADS=1): more threads sum in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def undisturbed(folder: Path, plate: str, model: str) -> np.ndarray:
    file = plan(folder, plate, model)
    models = ModelCache()
    run_task(file, "reference", 0, models)
    for index in range(3):
        run_task(file, "segment", index, models)
    run_task(file, "assemble", 0, models)
    return frames(file)


def test_the_gpu_that_slurm_gave_is_the_tasks_and_no_other(farm: SlurmFarm, tmp_path: Path) -> None:
    script = tmp_path / "gpu.sh"
    script.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES" > "$1"\n')
    farm.ask(
        "sbatch", "--wait", "--gres=gpu:1", f"--output={tmp_path}/log", str(script), str(tmp_path / "gpu")
    )
    assert (tmp_path / "gpu").read_text().strip() in ("0", "1")


def test_a_failing_segment_stops_the_assembly_and_is_redone_alone(
    tmp_path: Path, engine: SlurmEngine, farm: SlurmFarm, plate: str
) -> None:
    file = plan(tmp_path / "shot", plate, "identity")
    broken = file.folder / "segment-0001.safetensors"
    broken.mkdir()  # where the segment's file should appear
    ids = engine.submit(file, everything(file))
    wait(lambda: not engine.is_active(ids))
    states = engine.states(ids)
    assert states[f"{ids[1]}_1"] == "FAILED" and states[ids[2]] == "CANCELLED"
    assert not Path(file.plan.job.output).parent.exists()
    broken.rmdir()
    assert unfinished(file).segments == (1,)
    again = engine.submit(file, unfinished(file))
    wait(lambda: not engine.is_active(again))
    assert len(frames(file)) == 24


@pytest.mark.usefixtures("engine")
def test_a_cancelled_shot_leaves_no_process(tmp_path: Path, farm: SlurmFarm, plate: str, model: str) -> None:
    file = plan(tmp_path / "shot", plate, model)
    submission = Submission(tmp_path / "shot" / "s.farm")
    submit(submission, SubmitSettings(engine="slurm", program=own_program()), lambda text: None)
    wait(lambda: read_state(file, "reference", 0) is not None)
    told: list[str] = []
    assert cancel(submission, own_program(), told.append) == 1 and told[0].startswith("sh010: cancelled")
    wait(lambda: farm.ask("squeue", "-h") == "" and farm.orphans() == [])
    assert report_shots(submission)[0].state == "cancelled"
    assert not Path(file.plan.job.output).parent.exists()


def test_a_task_that_is_queued_again_goes_on_alone_and_the_shot_is_the_same(
    tmp_path: Path, engine: SlurmEngine, farm: SlurmFarm, plate: str
) -> None:
    model = farm_samples.write_model(tmp_path / "slow", steps=80)
    file = plan(tmp_path / "shot", plate, model)
    ids = engine.submit(file, everything(file))
    wait(lambda: engine.states(ids).get(f"{ids[1]}_0") == "RUNNING" and is_denoising(file, 0))
    farm.ask("scontrol", "requeue", f"{ids[1]}_0")
    wait(lambda: not engine.is_active(ids))
    assert set(engine.states(ids).values()) == {"COMPLETED"}
    attempts = [state.attempt for i in range(3) if (state := read_state(file, "segment", i)) is not None]
    assert attempts == [2, 1, 1]
    np.testing.assert_array_equal(frames(file), undisturbed(tmp_path / "alone", plate, model))


def is_denoising(file: PlanFile, index: int) -> bool:
    state = read_state(file, "segment", index)
    return state is not None and state.state == "running"


def test_a_node_that_dies_has_its_segment_taken_up_by_another(
    tmp_path: Path, engine: SlurmEngine, farm: SlurmFarm, plate: str
) -> None:
    model = farm_samples.write_model(tmp_path / "slow", steps=80)
    file = plan(tmp_path / "shot", plate, model)
    ids = engine.submit(file, everything(file))
    running: dict[str, str] = {}

    def a_segment_denoises() -> bool:
        told = farm.ask("squeue", "-h", "-r", "-t", "running", "-o", "%i %N")
        running.update(line.split() for line in told.splitlines() if line.startswith(f"{ids[1]}_"))
        states = {index: read_state(file, "segment", index) for index in range(3)}
        return any(
            state is not None and state.state == "running" and f"{ids[1]}_{index}" in running
            for index, state in states.items()
        )

    wait(a_segment_denoises)
    lost, node = next(iter(running.items()))
    farm.kill_node(node)
    try:
        wait(lambda: not engine.is_active(ids), 180.0)
        states = engine.states(ids)
        assert set(states.values()) == {"COMPLETED"}, states
        task = farm.ask("scontrol", "-o", "show", "job", lost)
        assert "Restarts=1" in task and f" NodeList={node} " not in task
        np.testing.assert_array_equal(frames(file), undisturbed(tmp_path / "alone", plate, model))
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
