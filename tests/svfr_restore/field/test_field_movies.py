"""Movies as people have them: with alpha and time codes, turned, cut inside a group, with frames dropped."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import job_samples
import numpy as np
import OpenEXR
import pytest
from field_samples import GRADIENT, frame_job, write_movie

from svfr_restore.errors import (
    MovieRateVaries,
    PlateFormatNotSupported,
)
from svfr_restore.media.plate import open_plate
from svfr_restore.media.timecode import Timecode


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


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30), Fraction(48), Fraction(60000, 1001)])
def test_every_frame_of_a_second_has_a_time_code_of_its_own_that_comes_back(rate: Fraction) -> None:
    start = Timecode(10, 0, 0, 0)
    codes = [start.plus(count, rate) for count in range(round(rate))]
    packed = [code.bits(rate) for code in codes]
    assert len(set(packed)) == round(rate)
    assert [Timecode.of_bits(bits or 0, rate) for bits in packed] == codes
    assert max((bits or 0) & 0x3F for bits in packed) <= 0x29  # decimal digits; the standard stops there


def test_a_rate_that_no_time_code_counts_has_none_and_says_so(tmp_path: Path) -> None:
    assert Timecode(10, 0, 0, 13).bits(Fraction(120)) is None
    path = tmp_path / "fast.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("prores_ks", rate=120)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv422p10le"
        stream.metadata["timecode"] = "10:00:00:00"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(GRADIENT, format="rgb24")))
        file.mux(stream.encode())
    assert any("more frames a second" in note for note in open_plate(path).notes)


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


@pytest.mark.parametrize(
    ("layout", "codec", "alpha"),
    [("gray", "ffv1", None), ("gray10le", "ffv1", None), ("ya8", "png", 0.4), ("ya16be", "png", 0.4)],
)
def test_grey_is_of_full_range_and_keeps_its_alpha(
    layout: str, codec: str, alpha: float | None, tmp_path: Path
) -> None:
    picture = np.dstack([GRADIENT, np.full((48, 64, 1), 102, np.uint8)])
    path = tmp_path / f"g.{'mov' if codec == 'png' else 'mkv'}"
    read = open_plate(write_movie(path, [picture] * 2, codec, layout, "rgba")).read(2)
    np.testing.assert_allclose(read.rgb[0, :, 0], GRADIENT[0, :, 0] / 255, atol=0.006)
    assert (read.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_allclose(read.alpha, alpha, atol=0.005)


def test_a_second_stream_is_told_and_a_cover_is_no_stream(tmp_path: Path) -> None:
    notes = {}
    for name, kind in (("two.mov", "libx264"), ("cover.mp4", "mjpeg")):
        with av.open(str(tmp_path / name), "w") as file:
            second, first = file.add_stream(kind, rate=24), file.add_stream("libx264", rate=24)
            for stream in (first, second):
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            if kind == "mjpeg":
                second.pix_fmt, second.disposition = "yuvj420p", av.stream.Disposition.attached_pic
            for stream in (first, second):
                for number in range(1 if stream is second else 3):
                    frame = av.VideoFrame.from_ndarray(GRADIENT, format="rgb24")
                    frame.pts, frame.time_base = number, Fraction(1, 24)
                    file.mux(stream.encode(frame))
                file.mux(stream.encode())
        plate = open_plate(tmp_path / name)
        notes[name] = plate.notes
    assert "2 streams of pictures" in notes["two.mov"][0]
    assert notes["cover.mp4"] == () and plate.frames == (1, 2, 3)


@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_a_movie_that_ends_before_its_header_says_so_is_told(ending: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (10, 48, 64, 3)).astype(np.uint8)
    path = Path(write_movie(tmp_path / f"t.{ending}", list(noise), "ffv1", "bgr0"))
    assert open_plate(path).notes == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    plate = open_plate(path)
    assert len(plate.frames) < 9 and f"ends after frame {plate.frames[-1]}" in plate.notes[0]
    assert "it has 10" in plate.notes[0]


def test_a_sound_movie_whose_colours_are_not_known_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "ycgco.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.colorspace = 8
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8)).reformat(format="yuv444p")
        file.mux([*stream.encode(grey), *stream.encode()])
    with pytest.raises(PlateFormatNotSupported, match="matrix, number 8") as refused:
        open_plate(path)
    assert "Convert it" in refused.value.remedy


def test_a_movie_of_no_constant_rate_is_refused(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 20 * n, np.uint8) for n in range(1, 7)]
    path = write_movie(tmp_path / "v.mkv", pictures, "ffv1", "bgr0", times=[0, 1, 9, 23, 60, 61])
    with pytest.raises(MovieRateVaries, match="constant"):
        open_plate(path)


QUARTERS = np.kron([[20, 90], [160, 230]], np.ones((24, 32))).astype(np.uint8)


def shown_by(path: Path, a: float, b: float, c: float, d: float) -> str:
    """Four grey quarters, 20 90 / 160 230, with this display matrix in their track's header."""
    write_movie(path, [np.dstack([QUARTERS] * 3)] * 2, "libx264", "yuv420p")
    data = bytearray(path.read_bytes())
    matrix = [round(value * 0x10000) for value in (a, b, 0, c, d, 0, 0, 0)]
    at = data.find(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", *matrix, 0x40000000)
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(
    ("matrix", "quarters"),
    [
        ((1, 0, 0, 1), [20, 90, 160, 230]),
        ((-1, 0, 0, 1), [90, 20, 230, 160]),
        ((-1, 0, 0, -1), [230, 160, 90, 20]),
        ((1, 0, 0, -1), [160, 230, 20, 90]),
        ((0, 1, 1, 0), [20, 160, 90, 230]),
        ((0, 1, -1, 0), [160, 20, 230, 90]),
        ((0, -1, -1, 0), [230, 90, 160, 20]),
        ((0, -1, 1, 0), [90, 230, 20, 160]),
    ],
    ids=str,
)
def test_a_movie_is_turned_and_mirrored_as_it_asks(
    matrix: tuple[int, int, int, int], quarters: list[int], tmp_path: Path
) -> None:
    plate = open_plate(shown_by(tmp_path / "phone.mp4", *matrix))
    assert plate.notes == ()
    assert plate.display.shape == ((48, 64) if matrix[0] else (64, 48))
    rgb = plate.read(2).rgb
    assert rgb.shape[:2] == plate.display.shape
    height, width = plate.display.shape
    seen = [rgb[y, x, 1] * 255 for y in (8, height - 8) for x in (8, width - 8)]
    np.testing.assert_allclose(seen, quarters, atol=4)


@pytest.mark.parametrize("matrix", [(0.7, 0.7, -0.7, 0.7), (1, 0.5, 0, 1), (0, 0, 0, 0)], ids=str)
def test_a_movie_that_asks_for_an_oblique_angle_is_read_as_it_lies_and_says_so(
    matrix: tuple[float, float, float, float], tmp_path: Path
) -> None:
    plate = open_plate(shown_by(tmp_path / "oblique.mp4", *matrix))
    assert plate.display.shape == (48, 64)
    assert any("turned by no quarter" in note for note in plate.notes)
