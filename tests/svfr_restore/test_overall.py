"""The number that says how much of a job is done: weighted by work, and never falling."""

from pathlib import Path

import job_samples
import pytest
from job_samples import Reports

from svfr_restore.overall import Overall, phases_of
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import Report


def told(reports: Reports) -> list[float]:
    return [r.overall for r in reports.all if r.kind == "progress" and r.overall is not None]


def test_a_job_of_two_faces_goes_from_nothing_to_all_and_never_back(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    faces = job_samples.write_two_faces(tmp_path / "tracks.json", 1012)
    spec = job_samples.job(plate, tmp_path / "out", "1001-1012", model=tiny_model, crop_tracks=faces)
    reports = Reports()
    job_samples.run(spec, reports=reports)
    numbers = told(reports)
    progress = [r for r in reports.all if r.kind == "progress"]
    assert len(numbers) == len(progress)
    assert numbers == sorted(numbers) and numbers[-1] == 1.0 and numbers[0] < 0.1
    assert len(set(numbers)) > 20


def test_the_model_weighs_what_it_works_and_a_built_in_one_nothing(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    def phases(model: str, preset: str) -> dict[str, float]:
        spec = job_samples.job(plate, tmp_path, "1001-1010", model=model, preset=preset)
        return {stage: work for stage, _, work in phases_of(plan_job(spec, ModelCache()), [(0, 10)])}

    draft, final = phases(tiny_model, "draft"), phases(tiny_model, "final")
    assert final["denoise"] == 6 * draft["denoise"]  # three steps of two branches, one of one
    assert draft["survey"] == final["survey"] and draft["write"] == final["write"]
    assert set(phases("identity", "final")) == {"survey", "crop", "write"}


def test_a_stage_that_reports_late_does_not_turn_the_number_back(plate: str, tmp_path: Path) -> None:
    reports = Reports()
    spec = job_samples.job(plate, tmp_path, "1001-1010")
    overall = Overall(plan_job(spec, ModelCache()), reports)
    for stage, done in (("crop", 5), ("survey", 10), ("write", 2), ("denoise", 1)):
        overall.report(Report("progress", stage, done, 10))  # type: ignore[arg-type]
    overall.report(Report("warning", message="odd"))
    first, *others = told(reports)
    assert first == pytest.approx((10 + 5) / 40)
    assert others == [first, pytest.approx((20 + 4) / 40), pytest.approx((20 + 4) / 40)]
    assert reports.warnings == ["odd"]
