"""Which files a job reads, and their names on the server."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from svfr_client.errors import FileCannotBeSent, FolderCannotBeRead, SvfrError, each_of
from svfr_client.files import is_file, is_folder, is_there
from svfr_client.job import ColourClaim, JobSpec, Reference
from svfr_client.protocol.transfers import file_name_problem
from svfr_client.transfer.job_files import files_of, frames_needed
from svfr_client.transfer.pieces import read_all
from svfr_client.transfer.progress import tell_nobody
from svfr_client.transfer.seen import refuse_absent, refuse_missing_frames
from svfr_client.vocabulary import MissingPolicy

SPEC = JobSpec("/p/a.%04d.exr", "1001-1003", ("bfr",), "/o/a.%04d.exr")


@pytest.mark.parametrize(
    ("changes", "frames"),
    [
        ({}, (1001, 1002, 1003)),
        ({"handles": 2}, tuple(range(1000, 1006))),
        ({"frames": "1001,1010"}, tuple(range(1001, 1011))),
        ({"frames": "1001,1011"}, (1001, 1011)),
        ({"frames": "1002", "context": "1001-1003"}, (1001, 1002, 1003)),
        ({"references": (Reference(frame=1012),)}, (1001, 1002, 1003, 1012)),
    ],
)
def test_a_job_looks_at_its_range_handles_context_short_gaps_and_references(
    changes: dict[str, object], frames: tuple[int, ...]
) -> None:
    spec = replace(SPEC, **changes)  # type: ignore[arg-type]
    assert frames_needed(spec, range(1000, 1021)) == frames


def test_a_frame_that_is_missing_brings_its_neighbours_for_they_may_be_held() -> None:
    assert frames_needed(replace(SPEC, frames="1005"), (900, 1001, 1009, 1010)) == (1001, 1009)
    assert frames_needed(replace(SPEC, frames="1"), ()) == ()


def test_every_file_of_a_job_gets_the_name_of_its_part_and_the_job_names_them_there(tmp_path: Path) -> None:
    for name in ("Shot A.-001.EXR", "Shot A.0000.EXR", "matte_7.png", "face.JPG", "own.ocio"):
        (tmp_path / name).write_bytes(b"x")
    spec = replace(
        SPEC,
        plate=str(tmp_path / "Shot A.%04d.EXR"),
        frames="-1-0",
        mask_path=str(tmp_path / "matte_7.png"),
        references=(Reference(photo=str(tmp_path / "face.JPG")), Reference(track=1, frame=0)),
        crop_tracks="/not/here.json",
        colour=ColourClaim(config=str(tmp_path / "own.ocio")),
    )
    found = files_of(spec)
    names = {file.path.name: file.name for file in found.files}
    assert names == {
        "Shot A.-001.EXR": "plate_shot_a.-001.exr",
        "Shot A.0000.EXR": "plate_shot_a.0000.exr",
        "matte_7.png": "mask.7.png",
        "face.JPG": "photo0.jpg",
        "own.ocio": "config.ocio",
    }
    there = found.rewritten(spec, "/srv/set/", lambda path: f"/mapped{path}")
    assert there.plate == "/srv/set/plate_shot_a.%04d.exr"
    assert there.mask_path == "/srv/set/mask.7.png"
    assert [reference.photo for reference in there.references] == ["/srv/set/photo0.jpg", None]
    assert there.colour.config == "/srv/set/config.ocio"
    assert there.crop_tracks == "/mapped/not/here.json"


@pytest.mark.parametrize(
    ("plate", "name"),
    [
        ("SH010_Plate-v002.1001.exr", "plate_sh010_plate_v002.1001.exr"),
        ("SH010.exr", "plate_sh010.exr"),
        ("SH-010.b.exr", "plate_sh_010_b.exr"),
        ("12 34 a long name that ends in 010.b.exr", "plate_12_34_a_long_name_that_end.exr"),
        ("a name that becomes long 12345678.b.exr", "plate_a_name_that_becomes_long.exr"),
        ("clip_01.mov", "plate_clip.1.mov"),
        ("Ünïcode (final).mov", "plate_n_code_final.mov"),
        ("a name that is longer than any file of a set may be.mov", "plate_a_name_that_is_longer_than.mov"),
    ],
)
def test_a_plate_is_listed_by_as_much_of_the_artists_name_as_a_set_takes(
    tmp_path: Path, plate: str, name: str
) -> None:
    (tmp_path / plate).write_bytes(b"x")
    found = files_of(replace(SPEC, plate=str(tmp_path / plate)))
    assert [file.name for file in found.plate] == [name]
    assert file_name_problem(name) is None


def test_what_is_not_where_a_job_says_is_refused_unless_it_may_be_the_servers_own(tmp_path: Path) -> None:
    (tmp_path / "a.1001.exr").write_bytes(b"x")
    spec = replace(SPEC, plate=str(tmp_path / "a.%04d.exr"), frames="1001", crop_tracks="/not/here.json")
    refuse_absent(files_of(spec), spec)
    for absent in (
        replace(spec, references=(Reference(photo=str(tmp_path / "who.png")),)),
        replace(spec, mask_path=str(tmp_path / "matte.%04d.exr")),
        replace(spec, colour=ColourClaim(config=str(tmp_path / "own.ocio"))),
    ):
        with pytest.raises(FileCannotBeSent, match="no such file") as refusal:
            refuse_absent(files_of(absent), absent)
        assert refusal.value.path is not None and tmp_path in Path(refusal.value.path).parents


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_what_lies_in_the_place_of_a_frame_and_is_no_file_is_refused_and_never_waited_for(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "a.1001.exr")
    (tmp_path / "a.1002.exr").mkdir()
    (tmp_path / "a.1003.exr").symlink_to("/dev/zero")
    found = files_of(replace(SPEC, plate=str(tmp_path / "a.%04d.exr")))
    assert len(found.files) == 3
    for file in found.files:
        with pytest.raises(FileCannotBeSent, match="no regular file"):
            read_all([file], tell_nobody, lambda: True)


def test_a_config_that_ocio_carries_is_no_file() -> None:
    spec = replace(SPEC, colour=ColourClaim(config="ocio://default"))
    assert files_of(spec).rewritten(spec, "/srv/", str).colour.config == "ocio://default"


@pytest.mark.parametrize(
    ("frames", "missing", "absent"),
    [("1-3", "error", []), ("1-5", "error", [4]), ("0-6x2", "error", [0, 4, 6]), ("1-9", "skip", [])],
)
def test_frames_that_a_sequence_lacks_are_refused_before_anything_is_sent(
    tmp_path: Path, frames: str, missing: MissingPolicy, absent: list[int]
) -> None:
    for frame in (1, 2, 3, 5):
        (tmp_path / f"a.{frame:04d}.exr").touch()
    spec = replace(SPEC, plate=str(tmp_path / "a.%04d.exr"), frames=frames, missing=missing)
    found: list[SvfrError] = []
    try:
        refuse_missing_frames(files_of(spec), spec)
    except SvfrError as problem:
        found = each_of(problem)
    assert [(one.code, one.frame) for one in found] == [("FRAME_MISSING", frame) for frame in absent]
    assert [one.path for one in found] == [str(tmp_path / f"a.{frame:04d}.exr") for frame in absent]


@pytest.mark.parametrize(
    ("missing", "lacking"), [("error", [1002, 1003]), ("hold", [1002, 1003]), ("skip", [1003])]
)
def test_frames_that_a_mask_lacks_are_told_with_those_of_the_plate_before_anything_is_sent(
    tmp_path: Path, missing: MissingPolicy, lacking: list[int]
) -> None:
    for name in ("a.1001.exr", "a.1003.exr", "m.1001.png"):
        (tmp_path / name).write_bytes(b"x")
    plate, mask = str(tmp_path / "a.%04d.exr"), str(tmp_path / "m.%04d.png")
    spec = replace(SPEC, plate=plate, mask_path=mask, missing=missing)
    with pytest.raises(SvfrError) as caught:
        refuse_missing_frames(files_of(spec), spec)
    found = each_of(caught.value)
    of_plate = [("FRAME_MISSING", 1002)] if missing == "error" else []
    assert [(one.code, one.frame) for one in found] == [*of_plate, ("MASK_FRAMES_MISSING", lacking[0])]
    named = "frames 1002-1003" if len(lacking) == 2 else "frame 1003"
    assert f"lacks {named}." in found[-1].message and found[-1].path == mask


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder with files in it that this process may not enter; root is nobody meanwhile."""
    folder = tmp_path / "closed"
    folder.mkdir()
    for name in ("a.1001.exr", "a.mov", "m.png"):
        (folder / name).write_bytes(b"x")
    for above in (tmp_path, *tmp_path.parents):
        if above == Path(tempfile.gettempdir()) or above.stat().st_uid != os.geteuid():
            break
        above.chmod(above.stat().st_mode | 0o111)
    folder.chmod(0o000)
    is_root = os.geteuid() == 0
    if is_root:
        os.setresuid(65534, 65534, 0)
    try:
        yield folder
    finally:
        if is_root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed otherwise there")
