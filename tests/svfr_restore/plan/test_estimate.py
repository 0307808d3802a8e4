"""An estimate counts what a job will do, and its figures have the right size."""

import dataclasses
from functools import partial
from pathlib import Path

import job_samples
import pytest
from official_model import official

from svfr.models.folder import read_spec
from svfr.models.spec import DiffusionSpec
from svfr.precision import STRICT
from svfr_client.job import Box, FaceChoice, JobSpec
from svfr_restore.errors import JobNeedsMoreMemory
from svfr_restore.job import survey_job
from svfr_restore.memory_budget import BASE_BYTES, BUDGET_VARIABLE, PLATE_BYTES_PER_PIXEL
from svfr_restore.plan.compute_cost import sustained_rate, topmost_share, window_cost
from svfr_restore.plan.estimate import (
    Estimate,
    _operations,
    branch_evaluations,
    estimate_job,
    whole_windows,
)
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.memory_cost import model_memory, require_job_memory
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import plan_tracks
from svfr_restore.reports import JobContext

pytestmark = pytest.mark.usefixtures("scratch")


def estimated(spec: JobSpec) -> Estimate:
    plan = plan_job(spec, ModelCache())
    return estimate_job(plan, plan_tracks(plan, survey_job(plan, JobContext())))


@pytest.mark.parametrize(("preset", "branches"), [("draft", 1), ("standard", 2)])
@pytest.mark.parametrize("sampler", ["studio", "official"])
def test_the_evaluations_are_those_the_job_makes(
    plate: str, tiny_model: str, tmp_path: Path, preset: str, branches: int, sampler: str
) -> None:
    spec = job_samples.job(plate, tmp_path, "1001-1010", model=tiny_model, preset=preset, sampler=sampler)
    counts = job_samples.run(spec).counts
    expected = counts["reference_windows"] + branches * counts["denoise_windows"]
    assert estimated(dataclasses.replace(spec, existing="overwrite")).unet_calls == expected


def test_nothing_is_written_or_loaded(
    plate: str, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelCache, "get", lambda *_: pytest.fail("the model was loaded"))
    estimated(job_samples.job(plate, tmp_path / "out", model=tiny_model))
    assert not (tmp_path / "out").exists()


def test_more_frames_and_faces_cost_more(plate: str, tiny_model: str, tmp_path: Path) -> None:
    short = estimated(job_samples.job(plate, tmp_path, "1001-1004", model=tiny_model))
    long = estimated(job_samples.job(plate, tmp_path, "1001-1008", model=tiny_model))
    faces = FaceChoice("box", boxes=(job_samples.BOX, Box(2.0, 2.0, 30.0, 30.0)))
    crowd = estimated(job_samples.job(plate, tmp_path, "1001-1004", model=tiny_model, faces=faces))
    assert (short.frames_read, short.frames_written, short.tracks) == (4, 4, 1)
    assert (long.frames_written, crowd.tracks) == (8, 2)
    for more in (long, crowd):
        assert more.unet_calls > short.unet_calls
        assert more.seconds > short.seconds > 0.0
        assert more.spool_bytes == 2 * short.spool_bytes == 2 * (2 * 4 * 32 * 32 * 3 * 4)
        assert more.checkpoint_bytes > short.checkpoint_bytes > 0
    # pixels stream; of the latents of each frame, 4 x 8 x 8 numbers, there are four
    assert long.memory_bytes - short.memory_bytes == 4 * 4 * (4 * 8 * 8) * 4
    assert long.output_bytes == 2 * short.output_bytes > 0


def test_a_model_without_a_network_costs_pictures_only(plate: str, tmp_path: Path) -> None:
    estimate = estimated(job_samples.job(plate, tmp_path))
    assert estimate.unet_calls == estimate.checkpoint_bytes == 0
    assert estimate.seconds > 0.0 and estimate.memory_bytes > 100e6


