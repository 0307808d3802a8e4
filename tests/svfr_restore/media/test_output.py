"""Output paths, policies for existing files, and what is refused before a job starts."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from exr_samples import picture, write_plate

from svfr_client.errors import (
    BadPathPattern,
    OutputEqualsPlate,
    OutputExists,
    OutputIsNotWritable,
    SeveralProblems,
)
from svfr_client.output_names import newest_version, next_version, version_name
from svfr_restore.errors import DiskSpaceIsShort
from svfr_restore.media.output import estimate_bytes, plan_output
from svfr_restore.media.plate import Plate, open_plate

FRAMES = (1001, 1002, 1003)


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in FRAMES:
        write_plate(folder / f"shot.{frame}.exr", picture(8, 30))
    return open_plate(folder / "shot.%04d.exr")


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"there")


def test_a_sound_plan_names_its_files_and_creates_nothing(tmp_path: Path, plate: Plate) -> None:
    plan = plan_output(tmp_path / "out" / "v1" / "shot.####.exr", FRAMES, "error", plate)
    assert plan.path(1002) == tmp_path / "out" / "v1" / "shot.1002.exr"
    assert plan.estimated_bytes > 0
    assert not (tmp_path / "out").exists()
    plan.make_folders()
    assert (tmp_path / "out" / "v1").is_dir()


def test_scratch_files_of_a_killed_job_are_cleared_and_those_of_others_stay(
    tmp_path: Path, plate: Plate
) -> None:
    out = tmp_path / "out"
    left, of_another = (
        out / f".svfr-{hashlib.sha256(name).hexdigest()[:8]}-0123abcd.tmp.exr"
        for name in (b"shot.1002.exr", b"other.1002.exr")
    )
    for path in (left, of_another, out / "shot.1001.exr"):
        touch(path)
    plan_output(out / "shot.%04d.exr", FRAMES, "overwrite", plate).make_folders()
    assert not left.exists()
    assert of_another.exists() and (out / "shot.1001.exr").exists()


def test_one_frame_may_go_to_a_plain_name(tmp_path: Path, plate: Plate) -> None:
    assert plan_output(tmp_path / "one.exr", [1001], "error", plate).path(1001) == tmp_path / "one.exr"


@pytest.mark.parametrize("name", ["all.exr", "shot.%04d.png", "shot.%04d", "a.%04d.%04d.exr"])
def test_patterns_that_cannot_hold_the_frames_are_refused(tmp_path: Path, plate: Plate, name: str) -> None:
    with pytest.raises(BadPathPattern) as caught:
        plan_output(tmp_path / name, FRAMES, "error", plate)
    assert caught.value.remedy


def test_existing_outputs_are_refused_and_named(tmp_path: Path, plate: Plate) -> None:
    touch(tmp_path / "out" / "shot.1002.exr")
    with pytest.raises(OutputExists, match="1 output file is already there") as caught:
        plan_output(tmp_path / "out" / "shot.%04d.exr", FRAMES, "error", plate)
    assert caught.value.frame == 1002
    assert caught.value.path == str(tmp_path / "out" / "shot.1002.exr")


def test_existing_frames_outside_the_range_are_no_problem(tmp_path: Path, plate: Plate) -> None:
    touch(tmp_path / "out" / "shot.2000.exr")
    pattern = str(tmp_path / "out" / "shot.%04d.exr")
    assert plan_output(pattern, FRAMES, "error", plate).pattern == pattern
    assert plan_output(pattern, FRAMES, "version_up", plate).pattern == pattern


def test_overwrite_takes_the_path_as_it_is(tmp_path: Path, plate: Plate) -> None:
    touch(tmp_path / "out" / "shot.1002.exr")
    pattern = str(tmp_path / "out" / "shot.%04d.exr")
    assert plan_output(pattern, FRAMES, "overwrite", plate).pattern == pattern


@pytest.mark.parametrize(
    ("asked", "there", "new"),
    [
        ("shot.%04d.exr", ["shot.1002.exr"], "shot_v002.%04d.exr"),
        ("shot.%04d.exr", ["shot.1002.exr", "shot_v002.1001.exr"], "shot_v003.%04d.exr"),
        ("shot_####.exr", ["shot_1002.exr"], "shot_v002_####.exr"),
        ("%04d.exr", ["1001.exr"], "v002.%04d.exr"),
        ("shot_v001.%04d.exr", ["shot_v001.1001.exr"], "shot_v002.%04d.exr"),
        ("shot_v001.%04d.exr", ["shot_v001.1001.exr", "shot_v007.0001.exr"], "shot_v008.%04d.exr"),
        ("v9/a.%04d.exr", ["v9/a.1001.exr"], "v9/a_v002.%04d.exr"),
        ("v9/_####.exr", ["v9/_1001.exr"], "v9/v002_####.exr"),
        ("a_v001/a_v001.%04d.exr", ["a_v001/a_v001.1001.exr"], "a_v002/a_v002.%04d.exr"),
        ("lut_v003/a_V001.%04d.exr", ["lut_v003/a_V001.1001.exr"], "lut_v003/a_V002.%04d.exr"),
        ("a[1]_v001.####.exr", ["a[1]_v001.1001.exr", "a[1]_v002.1001.exr"], "a[1]_v003.####.exr"),
    ],
)
def test_version_up_writes_beside_what_is_there(
    tmp_path: Path, plate: Plate, asked: str, there: list[str], new: str
) -> None:
    for name in there:
        touch(tmp_path / "out" / name)
    plan = plan_output(str(tmp_path / "out" / asked), FRAMES, "version_up", plate)
    assert plan.pattern == str(tmp_path / "out" / new)
    assert (tmp_path / "out" / there[0]).read_bytes() == b"there"


@pytest.mark.parametrize(
    ("versions", "names"),
    [
        (
            [
                "a_v003_svfr/a_v003.%04d.exr",
                "a_v003_svfr/a_v003_v002.%04d.exr",
                "a_v003_svfr/a_v003_v003.%04d.exr",
            ],
            ["v001", "v002", "v003"],
        ),
        (["a_v003_svfr/b_v003.%04d.exr", "a_v003_svfr/b_v004.%04d.exr"], ["v003", "v004"]),
        (["b_svfr/b_v009.%04d.exr", "b_svfr/b_v010.%04d.exr"], ["v009", "v010"]),
        (
            [
                "a_v003_svfr/a_v003_1-50_v001/a_v003.%04d.exr",
                "a_v003_svfr/a_v003_1-50_v002/a_v003.%04d.exr",
            ],
            ["v001", "v002"],
        ),
        (
            ["a_v001_1-50_layers_v001/a_v001.%04d.exr", "a_v001_1-50_layers_v002/a_v001.%04d.exr"],
            ["v001", "v002"],
        ),
        (
            [f"a_v009/{name}.%04d.exr" for name in ("a", "a_v002", "a_v003")],
            ["v001", "v002", "v003"],
        ),
        (["a_v003/a_v003/a_v003.%04d.exr", "a_v003/a_v004/a_v004.%04d.exr"], ["v003", "v004"]),
        (["a_v003/v003/a_v003_b.%04d.exr", "a_v003/v003/a_v003_b_v002.%04d.exr"], ["v001", "v002"]),
    ],
)
def test_only_a_results_own_version_rises_and_never_one_of_the_plate(
    tmp_path: Path, versions: list[str], names: list[str]
) -> None:
    patterns = [str(tmp_path / "a_v003" / "v001" / version) for version in versions]
    assert [version_name(pattern) for pattern in patterns] == names
    for number, pattern in enumerate(patterns):
        touch(Path(pattern % 1001))
        assert newest_version(patterns[0]) == pattern
        assert next_version(patterns[0]) == [*patterns, next_version(pattern)][number + 1]


def test_a_version_in_the_middle_of_a_word_is_no_version(tmp_path: Path) -> None:
    assert next_version(str(tmp_path / "rev1_shot.%04d.exr")) == str(tmp_path / "rev1_shot_v002.%04d.exr")


def test_the_newest_version_is_the_highest_that_has_files_and_the_path_itself_where_none_has(
    tmp_path: Path,
) -> None:
    plain, versioned = str(tmp_path / "a.%04d.exr"), str(tmp_path / "b_v001" / "b_v001.%04d.exr")
    assert [newest_version(one) for one in (plain, versioned)] == [plain, versioned]
    for name in ("a_v002.0001.exr", "a_v003.0001.exr", "b_v012/b_v012.0001.exr", "b_v020/b_v019.0001.exr"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert newest_version(plain) == str(tmp_path / "a_v003.%04d.exr")
    assert newest_version(versioned) == str(tmp_path / "b_v012" / "b_v012.%04d.exr")


@pytest.mark.parametrize("name", ["sh_plate_v002/c_v001.%04d.exr", "c_v9.%04d.exr", "c_v99.%04d.exr"])
def test_a_version_that_is_the_newest_keeps_its_name_and_its_folders(tmp_path: Path, name: str) -> None:
    assert newest_version(str(tmp_path / name)) == str(tmp_path / name)


@pytest.mark.parametrize("existing", ["error", "overwrite", "version_up"])
def test_the_plates_own_path_is_refused_under_every_policy(plate: Plate, existing: str) -> None:
    with pytest.raises(OutputEqualsPlate) as caught:
        plan_output(plate.pattern, FRAMES, existing, plate)
    assert caught.value.frame == 1001 and caught.value.remedy


def test_gaps_of_the_plate_are_not_filled_by_outputs(plate: Plate) -> None:
    with pytest.raises(OutputEqualsPlate):
        plan_output(plate.pattern, [1005], "error", plate)


def test_a_link_to_the_plates_folder_is_seen_through(tmp_path: Path, plate: Plate) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "plate")
    with pytest.raises(OutputEqualsPlate):
        plan_output(tmp_path / "alias" / "shot.%04d.exr", FRAMES, "overwrite", plate)


def test_a_link_to_a_plate_frame_is_seen_through(tmp_path: Path, plate: Plate) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.1002.exr").symlink_to(plate.path(1001))
    with pytest.raises(OutputEqualsPlate):
        plan_output(tmp_path / "out" / "x.%04d.exr", FRAMES, "overwrite", plate)


def test_a_file_where_a_folder_should_be_is_not_writable(tmp_path: Path, plate: Plate) -> None:
    touch(tmp_path / "file")
    with pytest.raises(OutputIsNotWritable, match="is not a folder"):
        plan_output(tmp_path / "file" / "deep" / "shot.%04d.exr", FRAMES, "error", plate)


def test_a_folder_where_a_file_should_be_is_not_writable(tmp_path: Path, plate: Plate) -> None:
    (tmp_path / "out" / "shot.1002.exr").mkdir(parents=True)
    with pytest.raises(OutputIsNotWritable, match="in the way"):
        plan_output(tmp_path / "out" / "shot.%04d.exr", FRAMES, "overwrite", plate)


def test_a_read_only_folder_is_not_writable(
    tmp_path: Path, plate: Plate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator may write anywhere, so the answer of the system is given here."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OutputIsNotWritable, match="no permission"):
        plan_output(tmp_path / "out" / "shot.%04d.exr", FRAMES, "error", plate)


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, plate: Plate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10, used=9, free=1))
    with pytest.raises(DiskSpaceIsShort, match="1 B are free"):
        plan_output(tmp_path / "out" / "shot.%04d.exr", FRAMES, "error", plate)


def test_several_problems_are_told_together(
    tmp_path: Path, plate: Plate, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "out" / "shot.1001.exr")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10, used=9, free=1))
    with pytest.raises(SeveralProblems) as caught:
        plan_output(tmp_path / "out" / "shot.%04d.exr", FRAMES, "error", plate)
    assert [type(p) for p in caught.value.problems] == [OutputExists, DiskSpaceIsShort]


def test_the_space_estimate_is_above_the_plates_own_size(plate: Plate) -> None:
    assert estimate_bytes(plate, 100) > 100 * plate.path(1001).stat().st_size


@pytest.mark.parametrize("is_link", [False, True])
def test_no_file_that_the_job_reads_is_replaced(tmp_path: Path, plate: Plate, is_link: bool) -> None:
    mask, output = tmp_path / "roto.1002.exr", tmp_path / "out.1002.exr"
    mask.write_bytes(b"a mask")
    pattern = str(tmp_path / "roto.%04d.exr")
    if is_link:
        output.symlink_to(mask)
        pattern = str(tmp_path / "out.%04d.exr")
    with pytest.raises(OutputEqualsPlate) as refusal:
        plan_output(pattern, FRAMES, "overwrite", plate, inputs=[mask])
    assert refusal.value.frame == 1002
