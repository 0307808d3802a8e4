"""Movies: exact frames, and colours by matrix, range and depth, against films made here with known values."""

import random
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
import pytest

from svfr_client.errors import FileCannotBeWritten, FrameIsMissing
from svfr_restore.errors import FrameSizeDiffers, MovieCannotBeRead
from svfr_restore.media.exr.writer import write_restored
from svfr_restore.media.movie_frame import MovieTags, frame_rgb
from svfr_restore.media.movie_writer import MovieWriter
from svfr_restore.media.plate import open_plate
from svfr_restore.media.plate_check import check_plate
from svfr_restore.media.window import Window
from svfr_restore.media.yuv import YuvCoding, upsample_chroma

COLOURS = np.array(
    [[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.15, 0.2, 0.95], [0.5, 0.5, 0.5], [1, 1, 1], [0, 0, 0]]
)
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
MATRIX_TAGS = {"601": 6, "709": 1, "2020": 9, None: 2}


def yuv_codes(rgb: np.ndarray, matrix: str, full: bool, bits: int) -> np.ndarray:
    """The equations of the ITU recommendations, written out once more for the test."""
    kr, kb = WEIGHTS[matrix]
    luma = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    blue = (rgb[..., 2] - luma) / (2 - 2 * kb)
    red = (rgb[..., 0] - luma) / (2 - 2 * kr)
    top, step = 2**bits - 1, 2 ** (bits - 8)
    if full:
        codes = [luma * top, blue * top + 2 ** (bits - 1), red * top + 2 ** (bits - 1)]
    else:
        codes = [(luma * 219 + 16) * step, (blue * 224 + 128) * step, (red * 224 + 128) * step]
    return np.clip(np.rint(np.stack(codes)), 0, top).astype(np.uint16 if bits > 8 else np.uint8)


