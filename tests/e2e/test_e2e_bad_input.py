"""Every bad input is a typed error that names the frame or file and a remedy, before anything is written."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import e2e_plates
import pytest
from e2e_service import Service

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.job import ColourClaim, FaceChoice, JobSpec

FIRST, LAST = 1001, 1004


@pytest.fixture(scope="module")
def shared_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "plate"
    e2e_plates.write_sequence(folder)
    return folder


@pytest.fixture
def good(shared_plate: Path, tmp_path: Path) -> JobSpec:
    """A job that would work, over a plate of its own that a test may damage."""
    shutil.copytree(shared_plate, tmp_path / "plate")
    return JobSpec(
        plate=str(tmp_path / "plate" / "shot.%04d.exr"),
        frames=f"{FIRST}-{LAST}",
        tasks=("bfr",),
        output=str(tmp_path / "out" / "shot.%04d.exr"),
        colour=ColourClaim(space="lin_rec709_scene"),
        model="identity",
    )


def refused(service: Service, spec: JobSpec) -> SvfrError:
    """Run a job that must fail; nothing may lie under its output's names."""
    before = {path: path.stat().st_mtime_ns for path in Path(spec.plate).parent.glob("*")}
    with pytest.raises(SvfrError) as caught:
        service.run(spec)
    output = Path(spec.output).parent
    if output != Path(spec.plate).parent and output.is_dir():
        assert list(output.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in Path(spec.plate).parent.glob("*")} == before
    return caught.value


def problems(error: SvfrError) -> list[SvfrError]:
    return list(error.problems) if isinstance(error, SeveralProblems) else [error]


def only(error: SvfrError, code: str) -> SvfrError:
    found = problems(error)
    assert [problem.code for problem in found] == [code]
    assert found[0].remedy
    return found[0]


def test_the_job_that_the_others_spoil_works(service: Service, good: JobSpec) -> None:
    assert service.result(good)["frames_written"] == 4


def test_a_missing_frame(service: Service, good: JobSpec) -> None:
    Path(good.plate % 1003).unlink()
    assert only(refused(service, good), "FRAME_MISSING").frame == 1003


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 0.99])
def test_a_truncated_or_empty_frame(service: Service, good: JobSpec, share: float) -> None:
    path = Path(good.plate % 1002)
    os.truncate(path, int(path.stat().st_size * share))
    found = problems(refused(service, good))
    assert [problem.frame for problem in found] == [1002]
    assert found[0].code in ("FRAME_TRUNCATED", "FRAME_UNREADABLE")
    assert found[0].path == str(path) and found[0].remedy


def test_a_deep_frame(service: Service, good: JobSpec) -> None:
    e2e_plates.write_deep(Path(good.plate % 1002))
    assert only(refused(service, good), "DEEP_EXR").frame == 1002


def test_a_frame_of_another_size(service: Service, good: JobSpec) -> None:
    e2e_plates.write(Path(good.plate % 1004), e2e_plates.picture(True)[:100])
    assert only(refused(service, good), "FRAME_SIZE_DIFFERS").frame == 1004


@pytest.mark.parametrize(
    ("frames", "code"), [("", "EMPTY_FRAME_RANGE"), ("5-1", "BAD_FRAME_RANGE"), ("x", "BAD_FRAME_RANGE")]
)
def test_a_range_that_is_none(service: Service, good: JobSpec, frames: str, code: str) -> None:
    with pytest.raises(SvfrError) as caught:
        service.run(replace(good, frames=frames))
    assert caught.value.code == code and caught.value.remedy


def test_a_range_outside_the_plate(service: Service, good: JobSpec) -> None:
    found = problems(refused(service, replace(good, frames="2001-2002")))
    assert {problem.code for problem in found} <= {"FRAME_MISSING", "EMPTY_RANGE"}
    assert found[0].frame == 2001


def test_no_face_in_any_frame(service: Service, good: JobSpec) -> None:
    for frame in range(FIRST, LAST + 1):
        e2e_plates.write(Path(good.plate % frame), e2e_plates.picture(False))
    error = only(refused(service, good), "NO_FACE")
    assert "box" in error.remedy


def test_no_face_in_some_frames_is_no_error(service: Service, good: JobSpec) -> None:
    e2e_plates.write(Path(good.plate % 1001), e2e_plates.picture(False))
    assert service.result(good)["frames_written"] == 4


def with_mask(good: JobSpec, mask: str) -> JobSpec:
    return replace(good, tasks=("inpaint",), mask_path=mask)


def test_a_mask_of_another_size(service: Service, good: JobSpec, tmp_path: Path) -> None:
    mask = e2e_plates.write_mattes(tmp_path / "mask", range(FIRST, LAST + 1), width=100, height=50)
    found = problems(refused(service, with_mask(good, mask)))
    assert {problem.code for problem in found} == {"MASK_SIZE_DIFFERS"}
    assert "100" in found[0].message and "480" in found[0].message


