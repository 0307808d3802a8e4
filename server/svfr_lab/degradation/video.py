"""Real video codecs: a clip is encoded and decoded in memory, picture by picture, without a container.

Colours go through 8-bit 4:2:0 in limited range, with chroma sampled where H.264 and MPEG-2 say (on the left
luma column, between two rows), and come back through the code that reads movies. One thread on both sides:
the same pictures give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import cast

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from svfr_client.reasons import in_one_line
from svfr_lab.degradation.draws import Range, SomeClips, bernoulli, require_within, uniform, weighted_choice
from svfr_lab.degradation.errors import VideoCodecFailed
from svfr_restore.media.movie_frame import MovieTags, frame_rgb
from svfr_restore.media.yuv import BT601, BT709, YuvCoding

_RATE = Fraction(25)
_LIMITED_RANGE = 1
_SMALLEST_SIDE_PX = 16
_SMALLEST_BITS_PER_SECOND = 2000
_SMALLEST_BUFFER_BITS = 16384  # the unit in which MPEG-2 and MPEG-4 files say the size of the buffer
_BLOCK_PX = 16

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


class Codec(StrEnum):
    """FFmpeg's name of an encoder."""

    NONE = "none"
    """The clip never was a video file."""
    H264 = "libx264"
    MPEG4 = "mpeg4"
    MPEG2 = "mpeg2video"
    VP9 = "libvpx-vp9"


class RateControl(StrEnum):
    """What ``VideoCoding.rate`` counts."""

    QUALITY = "quality"
    """Constant quality: the CRF of H.264 (0 to 51) and VP9 (0 to 63), the quantiser of MPEG (1 to 31)."""
    BITS_PER_PIXEL = "bits_per_pixel"
    """A bit rate, whatever the pictures need."""


class Matrix(StrEnum):
    """Which luma the file was made with; it is tagged so, and read so."""

    BT601 = "bt601"
    BT709 = "bt709"


_MATRIX_NUMBERS = {Matrix.BT601: BT601, Matrix.BT709: BT709}
_DECODERS = {Codec.H264: "h264", Codec.MPEG4: "mpeg4", Codec.MPEG2: "mpeg2video", Codec.VP9: "vp9"}
_WORST_QUALITY = {Codec.NONE: 0.0, Codec.H264: 51.0, Codec.MPEG4: 31.0, Codec.MPEG2: 31.0, Codec.VP9: 63.0}


@dataclass(frozen=True, kw_only=True)
class VideoCoding:
    """How a clip was coded.

    ``preset`` is H.264's; the others have none. ``gop`` is the largest distance of key frames; ``b_frames``
    how many frames between references, at most. The clip lies ``offset_px`` (right, down) from the corner of
    a block of the larger picture it was part of, as a face does.
    """

    codec: Codec
    control: RateControl
    rate: float
    preset: str
    gop: int
    b_frames: int
    matrix: Matrix
    offset_px: tuple[int, int]

    def __post_init__(self) -> None:
        is_quality = self.control is RateControl.QUALITY
        require_within("rate", self.rate, 0, _WORST_QUALITY[self.codec] if is_quality else 24.0)
        require_within("gop", self.gop, 1, 1000)
        require_within("b_frames", self.b_frames, 0, 3)
        for offset in self.offset_px:
            require_within("offset_px", offset, 0, _BLOCK_PX - 1)


NO_VIDEO = VideoCoding(
    codec=Codec.NONE,
    control=RateControl.QUALITY,
    rate=0.0,
    preset="",
    gop=1,
    b_frames=0,
    matrix=Matrix.BT709,
    offset_px=(0, 0),
)


@dataclass(frozen=True)
class VideoRanges(SomeClips[VideoCoding]):
    """``share`` of the clips were video; ``quality`` lists codecs, how often each is drawn, and its range.

    ``bit_rate_share`` of the clips have a constant bit rate instead.
    """

    none = NO_VIDEO
    quality: tuple[tuple[Codec, float, Range], ...] = (
        (Codec.H264, 0.55, (18.0, 38.0)),
        (Codec.MPEG4, 0.2, (2.0, 16.0)),
        (Codec.MPEG2, 0.2, (2.0, 14.0)),
        (Codec.VP9, 0.05, (20.0, 52.0)),
    )
    bit_rate_share: float = 0.25
    bits_per_pixel: Range = (0.05, 0.6)
    presets: tuple[tuple[str, float], ...] = (("ultrafast", 1.0), ("veryfast", 1.0), ("medium", 1.0))
    gop: tuple[int, int] = (1, 48)

    def _drawn(self, rng: np.random.Generator) -> VideoCoding:
        codec, limits = weighted_choice(
            rng, tuple(((codec, limits), weight) for codec, weight, limits in self.quality)
        )
        is_bit_rate = bernoulli(rng, self.bit_rate_share)
        return VideoCoding(
            codec=codec,
            control=RateControl.BITS_PER_PIXEL if is_bit_rate else RateControl.QUALITY,
            rate=uniform(rng, self.bits_per_pixel if is_bit_rate else limits),
            preset=weighted_choice(rng, self.presets) if codec is Codec.H264 else "",
            gop=int(rng.integers(self.gop[0], self.gop[1] + 1)),
            b_frames=int(rng.integers(0, 3)),
            matrix=Matrix.BT601 if bernoulli(rng, 0.5) else Matrix.BT709,
            offset_px=(int(rng.integers(_BLOCK_PX)), int(rng.integers(_BLOCK_PX))),
        )


