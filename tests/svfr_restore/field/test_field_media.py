"""Files as people have them: turned, with alpha and time codes, cut, trailed, misnamed, of many layers."""

import os
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import job_samples
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from svfr_client.errors import BadMask
from svfr_client.job import FaceChoice
from svfr_client.masks import MaskPoint
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.errors import (
    CropTrackFileIsBad,
    FrameCannotBeRead,
    FrameIsTruncated,
    InputIsNoFile,
    JobNeedsMoreMemory,
    MaskCannotBeRead,
    MaskIsEmpty,
    MaskSizeDiffers,
    MovieRateVaries,
    NameIsTooLong,
    PictureIsTooLarge,
    PictureNotChosen,
)
from svfr_restore.mattes.mask_feed import open_mask
from svfr_restore.media.orientation import upright
from svfr_restore.media.plate import PictureChoice, open_plate
from svfr_restore.media.regular_file import require_size
from svfr_restore.media.still_plate import _undecodable
from svfr_restore.media.timecode import Timecode
from svfr_restore.media.window import Window
from svfr_restore.plan.memory_cost import require_job_memory
from svfr_restore.plan.models import ModelCache

GRADIENT = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None] * np.ones((48, 1, 3), np.uint8)


def write_still(path: Path, pixels: Any = GRADIENT, **attributes: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], str(pixels.dtype))
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return str(path)


def write_exr(path: Path, channels: dict[str, Any] | None = None, **header: Any) -> str:
    plane = np.full((48, 64), 0.4, np.float16)
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    base["colorInteropID"] = "lin_rec709_scene"
    OpenEXR.File({**base, **header}, channels or dict.fromkeys("RGB", plane)).write(str(path))
    return str(path)


def write_movie(
    path: Path,
    frames: list[Any],
    codec: str,
    layout: str,
    form: str = "rgb24",
    times: list[int] | None = None,
    **options: Any,
) -> str:
    """Pictures (h, w, channels) in ``form``; ``times`` in frames of 24 a second."""
    with av.open(str(path), "w", options=options.pop("container", {})) as file:
        stream = file.add_stream(codec, rate=24)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = layout
        stream.options = {name: str(value) for name, value in options.items()}
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format=form).reformat(format=layout)
            frame.time_base = Fraction(1, 24)
            frame.pts = index if times is None else times[index]
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return str(path)


def frame_job(plate: str, folder: Path, frames: str = "1", **changes: Any) -> Any:
    return job_samples.job(
        plate, folder, frames, **{"faces": FaceChoice("frame"), "colour": job_samples.SDR, **changes}
    )


@pytest.mark.parametrize(
    ("codec", "layout", "suffix"), [("png", "rgba", ".mov"), ("prores_ks", "yuva444p10le", ".mov")]
)
def test_the_alpha_of_a_movie_comes_back(codec: str, layout: str, suffix: str, tmp_path: Path) -> None:
    picture = np.full((48, 64, 4), 120, np.uint8)
    picture[..., 3] = np.linspace(0, 255, 64).astype(np.uint8)
    options = {"profile": "4444"} if codec == "prores_ks" else {}
    plate = write_movie(tmp_path / f"a{suffix}", [picture] * 2, codec, layout, "rgba", **options)
    result = job_samples.run(frame_job(plate, tmp_path))
    header = OpenEXR.File(str(result.outputs[0].path), separate_channels=True)
    alpha = header.channels()["A"].pixels.astype(np.float32)
    np.testing.assert_allclose(alpha[24], picture[24, :, 3] / 255, atol=0.01)


def test_time_code_and_rate_of_a_movie_come_back_for_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "m.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv422p10le"
        stream.metadata["timecode"] = "10:00:00:23"
        stream.metadata["reel_name"] = "A001"
        file.metadata["creation_time"] = "2026-01-02T03:04:05Z"
        for _ in range(2):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(GRADIENT, format="rgb24")))
        file.mux(stream.encode())
    result = job_samples.run(frame_job(str(path), tmp_path, "1-2"))
    codes = [OpenEXR.File(str(o.path)).parts[0].header["timeCode"] for o in result.outputs]
    assert [(c.hours, c.minutes, c.seconds, c.frame) for c in codes] == [(10, 0, 0, 23), (10, 0, 1, 0)]
    header = OpenEXR.File(str(result.outputs[0].path)).parts[0].header
    assert (header["reelName"], header["capDate"]) == ("A001", "2026:01:02 03:04:05")
    assert float(header["framesPerSecond"]) == 24


