"""Which files a job reads, and their names on the server."""

from dataclasses import replace
from pathlib import Path

import pytest

from svfr_client.job import ColourClaim, JobSpec, Reference
from svfr_client.transfer.job_files import files_of, frames_needed

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
        "Shot A.-001.EXR": "plate.-001.exr",
        "Shot A.0000.EXR": "plate.0000.exr",
        "matte_7.png": "mask.7.png",
        "face.JPG": "photo0.jpg",
        "own.ocio": "config.ocio",
    }
    there = found.rewritten(spec, "/srv/set/", lambda path: f"/mapped{path}")
    assert there.plate == "/srv/set/plate.%04d.exr"
    assert there.mask_path == "/srv/set/mask.7.png"
    assert [reference.photo for reference in there.references] == ["/srv/set/photo0.jpg", None]
    assert there.colour.config == "/srv/set/config.ocio"
    assert there.crop_tracks == "/mapped/not/here.json"


def test_a_config_that_ocio_carries_is_no_file() -> None:
    spec = replace(SPEC, colour=ColourClaim(config="ocio://default"))
    assert files_of(spec).rewritten(spec, "/srv/", str).colour.config == "ocio://default"