def through_video(clip: NDArray[np.float32], coding: VideoCoding) -> NDArray[np.float32]:
    """Return the clip (F, h, w, 3), clipped to 0..1, as the codec gives it back: as many frames, as large.

    Raises VideoCodecFailed when the installed PyAV lacks the codec, or does not give back every frame.
    """
    if coding.codec is Codec.NONE:
        return clip
    height, width = clip.shape[1:3]
    left, top = coding.offset_px
    right, bottom = (_missing(offset + side) for offset, side in ((left, width), (top, height)))
    whole = np.pad(np.clip(clip, 0, 1), ((0, 0), (top, bottom), (left, right), (0, 0)), mode="symmetric")
    matrix = _MATRIX_NUMBERS[coding.matrix]
    try:
        decoded = list(_coded(_planes(whole, matrix), coding, matrix))
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoCodecFailed(
            f"The codec {coding.codec} failed: {in_one_line(error)}.",
            remedy="Install the PyAV wheel from the package index, which carries it.",
        ) from error
    if len(decoded) != len(clip):
        raise VideoCodecFailed(
            f"The codec {coding.codec} gave back {len(decoded)} of {len(clip)} frames.",
            remedy="Choose another codec, or report the version of PyAV.",
        )
    tags = MovieTags(_DECODERS[coding.codec], matrix, _LIMITED_RANGE)
    seen = np.stack([frame_rgb(frame, tags) for frame in decoded])
    return np.clip(seen[:, top : top + height, left : left + width], 0, 1)


def _missing(side: int) -> int:
    """Return what to add to a side: 4:2:0 needs even ones, and some codecs at least one block."""
    return max(_SMALLEST_SIDE_PX - side, side % 2)


def _planes(clip: NDArray[np.float32], matrix: int) -> Iterator[Planes]:
    """Yield 8-bit limited-range Y, Cb and Cr of each frame; chroma is 4:2:0, on the left luma column."""
    kr, kg, kb = YuvCoding(matrix, False, 8).weights
    luma = clip @ np.array([kr, kg, kb], np.float32)
    blue = (clip[..., 2] - luma) / np.float32(2 * (1 - kb))
    red = (clip[..., 0] - luma) / np.float32(2 * (1 - kr))
    y = np.rint(luma * 219 + 16).astype(np.uint8)
    b, r = (np.rint(_every_other(plane) * 224 + 128).astype(np.uint8) for plane in (blue, red))
    return zip(y, b, r, strict=True)


def _every_other(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (F, h / 2, w / 2): the mean of two rows, and of three columns weighted 1 2 1."""
    rows = (plane[:, 0::2] + plane[:, 1::2]) / 2
    before = np.concatenate([rows[..., :1], rows[..., 1:-1:2]], axis=-1)
    return np.asarray((before + 2 * rows[..., 0::2] + rows[..., 1::2]) / 4, np.float32)


def _coded(planes: Iterator[Planes], coding: VideoCoding, matrix: int) -> Iterator[av.VideoFrame]:
    """Yield decoded frames in order of presentation."""
    encoder: av.VideoCodecContext | None = None
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[coding.codec], "r"))
    decoder.thread_count = 1
    for number, one in enumerate(planes):
        encoder = encoder or _encoder(coding, one[0].shape, matrix)
        for packet in encoder.encode(_frame(one, number, matrix)):
            yield from decoder.decode(packet)
    if encoder is not None:
        for packet in encoder.encode(None):
            yield from decoder.decode(packet)
    yield from decoder.decode(None)


def _encoder(coding: VideoCoding, shape: tuple[int, ...], matrix: int) -> av.VideoCodecContext:
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(coding.codec.value, "w"))
    encoder.height, encoder.width = shape
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", _RATE, 1 / _RATE
    encoder.colorspace, encoder.color_range = matrix, _LIMITED_RANGE
    encoder.thread_count, encoder.gop_size = 1, coding.gop
    options = {"bf": str(coding.b_frames)} if coding.codec is not Codec.VP9 else _VP9_OPTIONS
    if coding.codec is Codec.H264:
        options = options | {"preset": coding.preset, "x264-params": _X264_PARAMS}
    if coding.control is RateControl.BITS_PER_PIXEL:
        bits = max(_SMALLEST_BITS_PER_SECOND, int(coding.rate * shape[0] * shape[1] * _RATE))
        encoder.bit_rate = encoder.bit_rate_tolerance = bits
        # a short buffer: rate control that averages over seconds would never notice a clip
        options = options | {"maxrate": str(bits), "bufsize": str(max(_SMALLEST_BUFFER_BITS, bits // 8))}
    else:
        options = options | _quality_options(coding)
    encoder.options = options
    return encoder


# x264's assembler of the macroblock tree reads memory that nothing has written: equal pictures gave six
# different streams, by what the memory held
_X264_PARAMS = "threads=1:sliced-threads=0:mbtree=0"
_VP9_OPTIONS = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}


def _quality_options(coding: VideoCoding) -> dict[str, str]:
    if coding.codec is Codec.H264:
        return {"crf": f"{coding.rate:.2f}"}
    if coding.codec is Codec.VP9:
        return {"crf": str(round(coding.rate)), "b": "0"}
    quantiser = str(max(1, round(coding.rate)))
    return {"qmin": quantiser, "qmax": quantiser}


def _frame(planes: Planes, number: int, matrix: int) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, codes in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = codes
        plane.update(padded.tobytes())
    frame.pts, frame.time_base = number, 1 / _RATE
    frame.colorspace, frame.color_range = matrix, _LIMITED_RANGE
    return frame