def test_alpha_that_lies_beside_the_pictures_is_told(tmp_path: Path) -> None:
    picture = np.dstack([GRADIENT, GRADIENT[..., :1]])
    path = write_movie(tmp_path / "a.webm", [picture] * 2, "libvpx-vp9", "yuva420p", "rgba")
    assert any("alpha" in note for note in open_plate(path).notes)


def test_what_a_dpx_says_of_itself_comes_back(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), 0.4, np.float32)
    plate = write_still(
        tmp_path / "d.0001.dpx",
        (pixels * 65535).astype(np.uint16),
        oiio__BitsPerSample=10,
        dpx__TimeCode="01:02:03:04",
        dpx__FrameRate=24.0,
        DocumentName="reel A001",
        DateTime="2026:01:01 10:00:00",
    )
    frame = open_plate(plate).read(1)
    assert frame.tags.timecode == Timecode(1, 2, 3, 4) and frame.fps == 24
    result = job_samples.run(frame_job(plate, tmp_path))
    header = OpenEXR.File(str(result.outputs[0].path)).parts[0].header
    assert (header["reelName"], header["capDate"]) == ("reel A001", "2026:01:01 10:00:00")
    assert (header["timeCode"].hours, header["timeCode"].frame) == (1, 4)


@pytest.mark.parametrize(
    ("text", "count", "rate", "expected"),
    [
        ("23:59:59:23", 1, Fraction(24), (0, 0, 0, 0)),
        ("00:00:59;29", 1, Fraction(30000, 1001), (0, 1, 0, 2)),
        ("00:09:59;29", 1, Fraction(30000, 1001), (0, 10, 0, 0)),
        ("01:00:00:00", 24 * 61, Fraction(24), (1, 1, 1, 0)),
    ],
)
def test_time_codes_count_on(
    text: str, count: int, rate: Fraction, expected: tuple[int, int, int, int]
) -> None:
    start = Timecode.parse(text)
    assert start is not None
    later = start.plus(count, rate)
    assert (later.hours, later.minutes, later.seconds, later.frames) == expected


