"""What is refused before it costs anything: pipes, long names, large pictures, crop tracks without end."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import job_samples
import pytest
from field_samples import frame_job, write_exr

from svfr_client.errors import SvfrError
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.errors import (
    CropTrackFileIsBad,
    FrameCannotBeRead,
    InputIsNoFile,
    JobNeedsMoreMemory,
    NameIsTooLong,
    PictureIsTooLarge,
)
from svfr_restore.media.plate import open_plate
from svfr_restore.media.regular_file import require_size
from svfr_restore.plan.memory_cost import require_job_memory
from svfr_restore.plan.models import ModelCache


def test_names_too_long_for_the_disk_are_found_before_anything_is_computed(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR)
    with pytest.raises(NameIsTooLong, match="255"):
        job_samples.run(replace(spec, output=str(tmp_path / ("漢" * 90 + ".%04d.exr"))))
    longest = str(tmp_path / ("y" * 246 + ".%04d.exr"))
    assert len(job_samples.run(replace(spec, output=longest)).outputs) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_the_place_of_an_input_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("p.exr", "p.png", "p.mov", "tracks.json"):
        os.mkfifo(tmp_path / name)
    for name in ("p.exr", "p.png", "p.mov"):
        with pytest.raises(InputIsNoFile):
            open_plate(str(tmp_path / name))
    with pytest.raises(InputIsNoFile):
        read_tracks(tmp_path / "tracks.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_in_the_first_place_of_a_sequence_is_refused_with_its_frame(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "s.0001.exr")
    with pytest.raises(SvfrError) as refused:
        open_plate(str(tmp_path / "s.%04d.exr"))
    assert refused.value.remedy
    write_exr(tmp_path / "s.0002.exr")
    plate = open_plate(str(tmp_path / "s.%04d.exr"))
    with pytest.raises(SvfrError) as refused:
        plate.read(1)
    assert refused.value.frame == 1 and refused.value.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="other disks hold Unicode names alone")
@pytest.mark.parametrize("ending", ["exr", "png"])
def test_a_name_that_is_no_unicode_is_refused_in_words(tmp_path: Path, ending: str) -> None:
    path = Path(write_exr(tmp_path / "named.0001.exr")).rename(tmp_path / f"caf\udce9.{ending}")
    with pytest.raises(FrameCannotBeRead, match="not Unicode") as refused:
        open_plate(str(path))
    assert "Rename" in refused.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"format": 1, "tracks": [{"index": 1' + "0" * 30 + "}]}",
        '{"format": 1, "tracks": [{"index": 0, "first_frame": 1, "centre_x": [1' + "0" * 5000 + "]}]}",
        '{"format": 1, "tracks": [{"index": 0, "first_frame": 1, "centre_x": 1, "centre_y": 1, '
        '"side_px": 1e300}]}',
    ],
    ids=["deep", "index", "digits", "side"],
)
def test_crop_tracks_have_bounds(body: str, tmp_path: Path) -> None:
    (tmp_path / "tracks.json").write_text(body)
    with pytest.raises(CropTrackFileIsBad):
        read_tracks(tmp_path / "tracks.json")


def test_a_picture_larger_than_any_plate_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SVFR_JOB_MEMORY_MIB", "100000")  # else small machines refuse the largest plate
    for width, height, channels in ((30_000, 30_000, 3), (100_000, 1, 3), (10, 10, 5000)):
        with pytest.raises(PictureIsTooLarge, match=f"{width} x {height}"):
            require_size(width, height, channels, Path("bomb.png"), 1)
    require_size(16_384, 8_640, 40, Path("large.exr"), 1)


def test_a_picture_that_needs_more_than_a_job_may_take_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR)
    monkeypatch.setenv("SVFR_JOB_MEMORY_MIB", "100")
    with pytest.raises(JobNeedsMoreMemory, match="a job may take") as raised:
        job_samples.run(spec)
    assert raised.value.frame == 1 and "--worker-memory-mib" in str(raised.value.remedy)
    monkeypatch.setenv("SVFR_JOB_MEMORY_MIB", "2000")
    job_samples.run(spec)


def test_a_model_and_its_frames_are_held_to_the_budget_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelCache().spec("mini")
    monkeypatch.setenv("SVFR_JOB_MEMORY_MIB", "4000")
    require_job_memory(model, plate_pixels=1920 * 1080, longest_track=100, device="cpu")
    with pytest.raises(JobNeedsMoreMemory, match="100000000 frames"):
        require_job_memory(model, plate_pixels=1920 * 1080, longest_track=100_000_000, device="cpu")
    require_job_memory(model, plate_pixels=1920 * 1080, longest_track=100_000_000, device="cuda")
