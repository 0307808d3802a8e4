"""Cropping, sampling and writing run at once: the same bits, bounded memory, and all stop together."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import pytest
import torch
from job_samples import Reports

from svfr.arrays import Float32
from svfr_client.errors import JobWasCancelled
from svfr_client.job import JobSpec
from svfr_restore.crops.crop_file import write_tracks
from svfr_restore.crops.crop_track import static_track
from svfr_restore.crops.spool import CropSpool
from svfr_restore.job import JobStages, run_job
from svfr_restore.media.exr.plate import ExrPlate
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import open_plate
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.plate_crop import PlateCrop
from svfr_restore.plan.track_plan import TrackPlan
from svfr_restore.reports import JobContext, JobResult, Report
from svfr_restore.sampling.restorers import IdentityRestorer, Restorer

pytestmark = pytest.mark.usefixtures("scratch")
PATIENCE_SECONDS = 120.0


@pytest.fixture
def one_after_another(plate: str, tmp_path: Path) -> JobSpec:
    """Face 0 from 1001 to 1004, face 1 from 1005 to 1009."""
    path = tmp_path / "tracks.json"
    early, late = range(1001, 1005), range(1005, 1010)
    write_tracks(path, [static_track(0, early, 20.0, 20.0, 32.0), static_track(1, late, 50.0, 36.0, 32.0)])
    return job_samples.job(plate, tmp_path / "out", "1001-1009", crop_tracks=str(path))


class Stages(JobStages):
    """A job's stages with restorers of the test's own."""

    restorers: Callable[[TrackPlan], Restorer]

    def restorer(self, track: TrackPlan, reference: torch.Tensor | None) -> Restorer:
        return self.restorers(track)


def run_with(
    spec: JobSpec, restorers: Callable[[TrackPlan], Restorer], context: JobContext | None = None
) -> JobResult:
    models = ModelCache()
    stages = Stages(plan_job(spec, models), models, context or JobContext())
    stages.restorers = restorers
    return stages.run()


def pictures(result: JobResult) -> np.ndarray:
    return job_samples.read_all([output.path for output in result.outputs]).view(np.uint16)


def test_stages_at_once_give_the_bits_of_one_after_the_other(
    one_after_another: JobSpec, tiny_model: str, tmp_path: Path
) -> None:
    spec = replace(one_after_another, model=tiny_model, layers=("delta", "matte"))
    together = job_samples.run(spec)
    other = replace(spec, output=str(tmp_path / "serial" / "out.%04d.exr"))
    models = ModelCache()
    stages = JobStages(plan_job(other, models), models, JobContext())
    tracks = stages.find_tracks()
    restorers = [stages.restorer(track, None) for track in tracks]
    crops = stages.crop(tracks, restorers, tmp_path)
    outputs = [
        stages.restore(track, restorer, spool, tmp_path / f"{number}.restored")
        for number, (track, restorer, spool) in enumerate(zip(tracks, restorers, crops, strict=True))
    ]
    written = stages.paste(tracks, outputs)
    serial = job_samples.read_all([output.path for output in written]).view(np.uint16)
    np.testing.assert_array_equal(pictures(together), serial)
    assert together.counts["frames_written"] == 9 and together.counts["crops_restored"] == 9


def test_a_track_is_sampled_before_the_last_frame_is_cropped(one_after_another: JobSpec) -> None:
    has_begun = threading.Event()

    class Early(IdentityRestorer):
        def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
            return super().prepare_crop(crop, mask)

        def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
            crops.crop(crops.frames[0])
            has_begun.set()
            yield from super().restore(index, crops)

    class Late(IdentityRestorer):
        def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
            assert has_begun.wait(PATIENCE_SECONDS)
            return super().prepare_crop(crop, mask)

    result = run_with(one_after_another, lambda track: Late() if track.index else Early())
    assert len(result.outputs) == 9


def test_a_frame_is_written_before_the_next_track_is_sampled(one_after_another: JobSpec) -> None:
    is_written = threading.Event()

    class Late(IdentityRestorer):
        def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
            assert is_written.wait(PATIENCE_SECONDS)
            yield from super().restore(index, crops)

    def note(report: Report) -> None:
        if report.kind == "frame":
            is_written.set()

    context = JobContext(report=note)
    result = run_with(one_after_another, lambda t: Late() if t.index else IdentityRestorer(), context)
    assert len(result.outputs) == 9


class Failure(Exception):
    """What a stage fails with."""


class FailsToPrepare(IdentityRestorer):
    def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
        raise Failure("prepare")


class FailsToRestore(IdentityRestorer):
    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        raise Failure("restore")


@pytest.mark.parametrize("failing", [FailsToPrepare, FailsToRestore])
def test_the_first_error_stops_all_stages_and_is_the_jobs(
    one_after_another: JobSpec, failing: type[IdentityRestorer]
) -> None:
    before = threading.active_count()
    with pytest.raises(Failure):
        run_with(one_after_another, lambda track: failing() if track.index else IdentityRestorer())
    assert threading.active_count() == before


def test_an_error_in_writing_stops_the_sampling(one_after_another: JobSpec) -> None:
    class Endless(IdentityRestorer):
        def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
            crops.crops(0, len(crops.frames))
            yield from super().restore(index, crops)

    def fail_at_a_frame(report: Report) -> None:
        if report.kind == "frame":
            raise Failure("write")

    with pytest.raises(Failure, match="write"):
        run_with(one_after_another, lambda track: Endless(), JobContext(report=fail_at_a_frame))


def test_a_job_cancelled_in_any_stage_goes_on_to_the_same_bits(
    one_after_another: JobSpec, tiny_model: str
) -> None:
    spec = replace(one_after_another, model=tiny_model)
    undisturbed = job_samples.read_all([output.path for output in job_samples.run(spec).outputs])
    spec = replace(spec, existing="overwrite")
    for stage in ("survey", "crop", "encode", "reference", "denoise", "decode", "write"):
        store, reports = job_samples.MemoryStore(), Reports(cancel_stage=stage, cancel_after=1)
        with pytest.raises(JobWasCancelled):
            job_samples.run(spec, store, reports)
        assert reports.progress(stage), stage
        resumed = job_samples.run(spec, store)
        pixels = job_samples.read_all([output.path for output in resumed.outputs])
        np.testing.assert_array_equal(pixels, undisturbed, err_msg=stage)


def test_one_bar_goes_forward_after_the_other(one_after_another: JobSpec, tiny_model: str) -> None:
    reports = Reports()
    job_samples.run(replace(one_after_another, model=tiny_model), reports=reports)
    stages = [report.stage for report in reports.all if report.kind == "progress"]
    sampled = [place for place, stage in enumerate(stages) if stage not in ("survey", "crop", "write")]
    assert set(stages[: sampled[0]]) == {"survey", "crop"}
    assert set(stages[sampled[-1] + 1 :]) <= {"write"}
    assert len([report for report in reports.all if report.kind == "frame"]) == 9


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that were decoded, in their order."""
    seen: list[int] = []
    real = ExrPlate.read

    def counted(self: ExrPlate, frame: int):  # type: ignore[no-untyped-def]
        seen.append(frame)
        return real(self, frame)

    monkeypatch.setattr(ExrPlate, "read", counted)
    return seen