def test_a_movie_that_begins_inside_a_group_of_pictures_is_read_from_its_first_picture(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    frames = []
    for index in range(40):
        picture = random.integers(60, 90, (48, 64, 3)).astype(np.uint8)
        picture[10:35, index : index + 15] = 200
        frames.append(picture)
    whole = Path(write_movie(tmp_path / "full.ts", frames, "mpeg2video", "yuv420p", g=12, b=2_000_000))
    data = whole.read_bytes()
    cut = tmp_path / "capture.ts"
    cut.write_bytes(data[188 * (len(data) // 188 // 5) :])
    plate = open_plate(str(cut))
    with av.open(str(cut)) as file:
        decoded = [f for f in file.decode(video=0) if not f.is_corrupt]
    assert plate.frames == tuple(range(1, len(decoded) + 1))
    np.testing.assert_array_equal(plate.read(1).rgb.shape, (48, 64, 3))
    reports = job_samples.Reports()
    job_samples.run(frame_job(str(cut), tmp_path, "1-2"), reports=reports)


def test_frames_that_were_dropped_are_missing_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(1, 6)]
    plate = open_plate(write_movie(tmp_path / "d.mkv", pictures, "ffv1", "bgr0", times=[0, 1, 2, 5, 6]))
    assert plate.frames == (1, 2, 3, 6, 7)
    np.testing.assert_allclose(plate.read(6).rgb, 80 / 255, atol=1e-6)


def test_a_movie_of_no_constant_rate_is_refused(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(1, 7)]
    path = write_movie(tmp_path / "v.mkv", pictures, "ffv1", "bgr0", times=[0, 1, 9, 23, 60, 61])
    with pytest.raises(MovieRateVaries, match="constant"):
        open_plate(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_still_is_turned_as_it_asks(orientation: int, tmp_path: Path) -> None:
    plate = open_plate(write_still(tmp_path / "a.tif", GRADIENT, Orientation=orientation))
    frame = plate.read(1)
    expected = upright(GRADIENT, orientation)
    assert (plate.display.height, plate.display.width) == expected.shape[:2]
    np.testing.assert_allclose(frame.rgb, expected / 255, atol=1e-6)
    assert plate.probe(1) == plate.shape()


def test_a_quarter_turn_goes_clockwise() -> None:
    corner = np.array([[1, 0], [0, 0]])
    np.testing.assert_array_equal(upright(corner, 6), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(upright(corner, 8), [[0, 0], [1, 0]])


def test_a_movie_is_turned_as_it_asks(tmp_path: Path) -> None:
    path = Path(write_movie(tmp_path / "phone.mp4", [GRADIENT] * 2, "libx264", "yuv420p"))
    data = bytearray(path.read_bytes())
    at, one = data.find(b"tkhd") + 4 + 40, 0x10000
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 0x40000000)
    path.write_bytes(data)
    plate = open_plate(str(path))
    assert (plate.display.width, plate.display.height) == (48, 64)
    rows = plate.read(1).rgb.mean(axis=(1, 2))
    assert rows[-1] - rows[0] > 0.8  # left to right became top to bottom


@pytest.mark.parametrize("name", ["a.jpg", "b.png"])
def test_bytes_after_the_end_mark_are_no_part_of_the_picture(name: str, tmp_path: Path) -> None:
    path = Path(write_still(tmp_path / name))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(300))
    open_plate(str(path)).probe(1)
    path.write_bytes(whole[:-40])
    with pytest.raises(FrameIsTruncated):
        open_plate(str(path)).probe(1)


def test_a_preview_inside_a_jpeg_does_not_make_it_whole(tmp_path: Path) -> None:
    path = Path(write_still(tmp_path / "a.jpg"))
    whole = path.read_bytes()
    preview = whole[:200] + b"\xff\xd9"
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    path.write_bytes(whole[:2] + segment + whole[2:-60])
    with pytest.raises(FrameIsTruncated):
        open_plate(str(path)).probe(1)


@pytest.mark.parametrize("compression", ["none", "lzw", "zip"])
def test_planar_tiffs_are_read(compression: str, tmp_path: Path) -> None:
    path = write_still(tmp_path / "p.tif", GRADIENT, planarconfig="separate", compression=compression)
    plate = open_plate(path)
    plate.probe(1)
    np.testing.assert_allclose(plate.read(1).rgb, GRADIENT / 255, atol=1e-6)


def test_a_codec_that_is_not_there_is_not_called_a_short_file() -> None:
    reason = "ZSTD compression support is not configured"
    assert isinstance(_undecodable(reason, 1, Path("z.tif")), FrameCannotBeRead)
    assert isinstance(_undecodable("Read error at scanline 4", 1, Path("z.tif")), FrameIsTruncated)


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


@pytest.mark.parametrize(
    "name", ["photo_1699999999999.png", "take#3.png", "first%20day.png", "день ночь 漢字.png", "a b.png"]
)
def test_a_file_that_is_there_is_that_file(name: str, tmp_path: Path) -> None:
    assert open_plate(write_still(tmp_path / name)).frames == (1,)


def test_a_folder_may_hold_what_looks_like_a_field(tmp_path: Path) -> None:
    write_still(tmp_path / "sh#10" / "50%d" / "s.0007.png")
    assert open_plate(str(tmp_path / "sh#10" / "50%d" / "s.%04d.png")).frames == (7,)


@pytest.mark.parametrize("kind", ["zero", "nan", "green"])
def test_a_mask_that_marks_nothing_is_refused_before_the_model_runs(kind: str, tmp_path: Path) -> None:
    marked = np.zeros((48, 64), np.float16)
    marked[10:30, 10:40] = 1
    channels = {
        "zero": {"A": marked * 0},
        "nan": {"A": np.where(marked > 0, np.nan, 0).astype(np.float16)},
        "green": {"R": marked * 0, "G": marked, "B": marked * 0},
    }[kind]
    mask = write_exr(tmp_path / "mask.exr", channels)
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR, model="probe", mask_path=mask)
    with pytest.raises(MaskIsEmpty, match="mask-channel"):
        job_samples.run(spec)
    if kind == "green":
        assert job_samples.run(replace(spec, mask_channel="G")).counts["pixels_changed"] > 0
        with pytest.raises(MaskCannotBeRead, match="B, G, R"):
            job_samples.run(replace(spec, mask_channel="matte", existing="overwrite"))


def test_names_too_long_for_the_disk_are_found_before_anything_is_computed(tmp_path: Path) -> None:
    plate = write_exr(tmp_path / "p.0001.exr")
    spec = frame_job(plate, tmp_path, colour=job_samples.LINEAR)
    with pytest.raises(NameIsTooLong, match="255"):
        job_samples.run(replace(spec, output=str(tmp_path / ("漢" * 90 + ".%04d.exr"))))
    longest = str(tmp_path / ("y" * 246 + ".%04d.exr"))
    assert len(job_samples.run(replace(spec, output=longest)).outputs) == 1


def test_a_feather_has_a_bound() -> None:
    for feather in (1e9, 1001.0, float("inf"), -1.0):
        with pytest.raises(BadMask, match="feather"):
            MaskPoint((0, 0), (0, 0), (0, 0), feather)


def planes(*names: str) -> dict[str, Any]:
    return {name: np.full((48, 64), 0.1 + 0.05 * i, np.float16) for i, name in enumerate(names)}


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_the_place_of_an_input_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("p.exr", "p.png", "p.mov", "tracks.json"):
        os.mkfifo(tmp_path / name)
    for name in ("p.exr", "p.png", "p.mov"):
        with pytest.raises(InputIsNoFile):
            open_plate(str(tmp_path / name))
    with pytest.raises(InputIsNoFile):
        read_tracks(tmp_path / "tracks.json")


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


def test_the_picture_of_a_file_of_many_channels_is_read_without_the_others(tmp_path: Path) -> None:
    names = (*"BGR", *(f"id{number}" for number in range(40)), "Aa", "Rb")
    planes_ = {name: np.full((48, 64), 0.01 * at, np.float16) for at, name in enumerate(names)}
    read = open_plate(write_exr(tmp_path / "p.exr", {**planes_, "A": planes_["B"]})).read(1)
    np.testing.assert_array_equal(read.rgb[0, 0], [planes_[name][0, 0] for name in "RGB"])


def disc(frames: int) -> list[Any]:
    """Grey mattes of a square that moves by the frame."""
    pictures = []
    for number in range(frames):
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[10:30, 5 + number : 25 + number] = 255
        pictures.append(picture)
    return pictures


def test_a_matte_may_be_a_movie_that_begins_with_the_plate(tmp_path: Path) -> None:
    for frame in (1001, 1002, 1003):
        write_exr(tmp_path / f"p.{frame}.exr")
    plate = str(tmp_path / "p.%04d.exr")
    mask = write_movie(tmp_path / "matte.mkv", disc(3), "ffv1", "bgr0")
    feed = open_mask(frame_job(plate, tmp_path, "1001-1003", mask_path=mask), open_plate(plate))
    assert feed is not None and feed.check((1001, 1003)) == []
    for number, frame in enumerate((1001, 1002, 1003)):
        expected = disc(3)[number][..., 0] / 255
        np.testing.assert_array_equal(feed.read(frame, Window(0, 0, 64, 48)), expected)
    (problem,) = feed.check((1001, 1004, 1005))
    assert "1004-1005" in problem.message


def test_the_alpha_of_a_matte_movie_is_the_matte_and_a_channel_can_be_named(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[10:30, 10:40, 3], picture[..., 1] = 255, 128
    mask = write_movie(tmp_path / "matte.mov", [picture], "png", "rgba", "rgba")
    plate = write_exr(tmp_path / "p.0001.exr")
    window = Window(0, 0, 64, 48)
    spec = frame_job(plate, tmp_path, mask_path=mask)
    alpha, green = (open_mask(replace(spec, mask_channel=name), open_plate(plate)) for name in (None, "G"))
    assert alpha is not None and green is not None
    assert alpha.read(1, window).sum() == 20 * 30
    np.testing.assert_allclose(green.read(1, window), 128 / 255)
    with pytest.raises(MaskCannotBeRead, match="no channel Z"):
        open_mask(replace(spec, mask_channel="Z"), open_plate(plate))


def test_a_matte_movie_of_another_size_is_refused(tmp_path: Path) -> None:
    mask = write_movie(tmp_path / "matte.mkv", [np.zeros((24, 32, 3), np.uint8)], "ffv1", "bgr0")
    spec = frame_job(write_exr(tmp_path / "p.0001.exr"), tmp_path, mask_path=mask)
    with pytest.raises(MaskSizeDiffers, match="32 x 24"):
        job_samples.run(replace(spec, colour=job_samples.LINEAR))


def test_frames_whose_mask_marks_nothing_are_told_as_stretches(tmp_path: Path) -> None:
    for frame in range(1, 7):
        write_exr(tmp_path / f"p.{frame:04d}.exr")
        marked = np.zeros((48, 64), np.float16)
        marked[10:30, 10:40] = frame in (3, 6)
        write_exr(tmp_path / f"m.{frame:04d}.exr", {"A": marked})
    spec = frame_job(str(tmp_path / "p.%04d.exr"), tmp_path, "1-6", colour=job_samples.LINEAR, model="probe")
    reports = job_samples.Reports()
    job_samples.run(replace(spec, mask_path=str(tmp_path / "m.%04d.exr")), reports=reports)
    told = [text for text in reports.warnings if "mask" in text]
    assert told == [
        "The mask marks nothing in frames 1-2, which are not restored.",
        "The mask marks nothing in frames 4-5, which are not restored.",
    ]
