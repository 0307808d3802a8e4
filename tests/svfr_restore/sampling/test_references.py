"""A user's own reference takes the place of pass 1, for the face it is meant for."""

from pathlib import Path

import job_samples
import numpy as np
import pytest
from job_samples import MemoryStore, Reports

from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec, Reference
from svfr_restore.errors import ReferenceCannotBeUsed

pytestmark = pytest.mark.usefixtures("scratch")


@pytest.fixture
def two(plate: str, tiny_model: str, tmp_path: Path) -> JobSpec:
    """Two faces; face 0 enters at 1005."""
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1008)
    return job_samples.job(plate, tmp_path / "out", "1001-1008", model=tiny_model, crop_tracks=tracks)


def with_references(spec: JobSpec, *references: Reference) -> JobSpec:
    from dataclasses import replace

    return replace(spec, references=references, existing="overwrite")


def crops_of(spec: JobSpec, box: Box) -> np.ndarray:
    paths = [Path(spec.output % frame) for frame in range(1005, 1009)]
    rows, columns = slice(int(box.y), int(box.y + box.height)), slice(int(box.x), int(box.x + box.width))
    return job_samples.read_all(paths)[:, rows, columns]


FACE_0, FACE_1 = Box(4.0, 4.0, 26.0, 15.0), Box(40.0, 37.0, 20.0, 10.0)  # parts that no other face touches


def test_a_frame_for_one_face_replaces_its_pass_1_and_leaves_the_other(two: JobSpec) -> None:
    without = job_samples.run(two)
    before = crops_of(two, FACE_0), crops_of(two, FACE_1)
    given = job_samples.run(with_references(two, Reference(track=0, frame=1006)))
    after = crops_of(two, FACE_0), crops_of(two, FACE_1)
    assert without.counts["reference_windows"] == 4 and given.counts["reference_windows"] == 2
    assert not np.array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1].view(np.uint16), after[1].view(np.uint16))


def test_each_face_has_its_own(two: JobSpec) -> None:
    references = Reference(track=0, frame=1006), Reference(track=1, frame=1002)
    result = job_samples.run(with_references(two, *references))
    assert result.counts["reference_windows"] == 0 and result.counts["denoise_windows"] > 0


def test_a_frame_for_all_serves_those_who_are_in_it_and_the_others_are_told(two: JobSpec) -> None:
    reports = Reports()
    result = job_samples.run(with_references(two, Reference(frame=1002)), reports=reports)
    assert result.counts["reference_windows"] == 2  # face 0 makes its own
    assert any("Face 0" in text and "1002" in text for text in reports.warnings)


def test_another_reference_frame_is_computed_again_with_the_same_store(two: JobSpec) -> None:
    store = MemoryStore()
    first = job_samples.run(with_references(two, Reference(track=1, frame=1002)), store)
    same = job_samples.run(with_references(two, Reference(track=1, frame=1002)), store)
    other = job_samples.run(with_references(two, Reference(track=1, frame=1003)), store)
    assert first.counts["denoise_windows"] > 0 and same.counts["denoise_windows"] == 0
    assert other.counts["denoise_windows"] > 0 and other.counts["reference_windows"] == 0


def test_a_face_that_is_not_in_its_reference_frame_is_an_error(two: JobSpec) -> None:
    with pytest.raises(ReferenceCannotBeUsed) as caught:
        job_samples.run(with_references(two, Reference(track=0, frame=1002)))
    assert caught.value.frame == 1002 and "1005 to 1008" in caught.value.message


def test_a_reference_without_colours_is_warned_of_where_colours_are_asked_for(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    pattern = str(tmp_path / "grey" / "shot.%04d.exr")
    for frame in (1001, 1002):
        grey = np.repeat(job_samples.picture(frame)[..., :1], 3, axis=-1)
        job_samples.write_exr(Path(pattern % frame), grey)
    for source, warned in ((pattern, 1), (plate, 0)):
        spec = job_samples.job(
            source, tmp_path / "out", "1001-1002", model=tiny_model, tasks=("colorize",), existing="overwrite"
        )
        reports = Reports()
        job_samples.run(with_references(spec, Reference(frame=1001)), reports=reports)
        assert sum("frame 1001 has no colours" in text for text in reports.warnings) == warned


def portrait() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[0:240, 110:350], np.float32) / np.float32(255)


def test_a_photo_is_searched_for_its_face(two: JobSpec, tmp_path: Path) -> None:
    import cv2

    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.rint(portrait()[..., ::-1] * 255))
    result = job_samples.run(with_references(two, Reference(photo=str(photo))))
    assert result.counts["reference_windows"] == 0


def test_a_photo_in_linear_light_is_exposed_for_its_face(tmp_path: Path) -> None:
    from svfr_ocio.config import open_config
    from svfr_ocio.curve import decode_srgb
    from svfr_restore.plan.photo import photo_reference

    config = open_config(None)
    linear = config.resolve("lin_rec709_scene")
    pictures = []
    for stops in (-1.0, -4.0):
        path = job_samples.write_exr(
            tmp_path / f"{stops}.exr", decode_srgb(portrait()) * np.float32(2.0**stops)
        )
        pictures.append(photo_reference(path, 64, config, linear))
    assert pictures[0].shape == (3, 64, 64)
    assert float((pictures[0] - pictures[1]).abs().max()) < 0.01


def test_a_photo_without_a_face_is_told_with_everything_else(two: JobSpec, tmp_path: Path) -> None:
    from dataclasses import replace

    from svfr_client.errors import SeveralProblems

    photo = job_samples.write_exr(tmp_path / "grey.exr", np.full((100, 100, 3), 0.2, np.float32))
    spec = replace(with_references(two, Reference(photo=str(photo))), preset="hasty")
    with pytest.raises(SeveralProblems) as caught:
        job_samples.run(spec)
    assert {problem.code for problem in caught.value.problems} == {"BAD_REFERENCE", "UNKNOWN_PRESET"}


def test_the_same_box_takes_its_reference_from_another_shot(tiny_model: str, tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "shot.%04d.exr")
    for frame in range(1001, 1009):
        pixels = job_samples.picture(frame)
        job_samples.write_exr(Path(pattern % frame), pixels if frame < 1005 else 1.0 - pixels[::-1, :, ::-1])
    spec = job_samples.job(
        pattern,
        tmp_path / "out",
        "1001-1008",
        model=tiny_model,
        colour=ColourClaim(space="srgb_rec709_display"),
        faces=FaceChoice("box", boxes=(job_samples.BOX,)),
        references=(Reference(frame=1002),),
    )
    reports = Reports()
    result = job_samples.run(spec, reports=reports)
    assert len({r.total for r in reports.all if r.stage == "denoise"}) >= 1
    assert result.counts["reference_windows"] == 0 and reports.warnings == []
