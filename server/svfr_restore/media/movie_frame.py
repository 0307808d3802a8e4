"""One decoded movie frame as float RGB, from any pixel layout that a decoder gives."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_restore.media.yuv import CodingIsUnknown, YuvCoding, upsample_chroma

# Planes that can be read as they are. Everything else is first repacked, without any change of values.
_PLANAR = re.compile(r"(yuv[aj]?4\d\dp|gbra?p|gray)(9le|1\dle|f32le)?")
_GREY_WITH_ALPHA = re.compile(r"ya(8|16|f32)(le|be)?")
_ALPHA_PLANE = 3
_SUBSAMPLING = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (4, 4): "410", (1, 2): "440"}
_AS_IT_LIES = (1, 0, 0, 0, 1, 0, 0, 0, 1)
_FULL_RANGE, _LIMITED_RANGE = 2, 1
_CENTRED_CHROMA = ("mjpeg", "mpeg1video")


@dataclass(frozen=True)
class MovieTags:
    """What the stream says about itself, for frames that do not say it."""

    codec: str
    matrix: int
    colour_range: int


def frame_bits(frame: av.VideoFrame) -> int:
    """Return the bits per sample of the frame's pixel layout."""
    return max(component.bits for component in frame.format.components)


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """Return the nine numbers by which the picture is to be shown, a b u c d v x y w; without, as it lies."""
    carried: Any = frame.side_data  # its type stub names the keys as texts, which they are not
    data = carried.get(SideData.DISPLAYMATRIX)
    return _AS_IT_LIES if data is None else struct.unpack("=9i", bytes(data))


def frame_rgb(frame: av.VideoFrame, tags: MovieTags) -> Float32:
    """Return code values (h, w, 3), 0..1 for legal ones; excursions of limited range are kept.

    Raises CodingIsUnknown for pixel layouts and matrices that are not supported (XYZ, Bayer, ICtCp, ...).
    """
    name = frame.format.name
    if frame.format.is_bayer or name.startswith("xyz"):
        raise CodingIsUnknown(f"its pixel layout, {name}, is not supported")
    colour_range = frame.color_range or tags.colour_range
    packed = frame if _PLANAR.fullmatch(name) else _repacked(frame)
    layout = packed.format.name
    if layout.startswith("gbr"):
        return _rgb_planes(packed, colour_range == _LIMITED_RANGE)
    matrix = tags.matrix if frame.colorspace in (0, 2) else int(frame.colorspace)
    is_grey = layout.startswith("gray")  # FFmpeg and all that is built on it take grey for full range
    is_full = colour_range == _FULL_RANGE or name.startswith("yuvj") or (is_grey and not colour_range)
    coding = YuvCoding.of(matrix, is_full, frame_bits(packed), frame.width, frame.height)
    luma = coding.luma(_plane(packed, 0))
    if is_grey:
        return np.repeat(luma[..., None], 3, axis=-1)
    left = not (tags.codec in _CENTRED_CHROMA or name.startswith("yuvj"))
    blue, red = (upsample_chroma(coding.chroma(_plane(packed, i)), luma.shape, left) for i in (1, 2))
    return coding.to_rgb(luma, blue, red)


def frame_alpha(frame: av.VideoFrame) -> Float32 | None:
    """Return the alpha (h, w), 0..1, of a frame that has one: always of full range."""
    if not any(component.is_alpha for component in frame.format.components):
        return None
    if _GREY_WITH_ALPHA.fullmatch(frame.format.name):
        return _grey_alpha(frame)
    packed = frame if _PLANAR.fullmatch(frame.format.name) else _repacked(frame)
    if len(packed.planes) <= _ALPHA_PLANE:
        return None
    alpha = _plane(packed, _ALPHA_PLANE)
    if alpha.dtype == np.float32:
        return np.asarray(alpha, np.float32)
    return alpha.astype(np.float32) / np.float32((1 << frame_bits(packed)) - 1)


def _grey_alpha(frame: av.VideoFrame) -> Float32 | None:
    """Return every second sample of a plane that holds grey and alpha in turn."""
    bits = frame_bits(frame)
    if bits == 32:
        return None
    dtype = np.dtype("u1" if bits <= 8 else ">u2" if frame.format.name.endswith("be") else "<u2")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    alpha = rows[: frame.height, 1 : 2 * frame.width : 2]
    return alpha.astype(np.float32) / np.float32((1 << bits) - 1)


def _repacked(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the same samples in separate planes (NV12, P010, packed YUV and RGB, palettes)."""
    layout, bits = frame.format, frame_bits(frame)
    depth = "" if bits <= 8 else f"{bits}le"
    if layout.is_rgb or layout.has_palette:
        has_alpha = any(component.is_alpha for component in layout.components)
        name = f"gbrap{depth}" if has_alpha and bits in (8, 10, 12, 14, 16) else f"gbrp{depth}"
    elif not any(component.is_chroma for component in layout.components):
        name = f"gray{depth}"
    else:
        across = -(-frame.width // layout.chroma_width(frame.width))
        down = -(-frame.height // layout.chroma_height(frame.height))
        name = f"yuv{_SUBSAMPLING[across, down]}p{depth}"
    same = frame.color_range or _LIMITED_RANGE
    return frame.reformat(format=name, src_color_range=same, dst_color_range=same)


def _rgb_planes(frame: av.VideoFrame, is_limited: bool) -> Float32:
    """Green, blue, red planes; full range unless the tags say limited."""
    green, blue, red = (_plane(frame, i) for i in range(3))
    stacked = np.stack([red, green, blue], axis=-1)
    if stacked.dtype == np.float32:
        return stacked
    bits = frame_bits(frame)
    if is_limited:
        return YuvCoding(1, False, bits).luma(stacked)
    return stacked.astype(np.float32) / np.float32((1 << bits) - 1)


def _plane(frame: av.VideoFrame, index: int) -> NDArray[Any]:
    """Return one plane (h, w) in its own integer or float type, without row padding."""
    plane = frame.planes[index]
    bits = frame_bits(frame)
    dtype: np.dtype[Any] = np.dtype("u1" if bits <= 8 else "<f4" if bits == 32 else "<u2")
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: plane.height, : plane.width]
