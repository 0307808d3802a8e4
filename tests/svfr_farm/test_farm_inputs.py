"""What a shot is made of is known by its content, whenever it was written."""

import os
from pathlib import Path

import pytest
from exr_samples import picture, write_plate

from svfr_client.errors import SeveralProblems
from svfr_client.job import FaceChoice, JobSpec, Reference
from svfr_farm import inputs
from svfr_farm.errors import InputWasChanged
from svfr_farm.inputs import Inputs, content_sha256
from svfr_restore.media.plate import open_plate


def of_plate(path: Path) -> Inputs:
    return Inputs(
        JobSpec(plate=str(path), frames="1001", tasks=("bfr",), output=""), open_plate(path), None, (1001,)
    )


def test_a_large_file_that_was_copied_is_the_same_and_one_that_was_changed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_MOST_READ_BYTES", 100)
    monkeypatch.setattr(inputs, "_END_BYTES", 40)
    file = tmp_path / "a.1001.exr"
    write_plate(file, picture(8, 30))
    plate = of_plate(tmp_path / "a.%04d.exr")
    before = plate.stamps()
    os.utime(file, ns=(1, 1))
    plate.require_unchanged(before)
    assert content_sha256(plate.stamps()) == content_sha256(before)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputWasChanged) as raised:
        plate.require_unchanged(before)
    assert (raised.value.frame, raised.value.path) == (1001, str(file)) and raised.value.remedy
    assert content_sha256(plate.stamps()) != content_sha256(before)
    plate.require_unchanged(before, frames=())  # of frames that nobody looks at


@pytest.mark.parametrize("kind", ["gone", "a folder", "a pipe"])
def test_a_file_that_is_no_file_any_more_has_changed(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.1001.exr"
    write_plate(file, picture(8, 30))
    plate = of_plate(tmp_path / "a.%04d.exr")
    before = plate.stamps()
    file.unlink()
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    with pytest.raises(InputWasChanged):
        plate.require_unchanged(before)
    assert plate.stamps()["plate 1001"][2] == "", "and nobody waits for it"


def test_photos_and_the_config_of_a_shot_count_as_its_plate_does(tmp_path: Path) -> None:
    file = tmp_path / "a.1001.exr"
    write_plate(file, picture(8, 30))
    photos = [tmp_path / name for name in ("actor.png", "face.png")]
    for photo in photos:
        photo.write_bytes(b"a picture")
    spec = JobSpec(
        plate=str(file),
        frames="1001",
        tasks=("bfr",),
        output="",
        references=(Reference(photo=str(photos[0])),),
        faces=FaceChoice("photo", photos=(str(photos[1]),)),
    )
    plate = open_plate(file)
    before = Inputs(spec, plate, None, (1001,), "sha256:1").stamps()
    for photo in photos:
        photo.write_bytes(b"another..")
    with pytest.raises(SeveralProblems) as raised:
        Inputs(spec, plate, None, (1001,), "sha256:2").require_unchanged(before, frames=())
    texts = [problem.message for problem in raised.value.problems]
    assert [text.split(" was changed")[0] for text in texts] == [
        "The reference photo 0",
        "The photo of a face 0",
        "The OCIO config",
    ]
    assert all(problem.path and problem.remedy for problem in raised.value.problems)
