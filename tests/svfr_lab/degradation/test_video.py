import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from svfr_lab.degradation.errors import VideoCodecFailed
from svfr_lab.degradation.registry import RICH
from svfr_lab.degradation.video import (
    NO_VIDEO,
    Codec,
    Matrix,
    RateControl,
    VideoCoding,
    VideoRanges,
    through_video,
)
from svfr_lab.errors import ArgumentOutOfRange

CODECS = [codec for codec in Codec if codec is not Codec.NONE]
BEST = {Codec.H264: 1.0, Codec.MPEG4: 1.0, Codec.MPEG2: 1.0, Codec.VP9: 2.0}
POOR = {Codec.H264: 40.0, Codec.MPEG4: 20.0, Codec.MPEG2: 20.0, Codec.VP9: 58.0}


def coding(codec, rate, **changes):
    control = changes.pop("control", RateControl.QUALITY)
    usual = VideoCoding(
        codec=codec,
        control=control,
        rate=rate,
        preset="veryfast" if codec is Codec.H264 else "",
        gop=12,
        b_frames=2,
        matrix=Matrix.BT709,
        offset_px=(0, 0),
    )
    return dataclasses.replace(usual, **changes)


@pytest.fixture(scope="module")
def clip():
    """Nine frames of soft colour under a moving square."""
    y, x = np.mgrid[0:48, 0:64] / 64
    frames = []
    for frame in range(9):
        picture = np.stack([x, y, 0.5 + 0.3 * np.sin(9 * x)], axis=-1)
        picture[10:26, 5 + 4 * frame : 21 + 4 * frame] = (0.9, 0.3, 0.2)
        frames.append(picture)
    return np.stack(frames).astype(np.float32)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("shape", [(9, 48, 64), (1, 48, 64), (5, 37, 53), (3, 8, 9)])
def test_every_frame_comes_back_at_its_size(codec, shape, clip):
    cut = clip[: shape[0], : shape[1], : shape[2]]
    seen = through_video(cut, coding(codec, POOR[codec], offset_px=(5, 3)))
    assert seen.shape == (*shape, 3) and seen.dtype == np.float32
    assert seen.min() >= 0 and seen.max() <= 1


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_frames_keep_their_order(codec, b_frames):
    levels = np.array([0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.25, 0.75], np.float32)
    flat = np.broadcast_to(levels[:, None, None, None], (8, 32, 32, 3)).astype(np.float32)
    seen = through_video(flat, coding(codec, BEST[codec], b_frames=b_frames))
    assert np.allclose(seen.mean(axis=(1, 2, 3)), levels, atol=0.03)


@pytest.mark.parametrize("matrix", list(Matrix))
@pytest.mark.parametrize("codec", CODECS)
def test_a_grey_ramp_comes_back_grey_and_as_bright(codec, matrix):
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None], (3, 48, 64, 3))
    seen = through_video(np.ascontiguousarray(ramp), coding(codec, BEST[codec], matrix=matrix))
    assert np.abs(seen - ramp).max() < 6 / 255
    assert abs(float((seen - ramp).mean())) < 0.5 / 255
    assert np.ptp(seen, axis=-1).mean() < 1 / 255


@pytest.mark.parametrize("matrix", list(Matrix))
@pytest.mark.parametrize("codec", CODECS)
def test_colour_bars_keep_their_colours(codec, matrix):
    colours = 0.1 + 0.75 * np.array([(c >> 2 & 1, c >> 1 & 1, c & 1) for c in range(8)], np.float32)
    bars = np.broadcast_to(np.repeat(colours, 16, axis=0), (3, 32, 128, 3))
    seen = through_video(np.ascontiguousarray(bars), coding(codec, BEST[codec], matrix=matrix))
    for number, colour in enumerate(colours):
        inside = seen[:, 4:-4, 16 * number + 5 : 16 * number + 11]
        assert np.allclose(inside.mean(axis=(0, 1, 2)), colour, atol=3 / 255), number


@pytest.mark.parametrize("direction", [0, 1])
def test_colour_does_not_move_against_lightness(direction):
    slope_code = 1 / 64
    ramp = np.full((2, 64, 64, 3), 0.5, np.float32)
    ramp[..., 0] = (np.mgrid[0:64, 0:64][direction] + 0.5) * slope_code
    seen = through_video(ramp, coding(Codec.H264, 1.0))
    error = (seen - ramp)[:, 8:-8, 8:-8]
    half_a_pixel = slope_code / 2
    assert abs(float((error[..., 0] - error[..., 1]).mean())) < half_a_pixel / 4


@pytest.mark.parametrize("codec", CODECS)
def test_a_worse_quality_and_a_lower_bit_rate_lose_more(codec, clip):
    def error(rate, control):
        return np.abs(through_video(clip, coding(codec, rate, control=control)) - clip).mean()

    assert error(BEST[codec], RateControl.QUALITY) < 0.8 * error(POOR[codec], RateControl.QUALITY)
    assert error(6.0, RateControl.BITS_PER_PIXEL) < error(0.02, RateControl.BITS_PER_PIXEL)


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_pictures_give_the_same_bytes(codec, clip):
    first, again = (through_video(clip, coding(codec, POOR[codec])).tobytes() for _ in range(2))
    assert first == again


IN_A_PROCESS = """
import sys, numpy as np
from svfr_lab.degradation.video import Codec, Matrix, RateControl, VideoCoding, through_video
coding = VideoCoding(
    codec=Codec.H264, control=RateControl.QUALITY, rate=40.0, preset="medium", gop=12, b_frames=2,
    matrix=Matrix.BT709, offset_px=(0, 0),
)
sys.stdout.buffer.write(through_video(np.load(sys.argv[1]), coding).tobytes())
"""


def test_h264_does_not_depend_on_what_the_memory_held(tmp_path, clip):
    """The C library fills what is allocated and freed with another byte each time."""
    np.save(tmp_path / "clip.npy", clip)
    command = [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "clip.npy")]
    seen = {
        subprocess.run(
            command, env=dict(os.environ, MALLOC_PERTURB_=filled), capture_output=True, check=True
        ).stdout
        for filled in ("0", "170", "255")
    }
    assert len(seen) == 1


def test_where_a_clip_lies_in_the_blocks_changes_what_is_lost(clip):
    here, there = (through_video(clip, coding(Codec.MPEG2, 20.0, offset_px=o)) for o in ((0, 0), (7, 5)))
    assert not np.array_equal(here, there)


def test_no_codec_changes_nothing(clip):
    assert through_video(clip, NO_VIDEO) is clip


def test_what_the_codec_refuses_is_a_named_error(clip):
    with pytest.raises(VideoCodecFailed, match="libx264") as caught:
        through_video(clip, coding(Codec.H264, 20.0, preset="breakneck"))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": -1.0},
        {"rate": 52.0},
        {"rate": float("nan")},
        {"gop": 0},
        {"b_frames": 9},
        {"offset_px": (16, 0)},
    ],
)
def test_impossible_codings_are_refused(wrong):
    with pytest.raises(ArgumentOutOfRange, match=next(iter(wrong))):
        coding(Codec.H264, **{"rate": 20.0, **wrong})


def test_drawn_codings_cover_every_codec_and_all_work(clip):
    rng = np.random.default_rng(3)
    drawn = [VideoRanges(0.8).draw(rng) for _ in range(60)]
    assert {one.codec for one in drawn} == set(Codec)
    assert {one.control for one in drawn} == set(RateControl)
    for one in drawn[:20]:
        assert through_video(clip[:2, :24, :24], one).shape == (2, 24, 24, 3)
    assert RICH.first_copy.video.share < 1
