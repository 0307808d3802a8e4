"""Movies from code-value pictures, tagged so that players show the same colours: for looking at, beside EXRs.

H.264 is 8 bit 4:2:0, which every browser plays, ProRes 10 bit 4:2:2, both with the Rec.709 matrix in limited
range; FFV1 keeps all bits of 16-bit RGB. Primaries and curve are those that the caller's pictures have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import whole_file

# Codes of ITU-T H.273, and ffmpeg's of the range.
_RGB_MATRIX, _BT709, _SRGB_CURVE = 0, 1, 13
_LIMITED, _FULL = 1, 2
_MADE_BY = "SVFR Studio"
_TOP_16 = 65535.0


@dataclass(frozen=True)
class MovieForm:
    """How a movie is coded: container, encoder, layout of its pixels and options, by ffmpeg's names.

    ``multiples`` are what its width and height must be multiples of.
    """

    container: str
    encoder: str
    layout: str
    options: Mapping[str, str]
    multiples: tuple[int, int] = (1, 1)

    @property
    def is_rgb(self) -> bool:
        """Return whether its pixels are RGB as they are, in full range."""
        return self.layout.startswith("gbr")

    @property
    def is_8_bit(self) -> bool:
        """Return whether its samples have 8 bits."""
        return self.layout.endswith("p")


@dataclass(frozen=True)
class MovieLabels:
    """What a movie says of itself: codes of ITU-T H.273, its first picture's time code, a pixel's shape."""

    primaries: int = _BT709
    transfer: int = _SRGB_CURVE
    timecode: str = ""
    pixel_aspect: Fraction = Fraction(1)


H264 = MovieForm(
    container="mp4",
    encoder="libx264",
    layout="yuv420p",
    options={"crf": "14", "preset": "fast"},
    multiples=(2, 2),
)
PRORES = MovieForm(
    container="mov",
    encoder="prores_ks",
    layout="yuv422p10le",
    options={"profile": "hq", "vendor": "apl0"},
    multiples=(2, 1),
)
FFV1 = MovieForm(
    container="matroska", encoder="ffv1", layout="gbrp16le", options={"level": "3", "slicecrc": "1"}
)
FORMS: Mapping[str, MovieForm] = {".mp4": H264, ".mov": PRORES, ".mkv": FFV1}


def is_own_movie(path: Path) -> bool:
    """Return whether a file says that it is a movie which :class:`MovieWriter` wrote."""
    try:
        with av.open(str(path)) as movie:
            labels = {name.lower(): text for name, text in movie.metadata.items()}
    except (av.error.FFmpegError, OSError):
        return False
    return labels.get("comment") == _MADE_BY


class MovieWriter:
    """Writes one movie; use it in a ``with`` block. The file appears when the block ends without an error;
    a block that wrote no picture raises ValueError.

    All pictures must have the size of the first; where the form needs even sizes, odd ones gain a repeated
    row or column.
    """

    def __init__(
        self,
        path: Path,
        fps: Fraction | int = 24,
        options: Mapping[str, str] | None = None,
        *,
        form: MovieForm = H264,
        labels: MovieLabels = MovieLabels(),
    ) -> None:
        """Write to ``path``; ``options`` are the encoder's, in place of the form's own."""
        self._path, self._form, self._labels = path, form, labels
        self._options = form.options if options is None else options
        self._fps = Fraction(fps)
        self._file = whole_file(path)
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._shape: tuple[int, int] | None = None

    def __enter__(self) -> MovieWriter:
        try:
            scratch = self._file.__enter__()
            self._container = av.open(str(scratch), "w", format=self._form.container)
            self._container.metadata["comment"] = _MADE_BY
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        return self

    def write(self, codes: Float32) -> None:
        """Append one picture (h, w, 3) of code values; values outside 0..1 are clipped.

        Raises FileCannotBeWritten when encoding fails, ValueError for a picture of another shape.
        """
        if codes.ndim != 3 or codes.shape[2] != 3 or self._shape not in (None, codes.shape[:2]):
            raise ValueError(f"a picture is {codes.shape}, the movie's are {self._shape}")
        if self._container is None:
            raise RuntimeError("the movie is not open: use the writer in a with block")
        height, width = codes.shape[:2]
        self._shape = (height, width)
        across, down = self._form.multiples
        padded = np.pad(codes, ((0, -height % down), (0, -width % across), (0, 0)), mode="edge")
        try:
            if self._stream is None:
                self._stream = self._new_stream(padded.shape[1], padded.shape[0])
            frame = self._frame(padded)
            # ProRes says it in every picture, and readers believe that
            frame.color_primaries, frame.color_trc = self._labels.primaries, self._labels.transfer
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _frame(self, codes: Float32) -> av.VideoFrame:
        if self._form.is_8_bit:
            frame = av.VideoFrame.from_ndarray(eight_bit(codes), format="rgb24")
        else:
            levels = np.rint(np.clip(np.nan_to_num(codes), 0.0, 1.0) * _TOP_16).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(levels, format="rgb48le")
        if self._form.is_rgb:
            return frame.reformat(format=self._form.layout)
        return frame.reformat(
            format=self._form.layout,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        )

    def _new_stream(self, width: int, height: int) -> av.VideoStream:
        assert self._container is not None
        stream = self._container.add_stream(self._form.encoder, rate=self._fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, self._form.layout
        stream.options = dict(self._options)
        context = stream.codec_context
        context.sample_aspect_ratio = self._labels.pixel_aspect
        context.color_primaries, context.color_trc = self._labels.primaries, self._labels.transfer
        context.colorspace = _RGB_MATRIX if self._form.is_rgb else _BT709
        context.color_range = _FULL if self._form.is_rgb else _LIMITED
        if self._labels.timecode:
            stream.metadata["timecode"] = self._labels.timecode
        return stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._finish()
            except Exception as failure:
                self._give_up(failure)
                raise
            self._file.__exit__(None, None, None)
        else:
            self._give_up(error)

    def _finish(self) -> None:
        if self._container is None or self._stream is None:
            raise ValueError("a movie needs at least one picture")
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except av.error.FFmpegError as error:
            raise self._failed(error) from error

    def _give_up(self, error: BaseException) -> None:
        """Remove the unfinished file; the error that stopped the movie is the one that goes on."""
        with contextlib.suppress(av.error.FFmpegError):
            if self._container is not None:
                self._container.close()
        with contextlib.suppress(FileCannotBeWritten):
            self._file.__exit__(type(error), error, error.__traceback__)

    def _failed(self, error: Exception) -> FileCannotBeWritten:
        return FileCannotBeWritten(
            f"The movie cannot be written: {error}.",
            path=self._path,
            remedy="Check the folder and free space.",
        )