@pytest.mark.parametrize(
    "changes",
    [
        {"plate": "a.%04d.exr"},
        {"plate": "a.mov"},
        {"mask_path": "m.%04d.png"},
        {"mask_path": "m.png"},
        {"references": (Reference(photo="m.png"),)},
        {"colour": ColourClaim(space="ACEScg", config="own.ocio")},
    ],
)
def test_a_folder_that_may_not_be_entered_is_named_and_no_traceback(
    changes: dict[str, object], closed: Path
) -> None:
    def inside(value: object) -> object:
        if isinstance(value, str):
            return str(closed / value)
        if isinstance(value, tuple):
            return tuple(replace(one, photo=inside(one.photo)) for one in value)
        return replace(value, config=inside(value.config))  # type: ignore[type-var,attr-defined]

    spec = replace(SPEC, plate="/nowhere/a.%04d.exr")
    spec = replace(spec, **{name: inside(value) for name, value in changes.items()})  # type: ignore[arg-type]
    with pytest.raises(FolderCannotBeRead, match=r"cannot be read|may not be entered") as caught:
        refuse_absent(files_of(spec), spec)
    assert str(closed) in str(caught.value.path)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed otherwise there")
def test_nothing_is_there_where_nobody_may_look(closed: Path) -> None:
    file = closed / "a.mov"
    assert not is_there(file) and not is_file(file) and not is_folder(file) and is_folder(closed)