def test_a_mask_sequence_with_gaps(service: Service, good: JobSpec, tmp_path: Path) -> None:
    mask = e2e_plates.write_mattes(tmp_path / "mask", range(FIRST, LAST + 1))
    Path(mask % 1002).unlink()
    error = only(refused(service, with_mask(good, mask)), "MASK_FRAMES_MISSING")
    assert "1002" in str(error)


def test_an_unknown_colour_space(service: Service, good: JobSpec) -> None:
    error = only(
        refused(service, replace(good, colour=ColourClaim(space="no such space"))), "UNKNOWN_COLOUR_SPACE"
    )
    assert "no such space" in error.message


def test_a_plate_without_any_colour_space(service: Service, good: JobSpec) -> None:
    error = only(refused(service, replace(good, colour=ColourClaim())), "UNKNOWN_COLOUR_SPACE")
    assert "--colorspace" in error.remedy


def test_a_missing_config(service: Service, good: JobSpec, tmp_path: Path) -> None:
    claim = ColourClaim(space="lin_rec709_scene", config=str(tmp_path / "none.ocio"))
    assert only(refused(service, replace(good, colour=claim)), "CONFIG_MISSING").path == str(
        tmp_path / "none.ocio"
    )


def test_an_unknown_model(service: Service, good: JobSpec) -> None:
    error = only(refused(service, replace(good, model="no-such-model")), "MODEL_MISSING")
    assert "identity" in error.message


def spoil_spec(folder: Path) -> None:
    (folder / "model.json").write_text("{", encoding="utf-8")


def drop_spec(folder: Path) -> None:
    (folder / "model.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"), [(spoil_spec, "MODEL_SPEC_INVALID"), (drop_spec, "MODEL_MISSING")]
)
def test_a_corrupted_model_folder(
    service: Service, good: JobSpec, tmp_path: Path, spoil: Callable[[Path], None], code: str
) -> None:
    from svfr.models.folder import find_model

    folder = tmp_path / "broken"
    shutil.copytree(find_model("identity"), folder)
    spoil(folder)
    assert str(folder) in str(only(refused(service, replace(good, model=str(folder))), code))


def test_an_output_that_cannot_be_written(service: Service, good: JobSpec, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    spec = replace(good, output=str(tmp_path / "file" / "sub" / "shot.%04d.exr"))
    with pytest.raises(SvfrError) as caught:
        service.run(spec)
    assert only(caught.value, "OUTPUT_NOT_WRITABLE").path


def test_an_output_that_is_the_plate(service: Service, good: JobSpec) -> None:
    for existing in ("error", "overwrite"):
        error = refused(service, replace(good, output=good.plate, existing=existing))
        assert "OUTPUT_EQUALS_PLATE" in {problem.code for problem in problems(error)}


def test_outputs_that_exist_are_kept_unless_the_job_says_so(service: Service, good: JobSpec) -> None:
    service.result(good)
    first = Path(good.output % 1001)
    written = first.read_bytes()
    with pytest.raises(SvfrError) as caught:
        service.run(good)
    only(caught.value, "OUTPUT_EXISTS")
    assert first.read_bytes() == written
    assert service.result(replace(good, existing="overwrite"))["frames_written"] == 4


def test_everything_wrong_is_found_together(service: Service, good: JobSpec, tmp_path: Path) -> None:
    Path(good.plate % 1003).unlink()
    os.truncate(good.plate % 1002, 0)
    spec = replace(
        good,
        model="no-such-model",
        colour=ColourClaim(space="no such space"),
        mask_path=str(tmp_path / "no" / "mask.%04d.exr"),
        tasks=("inpaint",),
    )
    found = problems(refused(service, spec))
    codes = {problem.code for problem in found}
    assert {"FRAME_MISSING", "MODEL_MISSING", "UNKNOWN_COLOUR_SPACE"} <= codes
    assert {problem.frame for problem in found} >= {1002, 1003}
    assert any(code.startswith("MASK") for code in codes)
    assert all(problem.remedy for problem in found)


def test_missing_frames_may_be_held_or_skipped(service: Service, good: JobSpec) -> None:
    Path(good.plate % 1003).unlink()
    assert service.result(replace(good, missing="hold"))["frames_written"] == 4
    again = replace(good, missing="skip", existing="overwrite")
    assert service.result(again)["frames_written"] == 3


def test_pixel_aspect_other_than_one_works(service: Service, tmp_path: Path, good: JobSpec) -> None:
    squeezed = e2e_plates.picture(True)[:, ::2].copy()
    for frame in (1001, 1002, 1003, 1004):
        e2e_plates.write(Path(good.plate % frame), squeezed, pixel_aspect=2.0)
    result = service.result(good)
    assert (result["frames_written"], result["counts"]["crops_cut"]) == (4, 4)


def test_a_box_needs_no_face(service: Service, good: JobSpec) -> None:
    from svfr_client.job import Box

    for frame in range(FIRST, LAST + 1):
        e2e_plates.write(Path(good.plate % frame), e2e_plates.picture(False))
    boxed = replace(good, faces=FaceChoice("box", boxes=(Box(10, 10, 100, 100),)))
    assert service.result(boxed)["frames_written"] == 4
