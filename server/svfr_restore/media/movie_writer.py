"""Preview movies: H.264 in MP4 from code-value pictures, tagged so that players show the same colours.

The pictures are Rec.709 primaries with the sRGB curve; they are coded with the Rec.709 matrix in limited
range, 8 bit 4:2:0, which every browser plays. Previews only: restored pixels are delivered as EXR.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
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

_BT709, _SRGB_CURVE, _LIMITED = 1, 13, 1
_QUALITY: Mapping[str, str] = {"crf": "14", "preset": "fast"}


class MovieWriter:
    """Writes one MP4; use it in a ``with`` block. The file appears when the block ends without an error;
    a block that wrote no picture raises ValueError.

    All pictures must have the size of the first; odd sizes gain a repeated row or column, as 4:2:0 needs
    even ones.
    """

    def __init__(self, path: Path, fps: Fraction | int = 24, options: Mapping[str, str] = _QUALITY) -> None:
        """Write to ``path``; ``options`` are those of libx264."""
        self._path, self._options = path, options
        self._fps = Fraction(fps)
        self._file = whole_file(path)
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._shape: tuple[int, int] | None = None

    def __enter__(self) -> MovieWriter:
        try:
            scratch = self._file.__enter__()
            self._container = av.open(str(scratch), "w", format="mp4")
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
        even = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        bytes_ = eight_bit(even)
        try:
            if self._stream is None:
                self._stream = self._new_stream(even.shape[1], even.shape[0])
            frame = av.VideoFrame.from_ndarray(bytes_, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            )
            self._container.mux(self._stream.encode(frame))
        except av.error.FFmpegError as error:
            raise self._failed(error) from error

    def _new_stream(self, width: int, height: int) -> av.VideoStream:
        assert self._container is not None
        stream = self._container.add_stream("libx264", rate=self._fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = dict(self._options)
        context = stream.codec_context
        context.colorspace = context.color_primaries = _BT709
        context.color_trc, context.color_range = _SRGB_CURVE, _LIMITED
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