def test_a_job_whose_frames_fit_into_memory_decodes_each_once(
    one_after_another: JobSpec, decoded: list[int]
) -> None:
    run_job(one_after_another, ModelCache(), lambda report: None)
    assert sorted(decoded) == list(range(1001, 1010))


def test_a_file_is_decoded_by_whoever_needs_it_and_a_movies_frame_at_once(
    plate: str, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_plate(plate)
    feed = FrameFeed(opened, keep_bytes=2**30)
    later = [feed.soon(1001), feed.soon(1002, is_last=True)]
    assert decoded == []
    assert [read().frame for read in reversed(later)] == [1002, 1001] and decoded == [1002, 1001]
    monkeypatch.setattr(opened, "kind", "movie")  # its frames come out of one file, in order
    read = feed.soon(1003)
    assert decoded == [1002, 1001, 1003]
    assert read().frame == 1003 and decoded == [1002, 1001, 1003]


def test_several_frames_of_a_survey_are_decoded_at_once(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, real = threading.Barrier(2, timeout=PATIENCE_SECONDS), ExrPlate.read
    threads: set[int] = set()

    def read(self: ExrPlate, frame: int):  # type: ignore[no-untyped-def]
        if len(threads) < 2:
            threads.add(threading.get_ident())
            both.wait()  # breaks the test where nobody else decodes meanwhile
        return real(self, frame)

    spec = job_samples.job(plate, tmp_path, "1001-1004")
    models = ModelCache()
    stages = JobStages(plan_job(spec, models), models, JobContext())
    monkeypatch.setattr(ExrPlate, "read", read)
    assert len(stages.find_tracks()) == 1 and len(threads) == 2


def test_what_does_not_fit_is_decoded_again_and_the_pixels_are_the_same(
    plate: str, decoded: list[int]
) -> None:
    opened = open_plate(plate)
    frame_bytes = opened.read(1001).rgb.nbytes
    decoded.clear()
    feed = FrameFeed(opened, keep_bytes=2 * frame_bytes + 1)
    first = [feed.read(frame).rgb for frame in (1001, 1002, 1003)]
    again = [feed.read(frame).rgb for frame in (1001, 1002, 1003)]
    assert decoded == [1001, 1002, 1003, 1003]
    np.testing.assert_array_equal(first, again)
    with pytest.raises(ValueError, match="read-only"):
        again[0][0, 0, 0] = 1.0
    feed.read_last(1001)
    feed.read(1003)  # takes the room that 1001 had
    assert [feed.read(frame).frame for frame in (1003, 1002, 1001)] == [1003, 1002, 1001]
    assert decoded == [1001, 1002, 1003, 1003, 1003, 1001]
