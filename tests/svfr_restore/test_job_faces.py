"""Jobs whose crops come from detected faces: which are chosen, what is said about the rest."""

import dataclasses
from pathlib import Path

import cv2
import job_samples
import numpy as np
import pytest
from exr_samples import read_provenance
from job_samples import Reports
from skimage import data

from svfr_client.job import FaceChoice, JobSpec
from svfr_restore.errors import FaceTrackNotFound
from svfr_restore.reports import JobResult

pytestmark = pytest.mark.usefixtures("scratch")

LARGE, SMALL = slice(0, 240), slice(250, 400)  # the columns of the two faces


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """1001-1004: a large and a small face; 1005-1008, after a cut: nobody."""
    head = np.ascontiguousarray(data.astronaut()[0:240, 110:350], np.float32) / np.float32(255)
    small = cv2.resize(head, (150, 150), interpolation=cv2.INTER_AREA)
    pattern = str(tmp_path_factory.mktemp("crowd") / "shot.%04d.exr")
    for frame in range(1001, 1009):
        pixels = np.full((240, 400, 3), 0.35, np.float32)
        if frame < 1005:
            pixels[:, LARGE] = head
            pixels[45:195, SMALL] = small
        else:
            pixels = np.ascontiguousarray(job_samples.picture(frame, 240, 400)[::-1]) * np.float32(0.3)
        job_samples.write_exr(Path(pattern % frame), pixels)
    return pattern


def job(crowd: str, output: Path, faces: FaceChoice, frames: str = "1001-1008") -> JobSpec:
    return job_samples.job(crowd, output, frames, model="probe", colour=job_samples.SDR, faces=faces)


def changed_frames(result: JobResult, plate: str, columns: slice) -> list[int]:
    found = []
    for output in result.outputs:
        before, after = job_samples.read_exr(Path(plate % output.frame)), job_samples.read_exr(output.path)
        if (before.view(np.uint16) != after.view(np.uint16))[:, columns].any():
            found.append(output.frame)
    return found


def test_the_largest_face_of_a_shot_is_restored_and_an_empty_shot_is_told(crowd: str, tmp_path: Path) -> None:
    reports = Reports()
    result = job_samples.run(job(crowd, tmp_path, FaceChoice("largest")), reports=reports)
    assert result.tracks == (0,)
    assert changed_frames(result, crowd, LARGE) == [1001, 1002, 1003, 1004]
    assert result.counts["frames_written"] == 8 and result.counts["crops_cut"] == 4
    assert reports.warnings == ["Nothing to restore was found from frame 1005 to 1008."]


def test_all_faces_are_numbered_by_how_large_they_are(crowd: str, tmp_path: Path) -> None:
    spec = job(crowd, tmp_path, FaceChoice("all"), "1003-1004")
    result = job_samples.run(spec)
    assert result.tracks == (0, 1)
    assert changed_frames(result, crowd, SMALL) == changed_frames(result, crowd, LARGE) == [1003, 1004]
    stops = read_provenance(result.outputs[0].path)["svfr/exposure_stops"]
    assert stops == "0.0000,0.0000"  # SDR video is passed through


def test_one_face_by_its_number(crowd: str, tmp_path: Path) -> None:
    spec = job(crowd, tmp_path, FaceChoice("index", indices=(1,)), "1003-1004")
    result = job_samples.run(spec)
    assert result.tracks == (1,)
    assert changed_frames(result, crowd, SMALL) == [1003, 1004]
    assert changed_frames(result, crowd, slice(0, 120)) == []


def test_a_number_that_no_face_has(crowd: str, tmp_path: Path) -> None:
    spec = job(crowd, tmp_path / "out", FaceChoice("index", indices=(0, 9)), "1003-1004")
    with pytest.raises(FaceTrackNotFound, match="9"):
        job_samples.run(spec)
    assert not (tmp_path / "out").exists()


def test_a_dark_linear_plate_is_seen_and_exposed(crowd: str, tmp_path: Path) -> None:
    from svfr_client.job import ColourClaim
    from svfr_ocio.curve import decode_srgb

    pattern = str(tmp_path / "dark" / "shot.%04d.exr")
    for frame in (1003, 1004):
        codes = job_samples.read_exr(Path(crowd % frame)).astype(np.float32)
        job_samples.write_exr(Path(pattern % frame), decode_srgb(codes) * np.float32(2.0**-5))
    spec = dataclasses.replace(
        job(pattern, tmp_path / "out", FaceChoice("all"), "1003-1004"),
        colour=ColourClaim(space="lin_rec709_scene"),
    )
    result = job_samples.run(spec)
    stops = read_provenance(result.outputs[0].path)["svfr/exposure_stops"].split(",")
    assert result.tracks == (0, 1)
    assert all(2.0 < float(value) <= 5.0 for value in stops)  # each face by its own light


@pytest.mark.parametrize("last", ["even", "blurred"])
def test_a_last_frame_without_a_sighting_is_left_alone_when_even_and_named_when_not(
    crowd: str, tmp_path: Path, last: str
) -> None:
    """No cut: the face is small beside the tone that stays around it."""
    pattern = str(tmp_path / "end" / "shot.%04d.exr")
    head = job_samples.read_exr(Path(crowd % 1001)).astype(np.float32)[:, LARGE]
    for frame in (1001, 1002, 1003):
        pixels = np.full((480, 640, 3), 0.45, np.float32)
        if frame < 1003:
            pixels[120:360, 200:440] = head
        elif last == "blurred":
            pixels[120:360, 200:440] = cv2.GaussianBlur(head, (0, 0), 40.0)
        job_samples.write_exr(Path(pattern % frame), pixels)
    reports = Reports()
    spec = job(pattern, tmp_path / "out", FaceChoice("largest"), "1001-1003")
    result = job_samples.run(spec, reports=reports)
    is_named = [
        text.startswith("Face 0 was looked for and not seen in frame 1003,") for text in reports.warnings
    ]
    assert is_named == ([] if last == "even" else [True])
    restored = [1001, 1002] if last == "even" else [1001, 1002, 1003]
    assert changed_frames(result, pattern, slice(None)) == restored
