"""Bundles run for real by ``openjd run``: one session for all tasks, and a task that fails and is redone."""

from __future__ import annotations

from pathlib import Path

import farm_samples
import pytest

from svfr_farm.engines.commands import everything, own_program
from svfr_farm.engines.openjd import OpenJdEngine
from svfr_farm.errors import TaskFailed
from svfr_farm.plan import PlanFile
from svfr_farm.segments import SegmentRules
from svfr_farm.session import CONNECTION_FILE
from svfr_farm.task_state import read_state

pytestmark = pytest.mark.hosts


def plan(folder: Path, plate: str) -> PlanFile:
    row = farm_samples.row(plate, frames="1001-1008", output="out/a.%04d.exr")
    shots = farm_samples.write_list(folder / "s.csv", [row])
    return farm_samples.planned(shots, SegmentRules(segments=2, halo_frames=8))[0]


def test_a_bundle_runs_to_its_frames_in_one_session(tmp_path: Path, plate: str) -> None:
    file = plan(tmp_path, plate)
    OpenJdEngine(own_program()).run(file, everything(file))
    assert len(list(Path(file.plan.job.output).parent.glob("*.exr"))) == 8
    log = (file.folder / "logs" / "openjd.log").read_text()
    assert CONNECTION_FILE in log and "Session ended successfully" in log


def test_a_failing_segment_ends_the_job_and_its_session(tmp_path: Path, plate: str) -> None:
    file = plan(tmp_path, plate)
    (file.folder / "segment-0001.safetensors").mkdir()
    with pytest.raises(TaskFailed):
        OpenJdEngine(own_program()).run(file, everything(file))
    state = read_state(file, "segment", 1)
    assert state is not None and state.state == "failed"
    assert read_state(file, "assemble", 0) is None
    (file.folder / "segment-0001.safetensors").rmdir()
    OpenJdEngine(own_program()).run(file, everything(file))
    assert len(list(Path(file.plan.job.output).parent.glob("*.exr"))) == 8
