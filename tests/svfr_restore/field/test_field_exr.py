"""EXR files of many layers, parts, views and types."""

import struct
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from field_samples import frame_job, planes, write_exr

from svfr_restore.errors import (
    FrameHasNoRgb,
    PictureNotChosen,
)
from svfr_restore.media.plate import PictureChoice, open_plate


def with_type(source: Path, target: Path, text: bytes) -> str:
    """Write a single-part file again with another ``type``."""
    data = source.read_bytes()
    head, body, at, cut = data[:8], data[8:], 0, b""
    while body[at] != 0:
        name = body.index(b"\0", at) + 1
        kind = body.index(b"\0", name) + 1
        stop = kind + 4 + struct.unpack("<i", body[kind : kind + 4])[0]
        if not body.startswith(b"type\0", at):
            cut += body[at:stop]
        at = stop
    cut += b"type\0string\0" + struct.pack("<i", len(text)) + text
    shift, rest = len(cut) - at, body[at + 1 :]
    count = 6 if b"tiles\0" in cut else 3
    table = [place + shift for place in struct.unpack(f"<{count}Q", rest[: 8 * count])]
    target.write_bytes(head + cut + b"\0" + struct.pack(f"<{count}Q", *table) + rest[8 * count :])
    return str(target)


@pytest.mark.parametrize("kind", [b"tiledimage", b"deepscanline", b"scanlineimage"])
@pytest.mark.parametrize("tiled", [False, True])
def test_the_flags_of_a_single_part_file_win_over_its_type(tiled: bool, kind: bytes, tmp_path: Path) -> None:
    spec = oiio.ImageSpec(96, 40, 3, "half")
    spec.attribute("compression", "zip")
    if tiled:
        spec.tile_width = spec.tile_height = 32
    pixels = np.random.default_rng(0).random((40, 96, 3)).astype(np.float16).astype(np.float32)
    output = oiio.ImageOutput.create(str(tmp_path / "s.exr"))
    assert output.open(str(tmp_path / "s.exr"), spec)
    output.write_tiles(0, 96, 0, 40, 0, 1, pixels) if tiled else output.write_image(pixels)
    output.close()
    plate = with_type(tmp_path / "s.exr", tmp_path / "plate.exr", kind)
    result = job_samples.run(frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe"))
    assert result.counts["pixels_changed"] > 0
    back = job_samples.read_exr(result.outputs[0].path)
    assert (back == pixels.astype(np.float16)).mean() > 0.5


def test_the_only_picture_of_a_file_is_the_plate_whatever_its_name(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.exr", planes(*(f"Image.{c}" for c in "RGBA")))
    result = job_samples.run(frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe"))
    assert result.counts["pixels_changed"] > 0


def test_a_choice_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.exr", planes(*(f"{v}.{c}" for v in ("left", "right") for c in "RGB")))
    with pytest.raises(PictureNotChosen, match="--view left; --view right"):
        open_plate(plate)
    right = open_plate(plate, PictureChoice(view="right")).read(1).rgb
    assert right.min() > open_plate(plate, PictureChoice(view="left")).read(1).rgb.max()
    with pytest.raises(PictureNotChosen, match="no picture"):
        open_plate(plate, PictureChoice(layer="beauty"))


def test_a_layer_that_is_named_is_restored_and_the_others_keep_their_bits(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.exr", planes(*"RGB", *(f"diffuse.{c}" for c in "RGB")))
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe", plate_layer="diffuse")
    result = job_samples.run(spec)
    before = OpenEXR.File(plate, separate_channels=True).channels()
    after = OpenEXR.File(str(result.outputs[0].path), separate_channels=True).channels()
    same = {name for name in before if np.array_equal(before[name].pixels, after[name].pixels)}
    assert same == set("RGB")


def test_an_eye_that_is_not_restored_is_told(tmp_path: Path) -> None:
    names = (*"RGB", *(f"right.{c}" for c in "RGB"))
    plate = write_exr(tmp_path / "p.exr", planes(*names), multiView=["left", "right"])
    reports = job_samples.Reports()
    job_samples.run(frame_job(plate, tmp_path, colour=job_samples.LINEAR), reports=reports)
    assert any("view right is not restored" in text for text in reports.warnings)


def test_a_black_and_white_plate_can_be_colourised(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.exr", planes("Y"))
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe", tasks=("colorize",))
    result = job_samples.run(spec)
    file = OpenEXR.File(str(result.outputs[0].path), separate_channels=True)
    assert [sorted(part.channels) for part in file.parts] == [["Y"], ["B", "G", "R"]]
    red, blue = (file.parts[1].channels[name].pixels for name in "RB")
    assert not np.array_equal(red, blue)
    again = replace(spec, plate=str(result.outputs[0].path), output=str(tmp_path / "again.%04d.exr"))
    assert job_samples.run(again).counts["pixels_changed"] > 0


def test_the_picture_of_a_file_of_many_channels_is_read_without_the_others(tmp_path: Path) -> None:
    names = (*"BGR", *(f"id{number}" for number in range(40)), "Aa", "Rb")
    planes_ = {name: np.full((48, 64), 0.01 * at, np.float16) for at, name in enumerate(names)}
    read = open_plate(write_exr(tmp_path / "p.exr", {**planes_, "A": planes_["B"]})).read(1)
    np.testing.assert_array_equal(read.rgb[0, 0], [planes_[name][0, 0] for name in "RGB"])


def test_whole_numbers_are_no_colours(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "u.exr", dict.fromkeys("RGB", np.full((48, 64), 3, np.uint32)))
    with pytest.raises(FrameHasNoRgb, match="whole numbers"):
        open_plate(plate)
