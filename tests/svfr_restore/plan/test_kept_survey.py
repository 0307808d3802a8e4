"""What was surveyed is not read again: the same bits, and nothing that is out of date."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import pytest
import torch
from field_samples import GRADIENT, write_movie
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save as as_file

from svfr_client.errors import JobWasCancelled
from svfr_client.job import FaceChoice, JobSpec
from svfr_restore.code_sources import OURS, survey_sources
from svfr_restore.faces.box import FaceBox
from svfr_restore.job import survey_job
from svfr_restore.media.window import Window
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.kept_survey import blocks_of
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.survey import Survey
from svfr_restore.plan.surveyed_frame import SurveyedFrame, Thumbnail, packed, unpacked
from svfr_restore.reports import JobContext, NoStore
from svfr_server.job_store.checkpoints import DiskCheckpoints


@pytest.fixture
def plate(tmp_path: Path) -> str:
    """Frames 1001 to 1039, but for 1020, written an hour ago: blocks of 7, 16 and 16 frames."""
    pattern = job_samples.write_plate(tmp_path / "shot", [n for n in range(1001, 1040) if n != 1020])
    for path in (tmp_path / "shot").iterdir():
        written_long_ago(path)
    return pattern


def written_long_ago(path: Path) -> None:
    hour_ago = path.stat().st_mtime - 3600.0
    os.utime(path, (hour_ago, hour_ago))


@pytest.fixture
def store(tmp_path: Path) -> DiskCheckpoints:
    return DiskCheckpoints(tmp_path / "checkpoints")


def job_of(plate: str, frames: str = "1001-1039", **changes: object) -> JobSpec:
    given = {"faces": FaceChoice("largest"), "missing": "hold"} | changes
    return job_samples.job(plate, Path(plate).parents[1] / "out", frames, **given)


def surveyed(spec: JobSpec, store: DiskCheckpoints | NoStore) -> tuple[list[Survey], int]:
    """Return the surveys of a job and how many frames were looked at for them."""
    context = JobContext(store=store)
    return survey_job(plan_job(spec, ModelCache()), context), context.counts["frames_surveyed"]


def as_bits(surveys: list[Survey]) -> list[object]:
    return [
        (
            survey.shots,
            dict(survey.faces),
            {
                n: (one.window, one.luminance.shape, one.luminance.tobytes())
                for n, one in survey.thumbnails.items()
            },
        )
        for survey in surveys
    ]


def test_a_survey_that_was_made_is_found_with_the_same_bits(plate: str, store: DiskCheckpoints) -> None:
    spec = job_of(plate)
    alone, looked = surveyed(spec, NoStore())
    first, looked_first = surveyed(spec, store)
    again, looked_again = surveyed(spec, store)
    assert (looked, looked_first, looked_again) == (39, 39, 0)
    assert as_bits(first) == as_bits(alone) and as_bits(again) == as_bits(alone)


def test_a_longer_range_looks_only_at_the_blocks_it_adds(plate: str, store: DiskCheckpoints) -> None:
    surveyed(job_of(plate, "1001-1032"), store)
    _, looked = surveyed(job_of(plate, "1001-1039"), store)
    assert looked == 16, "only the last block, 1024 to 1032, has other frames"


def test_a_job_that_is_cancelled_keeps_what_it_has_seen(plate: str, store: DiskCheckpoints) -> None:
    reports = job_samples.Reports("survey", 30)
    stopped = JobContext(report=reports, cancelled=reports.cancelled, store=store)
    with pytest.raises(JobWasCancelled):
        survey_job(plan_job(job_of(plate), ModelCache()), stopped)
    _, looked = surveyed(job_of(plate), store)
    assert looked in (16, 32), "the first block is kept, and the second if it was done in time"


def overwritten(path: Path) -> None:
    job_samples.write_exr(path, job_samples.picture(9000))
    written_long_ago(path)


def swapped(path: Path) -> None:
    """Put another picture of the same size and time in the file's place."""
    status, other = path.stat(), path.with_name("other.exr")
    job_samples.write_exr(other, job_samples.picture(9000))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def linked(path: Path) -> None:
    other = path.with_name("elsewhere.exr")
    job_samples.write_exr(other, job_samples.picture(9000))
    written_long_ago(other)
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("change", [overwritten, swapped, linked])
def test_a_frame_that_was_changed_is_looked_at_again(
    change: Callable[[Path], None], plate: str, store: DiskCheckpoints
) -> None:
    before, _ = surveyed(job_of(plate), store)
    change(Path(plate % 1009))
    after, looked = surveyed(job_of(plate), store)
    assert looked == 16, "its block, 1008 to 1023"
    assert as_bits(after) == as_bits(surveyed(job_of(plate), NoStore())[0]) != as_bits(before)