@pytest.mark.parametrize("budget_mib", [800, 64000])
def test_what_a_job_keeps_of_frames_and_squares_is_in_its_memory(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget_mib: int
) -> None:
    monkeypatch.setenv(BUDGET_VARIABLE, str(budget_mib))
    kept = min(512, budget_mib // 8) * 2**20
    estimate = estimated(job_samples.job(plate, tmp_path))
    streamed = BASE_BYTES + PLATE_BYTES_PER_PIXEL * job_samples.WIDTH * job_samples.HEIGHT
    assert estimate.memory_bytes == streamed + kept + kept // 8
    require = partial(require_job_memory, ModelCache().spec("probe"), longest_track=1000, device="cpu")
    most_px = (budget_mib * 2**20 - BASE_BYTES - kept - kept // 8) // PLATE_BYTES_PER_PIXEL
    require(plate_pixels=most_px)
    with pytest.raises(JobNeedsMoreMemory):
        require(plate_pixels=most_px + 1)


def test_the_official_model_is_counted_without_its_weights() -> None:
    model = official(16)
    # 53 windows of pass 1, and 33 of pass 2 in two branches
    assert branch_evaluations(model, model.presets["final"], 16, "official") == 53 + 66
    cost = window_cost(model)
    # an independent figure: the UNet of SVD takes about 1.3 tera-operations a frame at 512 px
    assert 1e13 < cost.unet < 4e13
    assert cost.encode > 0 and cost.decode > cost.encode
    assert window_cost(official(8)).unet == pytest.approx(cost.unet / 2, rel=0.1)


def test_shorter_end_windows_cost_less_though_they_are_as_many() -> None:
    whole = official(16)
    shorter = dataclasses.replace(whole, shortest_window=8)
    preset = whole.presets["final"]
    assert branch_evaluations(shorter, preset, 32, "studio") == branch_evaluations(
        whole, preset, 32, "studio"
    )
    # the table of docs/performance.md: 89.0 and 67.4 windows a branch of pass 2, besides 50 of pass 1
    assert whole_windows(whole, preset, 32, "studio") == 50 + 2 * 89
    assert whole_windows(shorter, preset, 32, "studio") == pytest.approx(50 + 2 * 67.4, abs=0.1)
    assert whole_windows(shorter, preset, 16, "official") == 53 + 66


def test_a_draft_that_skips_work_is_reckoned_with_less() -> None:
    model = official(16)
    full = dataclasses.replace(model.presets["final"], reference_steps=10, steps=10)
    half = dataclasses.replace(full, guidance_every=2, deep_every=2)
    share = topmost_share(model)
    assert 0.3 < share < 0.4  # independent: 36 % of the operations are those of the 64 px level
    # pass 1: every second step is deep; pass 2: 5 steps of two deep branches, 5 of one shallow one
    assert branch_evaluations(model, half, 16, "studio") == 10 + 5 * 2 + 5
    wanted = 5 + 5 * share + 5 * 2 + 5 * share
    assert whole_windows(model, half, 16, "studio", share) == pytest.approx(wanted)
    assert whole_windows(model, full, 16, "studio", share) == 10 + 20


def test_this_machine_does_some_operations_a_second() -> None:
    assert 1e8 < sustained_rate("cpu") < 1e15
    assert sustained_rate("cpu") == sustained_rate("cpu")  # measured once


def test_a_coloured_reference_is_counted_where_it_is_coloured(
    tiny_model: str, plate: str, tmp_path: Path
) -> None:
    colouring = job_samples.with_colour(tiny_model, tmp_path / "colouring")
    spec = read_spec(Path(colouring))
    assert isinstance(spec, DiffusionSpec)
    plain, cost = window_cost(dataclasses.replace(spec, colour=None)), window_cost(spec)
    assert plain.colour == 0.0 and dataclasses.replace(cost, colour=0.0) == plain
    # two pictures: what enters at 6 x 6 in 36 inputs of 3 x 3 alone is more than this
    assert cost.colour > 2 * 2 * 36 * 4 * 9 * 8
    asked = job_samples.job(plate, tmp_path / "out", model=colouring, tasks=("colorize",))
    counted = {
        tasks: _operations(
            plan_job(dataclasses.replace(asked, tasks=tasks), ModelCache()), spec, spec.presets["draft"], [4]
        )
        for tasks in (("colorize",), ("bfr",))
    }
    assert counted["colorize",] - counted["bfr",] == pytest.approx(cost.colour)
    memory, bare = (model_memory(s, STRICT) for s in (spec, dataclasses.replace(spec, colour=None)))
    assert memory.other_weights > bare.other_weights
