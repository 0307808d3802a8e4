"""Files that lie where a job writes, before it begins or since: only its own, or those it was to replace."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import job_samples
import pytest

from svfr_client.errors import OutputExists
from svfr_client.job import JobSpec
from svfr_client.vocabulary import OWN
from svfr_restore.job import run_job
from svfr_restore.media.exr.writer import write_restored
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import Report

pytestmark = pytest.mark.usefixtures("scratch")

FRAMES = range(1001, 1004)


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    plate = job_samples.write_plate(tmp_path / "plate", FRAMES)
    return job_samples.job(plate, tmp_path, "1001-1003", tasks=("bfr",))


def run_beside(spec: JobSpec, path: Path, content: str = "an artist's") -> list[Path]:
    """Run a job, and put a file at ``path`` while it surveys; return what it wrote."""

    def report(one: Report) -> None:
        if one.kind == "progress" and one.stage == "survey":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return [output.path for output in run_job(spec, ModelCache(), report).outputs]


def spec_folder(spec: JobSpec) -> list[Path]:
    """Return what lies where a job writes."""
    return list(Path(spec.output).parent.iterdir())


def test_a_file_that_comes_while_a_job_runs_is_kept(spec: JobSpec) -> None:
    there = Path(spec.output % 1002)
    with pytest.raises(OutputExists, match="since the job began") as refused:
        run_beside(spec, there)
    assert refused.value.frame == 1002 and there.read_text() == "an artist's"
    assert not [path for path in there.parent.iterdir() if path.name.startswith(".")]


def test_a_job_that_may_replace_does(spec: JobSpec) -> None:
    there = Path(spec.output % 1002)
    run_beside(replace(spec, existing="overwrite"), there)
    assert there.stat().st_size > 1000


def test_a_version_that_was_taken_since_is_left(spec: JobSpec) -> None:
    job_samples.run(spec)
    raised = replace(spec, existing="version_up")
    second = Path(str(job_samples.run(raised).outputs[0].path))
    third = run_beside(raised, Path(str(second).replace("_v002", "_v003")))
    assert len(third) == 3 and all("_v004" in path.name for path in third)


@pytest.mark.parametrize("taken", [1, 3])
def test_a_version_that_is_taken_while_the_first_frame_is_written_is_left(
    spec: JobSpec, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_samples.run(spec)
    tried: list[Path] = []

    def write_beside(picture: Any, out_path: Path, **how: Any) -> Any:
        tried.append(out_path)
        if len(tried) <= taken:
            out_path.write_text("an artist's")
        return write_restored(picture, out_path, **how)

    monkeypatch.setattr("svfr_restore.job.write_restored", write_beside)
    written = [output.path for output in job_samples.run(replace(spec, existing="version_up")).outputs]
    assert len(written) == 3 and all(f"_v{taken + 2:03d}" in path.name for path in written)
    assert all(path.read_text() == "an artist's" for path in tried[:taken])
    assert [path.name for path in spec_folder(spec) if path.name.startswith(".")] == []


def test_a_version_that_is_this_jobs_stays_so_whatever_comes_to_a_later_frame(
    spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_samples.run(spec)

    def write_beside(picture: Any, out_path: Path, **how: Any) -> Any:
        if picture.frame == 1003:
            out_path.write_text("an artist's")
        return write_restored(picture, out_path, **how)

    monkeypatch.setattr("svfr_restore.job.write_restored", write_beside)
    with pytest.raises(OutputExists, match="since the job began") as refused:
        job_samples.run(replace(spec, existing="version_up"))
    assert refused.value.frame == 1003
    assert not [path for path in spec_folder(spec) if "_v003" in path.name]


def test_a_job_that_goes_on_replaces_its_own_frames_alone(spec: JobSpec) -> None:
    first = {output.path: output.path.read_bytes() for output in job_samples.run(spec).outputs}
    resumed = replace(spec, existing=cast(Any, OWN))
    (lost := Path(spec.output % 1003)).unlink()
    job_samples.run(resumed)
    assert {path: path.read_bytes() for path in first} == first
    lost.write_text("an artist's")
    with pytest.raises(OutputExists, match="frame 1003"):
        job_samples.run(resumed)
    assert lost.read_text() == "an artist's"
    lost.unlink()
    with pytest.raises(OutputExists, match="since the job began"):
        run_beside(resumed, lost)
    assert lost.read_text() == "an artist's"
    job_samples.run(replace(spec, seed=5, output=str(lost.parent / "other.%04d.exr")))
    lost.with_name("other.1003.exr").replace(lost)
    with pytest.raises(OutputExists, match="frame 1003"):  # another job's
        job_samples.run(resumed)