def test_a_frame_that_came_takes_the_place_of_the_one_that_was_held(
    plate: str, store: DiskCheckpoints
) -> None:
    surveyed(job_of(plate), store)
    overwritten(Path(plate % 1020))
    after, looked = surveyed(job_of(plate), store)
    assert looked == 16 and as_bits(after) == as_bits(surveyed(job_of(plate), NoStore())[0])


def test_links_that_share_files_are_told_apart_by_frame(tmp_path: Path, store: DiskCheckpoints) -> None:
    """1001 and 1002 are one file, 1003 is another; then 1002 goes with 1003."""
    one, other = tmp_path / "one.exr", tmp_path / "other.exr"
    for path, frame in ((one, 1001), (other, 9000)):
        job_samples.write_exr(path, job_samples.picture(frame))
        written_long_ago(path)
    pattern = str(tmp_path / "links" / "shot.%04d.exr")
    Path(pattern).parent.mkdir()
    for frame, path in ((1001, one), (1002, one), (1003, other)):
        Path(pattern % frame).symlink_to(path)
    surveyed(job_of(pattern, "1001-1003"), store)
    Path(pattern % 1002).unlink()
    Path(pattern % 1002).symlink_to(other)
    after, looked = surveyed(job_of(pattern, "1001-1003"), store)
    assert looked == 3 and as_bits(after) == as_bits(surveyed(job_of(pattern, "1001-1003"), NoStore())[0])


def test_a_file_that_was_written_this_moment_is_not_kept(plate: str, store: DiskCheckpoints) -> None:
    os.utime(plate % 1003)
    surveyed(job_of(plate), store)
    _, looked = surveyed(job_of(plate), store)
    assert looked == 7, "1001 to 1007"


def test_a_file_that_is_written_while_it_is_surveyed_is_not_kept(plate: str, store: DiskCheckpoints) -> None:
    def write(report: object) -> None:
        swapped(Path(plate % 1002))  # whole, since another thread may be reading it

    survey_job(plan_job(job_of(plate, "1001-1007"), ModelCache()), JobContext(report=write, store=store))
    _, looked = surveyed(job_of(plate, "1001-1007"), store)
    assert looked == 7


def test_a_movie_that_takes_the_place_of_the_open_one_is_another_survey(
    tmp_path: Path, store: DiskCheckpoints
) -> None:
    """What is still open shows the former pictures, under a name that is the new file's already."""
    path, other = tmp_path / "m.mov", tmp_path / "new.mov"
    bright = [np.full((48, 64, 3), 200, np.uint8)] * 8
    write_movie(path, [GRADIENT] * 8, "prores_ks", "yuv422p10le", "rgb24")
    write_movie(other, bright[:3] + [GRADIENT] * 5, "prores_ks", "yuv422p10le", "rgb24")
    for each in (path, other):
        written_long_ago(each)
    spec = job_samples.job(str(path), tmp_path, "1-8", colour=job_samples.SDR, faces=FaceChoice("largest"))
    opened = plan_job(spec, ModelCache())
    other.replace(path)
    survey_job(opened, JobContext(store=store))
    after, looked = surveyed(spec, store)
    assert looked == 8 and as_bits(after) == as_bits(surveyed(spec, NoStore())[0])


def test_what_is_found_is_reported_at_once_and_stops_for_a_cancelled_job(
    plate: str, store: DiskCheckpoints
) -> None:
    """Found frames take no time, and must not tell the supervisor how long a frame takes."""
    surveyed(job_of(plate, "1001-1023"), store)
    reports = job_samples.Reports("survey", 10**6)
    survey_job(plan_job(job_of(plate), ModelCache()), JobContext(report=reports, store=store))
    done = [report.done for report in reports.all if report.stage == "survey"]
    assert done == list(range(23, 40))
    stopped = JobContext(cancelled=lambda: True, store=store)
    with pytest.raises(JobWasCancelled):
        survey_job(plan_job(job_of(plate), ModelCache()), stopped)


