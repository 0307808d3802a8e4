"""The three steps of a shot give what one run gives, wherever and however often each is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import farm_samples
import numpy as np
import OpenImageIO as oiio
import pytest

from svfr_client.errors import SvfrError
from svfr_farm.artefacts import read_reference, read_segment
from svfr_farm.errors import ArtefactDiffers, ArtefactIsMissing, ModelIsNotThePlans, SegmentDoesNotExist
from svfr_farm.plan import PlanFile
from svfr_farm.segments import SegmentRules
from svfr_farm.task_state import read_state
from svfr_farm.tasks import run_task
from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache

MODELS = ModelCache()
HALO = 8


def farm(shot_list: Path, segments: int) -> PlanFile:
    """Run a list of one shot in so many segments."""
    (file,) = farm_samples.planned(shot_list, SegmentRules(segments=segments, halo_frames=HALO))
    run_task(file, "reference", 0, MODELS)
    for index in reversed(range(segments)):
        run_task(file, "segment", index, MODELS)
    run_task(file, "assemble", 0, MODELS)
    return file


def frames_of(file: PlanFile, where: Path | None = None) -> np.ndarray[Any, Any]:
    """All written frames as one array."""
    folder = where or Path(file.plan.job.output).parent
    return np.stack([oiio.ImageBuf(str(path)).get_pixels() for path in sorted(folder.glob("*.exr"))])


def one_shot(folder: Path, plate: str, model: str, **cells: str) -> Path:
    """A list of one shot in a folder of its own."""
    folder.mkdir(exist_ok=True)
    given = {"frames": "1001-1024", "output": "out/a.%04d.exr"} | cells
    row = farm_samples.row(plate, model=model, **given)
    return farm_samples.write_list(folder / "shots.csv", [row])


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, plate: str, model: str) -> np.ndarray[Any, Any]:
    """The frames of the undivided run, by the job itself."""
    folder = tmp_path_factory.mktemp("single")
    (file,) = farm_samples.planned(one_shot(folder, plate, model))
    run_job(file.plan.job, MODELS, lambda report: None)
    return frames_of(file)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, plate: str, model: str) -> PlanFile:
    """A shot that was restored in two segments; not to be changed."""
    return farm(one_shot(tmp_path_factory.mktemp("two"), plate, model), 2)


def test_one_segment_gives_the_bits_of_the_single_run(
    tmp_path: Path, plate: str, model: str, single: np.ndarray[Any, Any]
) -> None:
    assert np.array_equal(frames_of(farm(one_shot(tmp_path, plate, model), 1)), single)


def test_two_segments_stay_near_the_single_run_and_the_joint_is_measured(
    two: PlanFile, single: np.ndarray[Any, Any]
) -> None:
    assert np.abs(frames_of(two) - single).max() < 2e-3
    result = json.loads((two.folder / "result.json").read_text())
    (seam,) = result["seams"]
    assert seam["frame"] == 1013 and 0.2 < seam["ratio"] < 1.5
    assert result["written"] == 24 and len(result["devices"]) == 1


def test_three_and_five_segments_stay_near_the_single_run_and_no_joint_is_seen(tmp_path: Path) -> None:
    """The benchmark benchmarks/farm/segments.py holds the same bounds for mini and for more steps."""
    plate = farm_samples.write_plate(tmp_path / "plate", 50)
    model = farm_samples.write_model(tmp_path / "models" / "m", steps=3)
    shots = {count: one_shot(tmp_path / str(count), plate, model, frames="1001-1050") for count in (1, 3, 5)}
    whole = frames_of(farm(shots.pop(1), 1))
    for count, shot_list in shots.items():
        file = farm(shot_list, count)
        error = np.abs(frames_of(file) - whole).max()
        seams = [seam["ratio"] for seam in json.loads((file.folder / "result.json").read_text())["seams"]]
        print(f"{count} segments: largest error {error:.2e}, seams {seams}")
        assert len(seams) == count - 1 and max(seams) < 1.5 and error < 2e-3


def test_a_one_step_model_is_the_same_across_a_joint_but_for_rounding(tmp_path: Path, plate: str) -> None:
    """Where segments are faded into each other, equal latents are weighted, added and so rounded again."""
    model = farm_samples.write_model(tmp_path / "models" / "one", steps=1)
    whole = frames_of(farm(one_shot(tmp_path / "a", plate, model), 1))
    file = farm(one_shot(tmp_path / "b", plate, model), 2)
    assert len(read_reference(file).tracks[0].pieces) == 2
    off = np.abs(frames_of(file) - whole)
    assert (off <= np.spacing(whole.astype(np.float16)).astype(np.float32)).all()
    assert np.count_nonzero(off) <= 1e-4 * off.size


def test_a_segment_that_is_done_again_has_the_same_bits(two: PlanFile, tmp_path: Path) -> None:
    reference = read_reference(two)
    before, _ = read_segment(two, 1, reference)
    kept = shutil.move(two.segment_path(1), tmp_path / "kept")
    run_task(two, "segment", 1, MODELS)
    after, _ = read_segment(two, 1, reference)
    assert all(np.array_equal(before[n].numpy(), after[n].numpy()) for n in before)
    shutil.move(kept, two.segment_path(1))
    state = read_state(two, "segment", 1)
    assert state is not None and (state.state, state.attempt) == ("done", 2)


def test_frames_that_are_there_are_kept_and_missing_ones_written(two: PlanFile) -> None:
    output = Path(two.plan.job.output).parent
    times = {path.name: path.stat().st_mtime_ns for path in output.glob("*.exr")}
    (output / "a.1005.exr").unlink()
    (output / "a.1006.exr").write_bytes((output / "a.1006.exr").read_bytes()[:-99])
    run_task(two, "assemble", 0, MODELS)
    changed = [n for n, t in times.items() if (output / n).stat().st_mtime_ns != t]
    assert changed == ["a.1005.exr", "a.1006.exr"] or sorted(changed) == ["a.1005.exr", "a.1006.exr"]


def test_a_segment_refuses_a_reference_that_is_not_the_shots(two: PlanFile, tmp_path: Path) -> None:
    copy = shutil.copytree(two.folder, tmp_path / two.folder.name)
    file = PlanFile(two.plan, copy / "plan.json", two.sha256)
    path = copy / "reference-0000.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    file.segment_path(0).unlink()
    with pytest.raises(ArtefactDiffers):
        run_task(file, "segment", 0, MODELS)
    assert not file.segment_path(0).exists()
    state = read_state(file, "segment", 0)
    assert state is not None and state.state == "failed" and state.error is not None


def test_assembly_names_every_segment_that_is_missing_or_damaged(two: PlanFile, tmp_path: Path) -> None:
    copy = shutil.copytree(two.folder, tmp_path / two.folder.name)
    file = PlanFile(two.plan, copy / "plan.json", two.sha256)
    file.segment_path(0).unlink()
    file.segment_path(1).write_bytes(b"not a tensor file")
    with pytest.raises(SvfrError) as raised:
        run_task(file, "assemble", 0, MODELS)
    assert {p.code for p in raised.value.problems} == {  # type: ignore[attr-defined]
        "FARM_ARTEFACT_MISSING",
        "FARM_ARTEFACT_DIFFERS",
    }


def test_steps_out_of_order_and_unknown_segments_are_refused(tmp_path: Path, plate: str) -> None:
    (file,) = farm_samples.planned(one_shot(tmp_path, plate, "identity"))
    with pytest.raises(ArtefactIsMissing):
        run_task(file, "segment", 0, MODELS)
    with pytest.raises(SegmentDoesNotExist):
        run_task(file, "segment", 1, MODELS)


def test_another_model_of_the_same_name_is_refused(tmp_path: Path, plate: str) -> None:
    model = farm_samples.write_model(tmp_path / "models" / "m")
    (file,) = farm_samples.planned(one_shot(tmp_path, plate, model))
    spec = Path(model) / "model.json"
    spec.write_text(spec.read_text().replace('"licence": "none"', '"licence": "other"'))
    with pytest.raises(ModelIsNotThePlans):
        run_task(file, "reference", 0, MODELS)


def test_the_model_that_changes_nothing_leaves_every_bit(tmp_path: Path, plate: str) -> None:
    file = farm(one_shot(tmp_path, plate, "identity"), 3)
    assert np.array_equal(frames_of(file), frames_of(file, Path(plate).parent))


def test_a_cancelled_segment_goes_on_where_it_stopped(tmp_path: Path, plate: str, model: str) -> None:
    (file,) = farm_samples.planned(one_shot(tmp_path, plate, model))
    run_task(file, "reference", 0, MODELS)
    stages: list[tuple[str, int]] = []
    with pytest.raises(SvfrError) as raised:
        run_task(
            file,
            "segment",
            0,
            MODELS,
            cancelled=lambda: sum(stage == "denoise" for stage, _ in stages) > 8,
            on_report=lambda report: stages.append((str(report.stage), report.done)),
        )
    state = read_state(file, "segment", 0)
    assert raised.value.code == "CANCELLED" and state is not None and state.state == "cancelled"
    stages.clear()
    run_task(
        file, "segment", 0, MODELS, on_report=lambda report: stages.append((str(report.stage), report.done))
    )
    assert next(done for stage, done in stages if stage == "denoise") > 0
    assert not (file.folder / "checkpoints" / "segment-0000").exists()
