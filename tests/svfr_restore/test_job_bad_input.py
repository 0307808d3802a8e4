"""What cannot work is told before the model runs, everything together, and nothing is written."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import job_samples
import numpy as np
import pytest
from job_samples import Reports

from svfr.models.spec import Preset
from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec, Reference
from svfr_restore.plan.models import ModelCache
from svfr_restore.work_pool import thread_count

pytestmark = pytest.mark.usefixtures("scratch")


@pytest.fixture
def good(plate: str, tiny_model: str, tmp_path: Path) -> JobSpec:
    """A job with a plate of its own that would work."""
    copies = tmp_path / "plate"
    copies.mkdir()
    for frame in range(1001, 1005):
        shutil.copy(plate % frame, copies)
    return job_samples.job(str(copies / "shot.%04d.exr"), tmp_path / "out", model=tiny_model)


def tree(folder: Path) -> dict[Path, tuple[int, int]]:
    stats = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items() if path.is_file()}


def refusal(spec: JobSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[SvfrError]:
    """The problems of a job that must fail without loading its model or writing anything."""
    monkeypatch.setattr(ModelCache, "get", lambda *_: pytest.fail("the model was loaded"))
    before, folders = tree(folder), {path for path in folder.rglob("*") if path.is_dir()}
    with pytest.raises(SvfrError) as caught:
        job_samples.run(spec)
    assert tree(folder) == before
    assert {path for path in folder.rglob("*") if path.is_dir()} == folders
    error = caught.value
    problems = list(error.problems) if isinstance(error, SeveralProblems) else [error]
    assert all(problem.remedy for problem in problems), [str(p) for p in problems]
    return problems


def test_everything_wrong_is_told_together(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(good.plate % 1002).unlink()
    truncated = Path(good.plate % 1003)
    truncated.write_bytes(truncated.read_bytes()[:-300])
    Path(good.plate % 1004).write_bytes(b"")
    mask = job_samples.write_mattes(tmp_path / "mask", (1001, 1002, 1004), size=(40, 50))
    spec = dataclasses.replace(
        good,
        tasks=("bfr", "inpaint"),
        mask_path=mask,
        output=good.plate,
        model="nobody-has-this",
        colour=ColourClaim(space="no such space"),
        faces=FaceChoice("box", boxes=(Box(500.0, 10.0, 20.0, 20.0),)),
        crop_tracks=None,
        references=(Reference(photo=str(tmp_path / "none.jpg")),),
    )
    problems = refusal(spec, tmp_path, monkeypatch)
    found = {(problem.code, problem.frame) for problem in problems}
    assert found >= {
        ("FRAME_MISSING", 1002),
        ("FRAME_TRUNCATED", 1003),
        ("FRAME_TRUNCATED", 1004),
        ("MASK_FRAMES_MISSING", 1003),
        ("MASK_SIZE_DIFFERS", 1001),
        ("OUTPUT_EQUALS_PLATE", 1001),
        ("MODEL_MISSING", None),
        ("UNKNOWN_COLOUR_SPACE", None),
        ("EMPTY_BOX", None),
        ("BAD_REFERENCE", None),
    }


def test_a_plate_without_a_face_is_told_beside_other_problems(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = dataclasses.replace(good, faces=FaceChoice("largest"))
    assert [p.code for p in refusal(spec, tmp_path, monkeypatch)] == ["NO_FACE"]
    spec = dataclasses.replace(spec, model="nobody-has-this")
    assert {p.code for p in refusal(spec, tmp_path, monkeypatch)} == {"MODEL_MISSING", "NO_FACE"}


def test_a_preset_that_skips_work_is_refused_to_the_official_sampler(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Preset(2, 2, initial_noise=1.0, guidance=2.0, deep_every=2)
    presets = {"draft": draft, "standard": draft, "final": dataclasses.replace(draft, deep_every=1)}
    model = job_samples.written_again(good.model, tmp_path / "model", presets=presets)
    spec = dataclasses.replace(good, model=model, sampler="official", preset="draft")
    assert [p.code for p in refusal(spec, tmp_path, monkeypatch)] == ["PRESET_NOT_OFFICIAL"]
    spec = dataclasses.replace(spec, colour=ColourClaim())
    assert {p.code for p in refusal(spec, tmp_path, monkeypatch)} == {
        "PRESET_NOT_OFFICIAL",
        "UNKNOWN_COLOUR_SPACE",
    }


def test_a_mask_that_is_empty_everywhere_is_no_region(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = tmp_path / "empty.exr"
    job_samples.write_exr(mask, np.zeros((job_samples.HEIGHT, job_samples.WIDTH, 1), np.float32))
    spec = dataclasses.replace(good, faces=FaceChoice("mask"), mask_path=str(mask))
    assert [p.code for p in refusal(spec, tmp_path, monkeypatch)] == ["EMPTY_MASK"]
    spec = dataclasses.replace(spec, preset="hasty")
    problems = refusal(dataclasses.replace(spec, model="nobody-has-this"), tmp_path, monkeypatch)
    assert {p.code for p in problems} == {"MODEL_MISSING", "EMPTY_MASK"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"frames": ""}, "EMPTY_FRAME_RANGE"),
        ({"frames": "2001-2004", "missing": "skip"}, "EMPTY_RANGE"),
        ({"frames": "2001-2004", "missing": "hold"}, "FRAME_MISSING"),
        ({"preset": "hasty"}, "UNKNOWN_PRESET"),
        ({"detail": 0.5}, "MODEL_HAS_NO_DETAIL"),
        ({"colour": ColourClaim()}, "UNKNOWN_COLOUR_SPACE"),
        ({"colour": ColourClaim(space="ACEScg", config="nowhere.ocio")}, "CONFIG_MISSING"),
        ({"colour": ColourClaim(space="Raw")}, "DATA_IS_NOT_COLOUR"),
        ({"plate": "nowhere.%04d.exr"}, "PLATE_NOT_FOUND"),
        ({"sampler": "official", "frames": "1001"}, "SHOT_TOO_SHORT"),
        ({"references": (Reference(track=3, frame=1001),)}, "FACE_TRACK_NOT_FOUND"),
        ({"references": (Reference(frame=1009),)}, "BAD_REFERENCE"),
        ({"output": "same_for_all.exr"}, "BAD_PATH_PATTERN"),
    ],
    ids=str,
)
def test_each_is_told_by_its_code(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    problems = refusal(dataclasses.replace(good, **changes), tmp_path, monkeypatch)
    assert [problem.code for problem in problems] == [code]


def test_a_bad_range_hides_no_other_problem(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = dataclasses.replace(good, frames="5-1", model="nobody-has-this", output=good.plate)
    codes = {problem.code for problem in refusal(spec, tmp_path, monkeypatch)}
    assert codes == {"BAD_FRAME_RANGE", "MODEL_MISSING", "OUTPUT_EQUALS_PLATE"}


def spoil_weights(folder: Path) -> None:
    weights = folder / "unet.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)


def drop_weights(folder: Path) -> None:
    (folder / "identity.safetensors").unlink()


def change_shape(folder: Path) -> None:
    body = json.loads((folder / "model.json").read_text())
    body["unet"]["block_out_channels"] = [32, 64]
    (folder / "model.json").write_text(json.dumps(body))


def forget_weights(folder: Path) -> None:
    body = json.loads((folder / "model.json").read_text())
    del body["files"]["unet.safetensors"]
    (folder / "model.json").write_text(json.dumps(body))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (spoil_weights, "MODEL_FILE_CORRUPTED"),
        (drop_weights, "MODEL_FILE_MISSING"),
        (change_shape, "MODEL_SHAPES_WRONG"),
        (forget_weights, "MODEL_SPEC_INVALID"),
    ],
)
def test_a_corrupted_model_folder(
    good: JobSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    code: str,
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(good.model, folder)
    spoil(folder)
    problems = refusal(dataclasses.replace(good, model=str(folder)), tmp_path, monkeypatch)
    assert code in {problem.code for problem in problems}


def test_a_model_that_was_sound_is_looked_at_again_when_a_file_changes(good: JobSpec, tmp_path: Path) -> None:
    folder, models = tmp_path / "model", ModelCache()
    shutil.copytree(good.model, folder)
    assert models.problems(str(folder)) == []
    spoil_weights(folder)
    assert [problem.code for problem in models.problems(str(folder))] == ["MODEL_FILE_CORRUPTED"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "BAD_CROP_TRACK"),
        ('{"format": 1, "tracks": []}', "BAD_CROP_TRACK"),
        (
            '{"format": 1, "tracks": [{"index": 0, "first_frame": 1, '
            '"centre_x": 30, "centre_y": 30, "side_px": 32}]}',
            "FACE_TRACK_NOT_FOUND",
        ),
    ],
)
def test_a_crop_track_file_that_gives_no_crop(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: str
) -> None:
    path = tmp_path / "tracks.json"
    path.write_text(body, encoding="utf-8")
    problems = refusal(dataclasses.replace(good, crop_tracks=str(path)), tmp_path, monkeypatch)
    assert [(problem.code, problem.path) for problem in problems] == [(code, str(path))]


def test_a_face_that_the_crop_track_file_does_not_have(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1010)
    spec = dataclasses.replace(good, crop_tracks=tracks, faces=FaceChoice("index", indices=(1, 7)))
    (problem,) = refusal(spec, tmp_path, monkeypatch)
    assert problem.code == "FACE_TRACK_NOT_FOUND" and "7" in problem.message and "0, 1" in problem.remedy


def test_crops_that_do_not_fit_on_the_disk_are_told_before_the_model_runs(
    good: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svfr_restore.crops import spool

    class NearlyFull:
        """One byte less than the prepared and the restored crops of four frames."""

        @staticmethod
        def disk_usage(_: Path) -> SimpleNamespace:
            return SimpleNamespace(free=2 * 4 * 32 * 32 * 12 - 1)

    monkeypatch.setattr(spool, "shutil", NearlyFull)
    assert [p.code for p in refusal(good, tmp_path, monkeypatch)] == ["DISK_SPACE_SHORT"]


def test_nothing_is_written_by_a_job_that_is_cancelled_before_it_writes(
    good: JobSpec, tmp_path: Path
) -> None:
    for frame in range(1005, 1021):
        shutil.copy(good.plate % 1001, good.plate % frame)
    for stage in ("survey", "crop", "encode", "reference", "denoise", "decode"):
        spec = dataclasses.replace(good, frames="1001-1020") if stage in ("survey", "crop") else good
        reports = Reports(stage, 1)
        with pytest.raises(SvfrError) as caught:
            job_samples.run(spec, reports=reports)
        assert caught.value.code == "CANCELLED"
        assert not (tmp_path / "out").exists()
        # Frames are looked at and cropped by threads, each of which ends what it is at and begins nothing.
        # Every other stage ends with the window that it is in.
        most = thread_count() if stage in ("survey", "crop") else 2
        assert len(reports.progress(stage)) <= most, stage


def test_a_cancelled_write_leaves_only_whole_frames(plate: str, tmp_path: Path) -> None:
    class CancelledByTheFirstFrame(Reports):
        def cancelled(self) -> bool:
            return any(report.kind == "frame" for report in self.all)

    with pytest.raises(SvfrError):
        spec = job_samples.job(plate, tmp_path / "out", "1001-1020")
        job_samples.run(spec, reports=CancelledByTheFirstFrame())
    left = sorted((tmp_path / "out").iterdir())
    assert 1 <= len(left) <= thread_count()  # each thread ends the frame that it is at
    for path in left:
        job_samples.read_exr(path)
