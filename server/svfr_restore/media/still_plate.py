"""PNG, JPEG, TIFF and DPX stills as a plate: 8 to 16 bit integers become code values 0..1.

Alpha stays as stored (PNG's is not multiplied in). Float TIFFs keep their values. A grey still is read with
its value in all three channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from svfr_restore.errors import FrameCannotBeRead, FrameHasNoRgb, FrameIsTruncated
from svfr_restore.media.plate_base import FilePlate, FrameShape, PlateFrame
from svfr_restore.media.window import Window

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx")
_END_MARKS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
_TAIL_BYTES = 64
_SRGB_INTEROP_ID = "srgb_rec709_scene"
_AGAIN = "Export or copy the file again."


class StillPlate(FilePlate):
    """A numbered sequence of stills, or a single one."""

    kind = "still"

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        spec, _ = self._spec(self.frames[0])
        self.display = _window(spec)
        self.data_window = self.display
        self.pixel_aspect = _pixel_aspect(spec)
        self.sample_bits = _bits(spec)
        is_code = self.path(self.frames[0]).suffix.lower() != ".dpx" and spec.format.basetype != oiio.FLOAT
        self.colour_hint = _SRGB_INTEROP_ID if is_code else None

    def _spec(self, frame: int) -> tuple[oiio.ImageSpec, Path]:
        path = self._existing(frame)
        source = _open(path, frame)
        spec = source.spec()
        source.close()
        return spec, path

    def read(self, frame: int) -> PlateFrame:
        """Return one picture as code values 0..1."""
        path = self._existing(frame)
        source = _open(path, frame)
        try:
            spec = source.spec()
            pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
            if pixels is None:
                raise FrameCannotBeRead(
                    f"The pixels cannot be decoded: {source.geterror()}",
                    frame=frame,
                    path=path,
                    remedy=_AGAIN,
                )
        finally:
            source.close()
        planes = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)
        colour = planes[..., :3] if spec.nchannels >= 3 else np.repeat(planes[..., :1], 3, axis=-1)
        alpha = planes[..., spec.alpha_channel].copy() if spec.alpha_channel >= 0 else None
        window = _window(spec)
        rgb = np.ascontiguousarray(colour)
        return PlateFrame(frame, path, "still", rgb, alpha, window, window, _pixel_aspect(spec), _bits(spec))

    def probe(self, frame: int) -> FrameShape:
        """Read the header; look for the end mark of PNG and JPEG, decode the last line of the others."""
        spec, path = self._spec(frame)
        if not _is_complete(path, spec):
            raise FrameIsTruncated(
                "The file ends before its last pixel.", frame=frame, path=path, remedy=_AGAIN
            )
        return FrameShape(spec.width, spec.height, _pixel_aspect(spec))


def _open(path: Path, frame: int) -> oiio.ImageInput:
    if path.stat().st_size == 0:
        raise FrameIsTruncated("The file is empty (zero bytes).", frame=frame, path=path, remedy=_AGAIN)
    wishes = oiio.ImageSpec()
    wishes.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), wishes)
    if source is None:
        raise FrameCannotBeRead(
            f"The file cannot be opened: {oiio.geterror()}", frame=frame, path=path, remedy=_AGAIN
        )
    channels = source.spec().nchannels
    if channels == 2 and source.spec().alpha_channel < 0:
        source.close()
        raise FrameHasNoRgb("The still has two channels, neither grey nor RGB.", frame=frame, path=path)
    return source


def _is_complete(path: Path, spec: oiio.ImageSpec) -> bool:
    mark = _END_MARKS.get(path.suffix.lower())
    if mark:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return mark in file.read()
    source = oiio.ImageInput.open(str(path))
    if source is None:
        return False
    try:
        last = spec.y + spec.height - 1
        if spec.tile_width:
            return source.read_image(0, 0, 0, spec.nchannels, oiio.UINT8) is not None
        return source.read_scanlines(0, 0, last, last + 1, 0, 0, spec.nchannels, oiio.UINT8) is not None
    finally:
        source.close()


def _bits(spec: oiio.ImageSpec) -> int:
    return int(spec.get_int_attribute("oiio:BitsPerSample", 8 * spec.format.size()))


def _window(spec: oiio.ImageSpec) -> Window:
    return Window(0, 0, spec.width, spec.height)


def _pixel_aspect(spec: oiio.ImageSpec) -> float:
    stated = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    return stated if stated > 0 else 1.0