@pytest.mark.parametrize(
    "change",
    [
        {"colour": job_samples.SDR},
        {"colour": replace(job_samples.LINEAR, space="ACEScg")},
        {"faces": FaceChoice("box", boxes=(job_samples.BOX,))},
    ],
)
def test_other_colours_and_another_choice_of_faces_are_another_survey(
    change: dict[str, object], plate: str, store: DiskCheckpoints
) -> None:
    surveyed(job_of(plate), store)
    found, looked = surveyed(job_of(plate, **change), store)
    assert looked == 39
    assert as_bits(found) == as_bits(surveyed(job_of(plate, **change), NoStore())[0])


@pytest.mark.parametrize("harm", [b"", b"no tensors", None])
def test_a_damaged_block_is_looked_at_again(harm: bytes | None, plate: str, store: DiskCheckpoints) -> None:
    first, _ = surveyed(job_of(plate), store)
    (*_, path) = sorted((Path(plate).parents[1] / "checkpoints" / "survey").iterdir())
    path.write_bytes(path.read_bytes()[:-100] if harm is None else harm)
    again, looked = surveyed(job_of(plate), store)
    assert looked in (7, 16) and as_bits(again) == as_bits(first)


def test_a_store_with_something_else_under_the_name_is_no_trouble(plate: str) -> None:
    class Other(NoStore):
        def load(self, name: str) -> torch.Tensor | None:
            return torch.arange(60, dtype=torch.uint8)

    class Floats(NoStore):
        def load(self, name: str) -> torch.Tensor | None:
            return torch.zeros(3)

    for store in (Other(), Floats()):
        _, looked = surveyed(job_of(plate, "1001-1007"), store)
        assert looked == 7


def test_looks_come_back_from_their_bytes_as_they_went() -> None:
    rng = np.random.default_rng(3)
    face = FaceBox(x=1.1, y=-2.7, width=33.3, height=31.9, score=-0.123456789)
    small = rng.integers(0, 255, (9, 16, 3), np.uint8)
    thumbnail = Thumbnail(rng.normal(size=(9, 16)).astype(np.float32), Window(-5, 3, 160, 90))
    looks = {-3: SurveyedFrame(small, thumbnail, [face, face]), 4: SurveyedFrame(small, thumbnail, None)}
    back = unpacked(packed(looks), {-3: True, 4: False})
    assert back is not None and back[-3].faces == [face, face] and back[4].faces is None
    assert [type(value) for value in vars(back[-3].faces[0]).values()] == [float] * 5
    for frame, look in back.items():
        assert look.thumbnail.window == Window(-5, 3, 160, 90)
        np.testing.assert_array_equal(look.small, looks[frame].small)
        np.testing.assert_array_equal(look.thumbnail.luminance, looks[frame].thumbnail.luminance)
    assert (
        unpacked(as_file({**tensors_of(packed(looks)), "4/window": np.full(4, np.inf)}), {4: False}) is None
    )
    assert unpacked(packed(looks), {4: True}) is None and unpacked(packed(looks), {5: False}) is None


def test_blocks_end_at_the_same_frames_wherever_a_run_begins() -> None:
    assert [*blocks_of(range(1001, 1025))] == [range(1001, 1008), range(1008, 1024), range(1024, 1025)]
    assert [*blocks_of(range(-3, 4))] == [range(-3, 0), range(4)]
    assert Counter(frame for block in blocks_of(range(5, 80)) for frame in block) == Counter(range(5, 80))


def test_every_module_of_ours_that_the_survey_loads_is_part_of_its_key(plate: str) -> None:
    code = (
        "import sys\n"
        "import svfr_restore.plan.survey\n"
        "from svfr_restore.media.plate import open_plate\n"
        f"open_plate({plate!r}).read(1001)\n"
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in out.split() if name.startswith(OURS)}
    assert len(ours) > 40 and ours <= {name for name, _ in survey_sources()}
    assert not {name for name, _ in survey_sources() if name.startswith("svfr_server")}