def patches(width: int, height: int) -> np.ndarray:
    """Six flat vertical bars."""
    return np.repeat(COLOURS, width // len(COLOURS), axis=0)[None].repeat(height, axis=0)


def fill(plane: av.video.plane.VideoPlane, values: np.ndarray) -> None:
    rows = np.zeros((plane.height, plane.line_size // values.dtype.itemsize), values.dtype)
    rows[:, : plane.width] = values
    plane.update(rows)


def write_film(
    path: Path,
    *,
    matrix: str | None,
    full: bool,
    pix_fmt: str,
    bits: int = 8,
    size: tuple[int, int] = (96, 64),
    codec: str = "ffv1",
    coded_as: str | None = None,
) -> np.ndarray:
    """One lossless frame of flat bars; returns their RGB. ``matrix`` None writes no tag."""
    rgb = patches(*size)
    planes = yuv_codes(rgb, coded_as or matrix or "601", full, bits)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        context = stream.codec_context
        context.colorspace = MATRIX_TAGS[matrix]
        context.color_range = 2 if full else 1
        frame = av.VideoFrame(*size, pix_fmt)
        frame.colorspace, frame.color_range = MATRIX_TAGS[matrix], 2 if full else 1
        for plane, values in zip(frame.planes, planes, strict=True):
            fill(plane, values[:: size[1] // plane.height, :: size[0] // plane.width])
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return rgb


def middle_of_bars(picture: np.ndarray) -> np.ndarray:
    width = picture.shape[1] // len(COLOURS)
    return picture[picture.shape[0] // 2, width // 2 :: width]


@pytest.mark.parametrize("matrix", ["601", "709", "2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("pix_fmt", "bits"),
    [("yuv420p", 8), ("yuv444p", 8), ("yuv422p10le", 10), ("yuv420p10le", 10), ("yuv444p16le", 16)],
)
def test_tagged_films_give_their_colours(
    tmp_path: Path, matrix: str, full: bool, pix_fmt: str, bits: int
) -> None:
    rgb = write_film(tmp_path / "film.mkv", matrix=matrix, full=full, pix_fmt=pix_fmt, bits=bits)
    frame = open_plate(tmp_path / "film.mkv").read(1)
    assert frame.rgb.dtype == np.float32 and frame.sample_bits == bits
    step = 2.0 ** -(bits - 1)  # a rounded luma and a rounded chroma, times the matrix
    np.testing.assert_allclose(middle_of_bars(frame.rgb), middle_of_bars(rgb), atol=1.3 * step)


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((720, 576), "601"), ((720, 480), "601"), ((1296, 720), "709"), ((1920, 1080), "709")],
)
def test_untagged_sd_is_601_and_hd_is_709(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    rgb = write_film(
        tmp_path / "film.mkv", matrix=None, full=False, pix_fmt="yuv444p", size=size, coded_as=matrix
    )
    frame = open_plate(tmp_path / "film.mkv").read(1)
    np.testing.assert_allclose(middle_of_bars(frame.rgb), middle_of_bars(rgb), atol=0.01)


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    """Every one of the 877 luma codes of a 10 bit film is a value of its own."""
    path = tmp_path / "film.mkv"
    codes = np.arange(64, 941, dtype=np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 878, 16, "yuv420p10le"
        frame = av.VideoFrame(878, 16, "yuv420p10le")
        fill(frame.planes[0], np.append(codes, 940)[None].repeat(16, axis=0).astype(np.uint16))
        for plane in frame.planes[1:]:
            fill(plane, np.full((8, 439), 512, np.uint16))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    picture = open_plate(path).read(1)
    np.testing.assert_allclose(picture.rgb[8, :877, 0], (codes.astype(float) - 64) / 876, atol=1e-6)
    assert len(np.unique(picture.rgb[8, :, 1])) == 877


@pytest.mark.parametrize("layout", ["nv12", "yuyv422", "uyvy422", "p010le", "y210le"])
@pytest.mark.parametrize("colour_range", [1, 2], ids=["limited", "full"])
def test_packed_layouts_give_the_same_values_as_planes(
    tmp_path: Path, layout: str, colour_range: int
) -> None:
    bits = 10 if layout.endswith("10le") else 8
    planar = {"nv12": "yuv420p", "p010le": "yuv420p10le", "y210le": "yuv422p10le"}.get(layout, "yuv422p")
    write_film(tmp_path / "film.mkv", matrix="709", full=colour_range == 2, pix_fmt=planar, bits=bits)
    with av.open(str(tmp_path / "film.mkv")) as container:
        planes = next(container.decode(video=0))
    packed = planes.reformat(format=layout, src_color_range=colour_range, dst_color_range=colour_range)
    tags = MovieTags("rawvideo", 1, colour_range)
    np.testing.assert_array_equal(frame_rgb(packed, tags), frame_rgb(planes, tags))


@pytest.mark.parametrize(
    ("name", "pix_fmt", "codec", "options"),
    [
        ("film.mkv", "bgr24", "libx264rgb", {"qp": "0"}),
        ("film.mkv", "gbrp", "libx265", {"x265-params": "lossless=1:log-level=none"}),
        ("film.mov", "rgb24", "png", {}),
        ("film.mov", "rgb48be", "png", {}),
    ],
)
def test_rgb_films_are_their_numbers(
    tmp_path: Path, name: str, pix_fmt: str, codec: str, options: dict[str, str]
) -> None:
    top = 65535 if pix_fmt == "rgb48be" else 255
    rgb = np.random.default_rng(2).integers(0, top + 1, (64, 96, 3)).astype("u2" if top > 255 else "u1")
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        stream.options = options
        packed = av.VideoFrame.from_ndarray(rgb, format="rgb48le" if top > 255 else "rgb24")
        packed.pts, packed.time_base = (
            0,
            Fraction(1, 24),
        )  # else an encoder may leave its packet without a time
        container.mux(stream.encode(packed.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    np.testing.assert_allclose(open_plate(tmp_path / name).read(1).rgb, rgb / np.float32(top), atol=1e-7)


def number_picture(number: int, width: int = 160, height: int = 32) -> np.ndarray:
    """Eight black or white blocks: a frame number that survives compression."""
    blocks = np.array([number >> bit & 1 for bit in range(8)]) * 255
    return (
        np.repeat(blocks, width // 8)[None, :, None].repeat(height, axis=0).repeat(3, axis=2).astype(np.uint8)
    )


def number_in(rgb: np.ndarray) -> int:
    blocks = rgb.mean(axis=(0, 2)).reshape(8, -1).mean(axis=1) > 0.5
    return int(sum(1 << bit for bit in range(8) if blocks[bit]))


FILMS = {
    "h264 with B-frames": ("film.mp4", "libx264", {"bf": "3", "g": "12", "sc_threshold": "0"}),
    "h264 with open groups": (
        "film.mkv",
        "libx264",
        {"x264-params": "open-gop=1:bframes=3:keyint=10:scenecut=0"},
    ),
    "h264 with one keyframe": ("film.mov", "libx264", {"g": "500", "bf": "2", "sc_threshold": "0"}),
    "hevc": ("film.mp4", "libx265", {"x265-params": "keyint=15:bframes=4:log-level=none"}),
    "mpeg4 in avi": ("film.avi", "mpeg4", {"g": "10", "bf": "2"}),
    "mpeg2 in a transport stream": ("film.ts", "mpeg2video", {"g": "9", "bf": "2"}),
    "all intra": ("film.mov", "prores_ks", {}),
}


def write_numbers(
    path: Path, codec: str, options: dict[str, str], count: int, rate: Fraction = Fraction(24)
) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = 160, 32
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        stream.bit_rate = 2_000_000
        stream.options = options
        for number in range(1, count + 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(number_picture(number), format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("film", FILMS)
def test_random_access_gives_exactly_the_asked_frame(tmp_path: Path, film: str) -> None:
    name, codec, options = FILMS[film]
    write_numbers(tmp_path / name, codec, options, 100)
    plate = open_plate(tmp_path / name)
    assert plate.frames == tuple(range(1, 101))
    order = list(plate.frames)
    random.Random(5).shuffle(order)
    assert [number_in(plate.read(frame).rgb) for frame in order] == order
    in_order = [number_in(plate.read(frame).rgb) for frame in plate.frames]
    assert in_order == list(plate.frames)


def test_the_same_frame_has_the_same_bits_however_it_is_reached(tmp_path: Path) -> None:
    name, codec, options = FILMS["h264 with open groups"]
    write_numbers(tmp_path / name, codec, options, 60)
    forward = {frame: open_plate(tmp_path / name).read(frame).rgb for frame in (11, 29, 58)}
    plate = open_plate(tmp_path / name)
    for frame in (58, 29, 11, 29):
        np.testing.assert_array_equal(plate.read(frame).rgb, forward[frame])


def test_a_movie_knows_rate_size_aspect_and_colour(tmp_path: Path) -> None:
    write_numbers(tmp_path / "film.mp4", "libx264", {}, 5, Fraction(24000, 1001))
    plate = open_plate(tmp_path / "film.mp4")
    assert plate.kind == "movie" and plate.fps == Fraction(24000, 1001) and plate.sample_bits == 8
    assert plate.display == Window(0, 0, 160, 32) and plate.pixel_aspect == 1.0
    assert plate.colour_hint == "g24_rec709_display"


def test_frames_beyond_the_movie_are_missing(tmp_path: Path) -> None:
    write_numbers(tmp_path / "film.mp4", "libx264", {}, 5)
    plate = open_plate(tmp_path / "film.mp4")
    problems = check_plate(plate, range(0, 8), "error")
    assert [(type(p), p.frame) for p in problems] == [(FrameIsMissing, f) for f in (0, 6, 7)]
    with pytest.raises(FrameIsMissing, match="from 1 to 5"):
        plate.read(6)


@pytest.mark.parametrize("content", [b"", b"no movie at all" * 50], ids=["empty", "text"])
def test_a_file_that_is_no_movie_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(MovieCannotBeRead) as caught:
        open_plate(tmp_path / "film.mp4")
    assert caught.value.path == str(tmp_path / "film.mp4") and caught.value.remedy


def test_a_movie_cut_in_half_is_named(tmp_path: Path) -> None:
    write_numbers(tmp_path / "film.mp4", "libx264", {}, 50)
    data = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "film.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(MovieCannotBeRead):
        open_plate(tmp_path / "film.mp4")


def test_a_sound_file_has_no_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 480), np.int16), format="s16", layout="mono")
        sound.sample_rate = 48000
        container.mux(stream.encode(sound))
    with pytest.raises(MovieCannotBeRead, match="no video stream"):
        open_plate(tmp_path / "sound.mkv")


def test_a_movie_that_changes_size_is_named_at_the_frame(tmp_path: Path) -> None:
    for name, size in (("a.ts", (96, 64)), ("b.ts", (48, 32))):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mpeg2video", rate=24)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for number in range(4):
                frame = av.VideoFrame(*size, "yuv420p")
                frame.pts = number + (4 if name == "b.ts" else 0)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    joined = tmp_path / "film.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    plate = open_plate(joined)
    with pytest.raises(FrameSizeDiffers, match="48x32"):
        for frame in plate.frames:
            plate.read(frame)


def test_unknown_matrices_are_refused_with_their_number() -> None:
    with pytest.raises(ValueError, match="matrix, number 14"):
        YuvCoding.of(14, False, 10, 1920, 1080)


def test_chroma_is_interpolated_from_where_it_was_sampled() -> None:
    """A linear ramp comes back exactly between the samples, for both horizontal positions."""
    height, width = 16, 32
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    for left_sited, offset in ((True, 0.0), (False, 0.5)):
        plane = (x + offset + 10 * (y + 0.5))[::2, ::2]
        up = upsample_chroma(plane, (height, width), left_sited)
        np.testing.assert_allclose(up[1:-1, 1:-2], (x + 10 * y)[1:-1, 1:-2], atol=1e-4)


def test_odd_sizes_read_whole(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 33, 17, "yuv420p"
        frame = av.VideoFrame(33, 17, "yuv420p")
        for plane, value in zip(frame.planes, (235, 128, 128), strict=True):
            fill(plane, np.full((plane.height, plane.width), value, np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    rgb = open_plate(tmp_path / "film.mkv").read(1).rgb
    assert rgb.shape == (17, 33, 3)
    np.testing.assert_allclose(rgb, 1.0, atol=1e-6)


@pytest.mark.parametrize(("pix_fmt", "bits", "dtype"), [("yuv444p", 8, "half"), ("yuv422p10le", 10, "float")])
def test_restored_movie_frames_become_exr_with_rate_and_space(
    tmp_path: Path, pix_fmt: str, bits: int, dtype: str
) -> None:
    write_film(tmp_path / "film.mkv", matrix="709", full=False, pix_fmt=pix_fmt, bits=bits)
    frame = open_plate(tmp_path / "film.mkv").read(1)
    changed = np.zeros((64, 96), bool)
    changed[10:20, 10:20] = True
    rgb = np.full_like(frame.rgb, np.nan)
    rgb[changed] = 0.25
    write_restored(frame, tmp_path / "out.0001.exr", rgb, changed, interop_id="g24_rec709_display")
    source = oiio.ImageInput.open(str(tmp_path / "out.0001.exr"))
    spec = source.spec()
    assert str(spec.format) == dtype
    assert spec.getattribute("colorInteropID") == "g24_rec709_display"
    raw = (tmp_path / "out.0001.exr").read_bytes()
    assert b"framesPerSecond\0rational\0" + struct.pack("<iiI", 8, 24, 1) in raw
    pixels = source.read_image(oiio.FLOAT)
    assert (pixels[10:20, 10:20] == 0.25).all()
    np.testing.assert_allclose(pixels[~changed], frame.rgb[~changed], atol=2.0**-12 if bits == 8 else 0)


def test_preview_movies_show_the_colours_they_were_given(tmp_path: Path) -> None:
    rgb = patches(96, 64).astype(np.float32)
    with MovieWriter(tmp_path / "preview.mp4", Fraction(25)) as movie:
        for _ in range(3):
            movie.write(rgb)
    plate = open_plate(tmp_path / "preview.mp4")
    assert plate.frames == (1, 2, 3) and plate.fps == 25
    assert plate.colour_hint == "srgb_rec709_display"
    np.testing.assert_allclose(middle_of_bars(plate.read(2).rgb), middle_of_bars(rgb), atol=0.02)
    with av.open(str(tmp_path / "preview.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            13,
            1,
        )


def test_previews_of_odd_size_play_and_other_sizes_are_refused(tmp_path: Path) -> None:
    with MovieWriter(tmp_path / "preview.mp4") as movie:
        movie.write(np.full((33, 65, 3), 0.5, np.float32))
        with pytest.raises(ValueError, match="the movie's are"):
            movie.write(np.full((32, 64, 3), 0.5, np.float32))
    assert open_plate(tmp_path / "preview.mp4").display == Window(0, 0, 66, 34)


@pytest.mark.parametrize("error", [KeyError("stopped"), FileNotFoundError("another file")])
def test_a_preview_whose_block_fails_leaves_no_file_and_the_blocks_error(
    tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error)), MovieWriter(tmp_path / "preview.mp4") as movie:
        movie.write(np.zeros((16, 16, 3), np.float32))
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_preview_of_nothing_or_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one picture"), MovieWriter(tmp_path / "preview.mp4"):
        pass
    with pytest.raises(FileCannotBeWritten), MovieWriter(tmp_path / "nowhere" / "preview.mp4") as movie:
        for _ in range(40):
            movie.write(np.zeros((16, 16, 3), np.float32))
    assert list(tmp_path.iterdir()) == []
