"""Pixels of EXR chunks as they are stored: lines of bytes, channel after channel, and the ZIP coding of them.

A chunk's lines are a (h, line bytes) uint8 array. Replacing three channels of it leaves the bytes of all
others alone, whatever they mean (NaN payloads, object ids). Coding as in "OpenEXR File Layout" and
OpenEXR's ImfZip: even bytes before odd ones, differences of neighbours plus 128, then zlib.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svfr.arrays import UInt8
from svfr_client.reasons import Flaw
from svfr_restore.media.exr.deflate import deflated
from svfr_restore.media.exr.header import (
    COMPRESSIONS,
    FLOAT,
    HALF,
    LINES_PER_CHUNK,
    PIXEL_BYTES,
    Channel,
    PartHeader,
)
from svfr_restore.media.window import Window

CODED_HERE = ("none", "zips", "zip")
LARGEST_HALF = 65504.0
_DTYPES = ("<u4", "<f2", "<f4")


@dataclass(frozen=True)
class LineLayout:
    """Where the channels lie in a stored line of ``width`` pixels."""

    channels: tuple[Channel, ...]
    width: int

    @property
    def line_bytes(self) -> int:
        """Bytes of one line over all channels."""
        return self.width * sum(PIXEL_BYTES[c.pixel_type] for c in self.channels)

    def get(self, lines: UInt8, name: str) -> NDArray[np.generic]:
        """Return one channel as a copy (h, width) in its own type."""
        columns, channel = self._place(name)
        return np.ascontiguousarray(lines[:, columns]).view(_DTYPES[channel.pixel_type])

    def put(self, lines: UInt8, name: str, values: NDArray[np.generic]) -> None:
        """Write one channel (h, width); ``values`` must already have its type."""
        columns, channel = self._place(name)
        if values.dtype != np.dtype(_DTYPES[channel.pixel_type]):
            raise ValueError(f"channel {name} does not hold {values.dtype}")
        lines[:, columns] = np.ascontiguousarray(values).view(np.uint8)

    def _place(self, name: str) -> tuple[slice, Channel]:
        at = 0
        for channel in self.channels:
            size = self.width * PIXEL_BYTES[channel.pixel_type]
            if channel.name == name:
                return slice(at, at + size), channel
            at += size
        raise ValueError(f"there is no channel {name}")


def chunk_window(part: PartHeader, index: int) -> Window:
    """Return the pixels of one full-resolution chunk, by its place in the part's chunk table."""
    data = part.data_window
    if part.tile_size:
        width, height = part.tile_size
        across = -(-data.width // width)
        tile = Window(data.x + index % across * width, data.y + index // across * height, width, height)
        return tile.intersect(data)
    lines = lines_per_chunk(part)
    return Window(data.x, data.y + index * lines, data.width, lines).intersect(data)


def lines_per_chunk(part: PartHeader) -> int:
    """Return how many lines a chunk of a scanline part has; the last one may have fewer."""
    return LINES_PER_CHUNK[COMPRESSIONS.index(part.compression)]


def chunk_body(part: PartHeader, index: int, payload: bytes) -> bytes:
    """Return a full-resolution chunk's record: its coordinates, its size, its pixels."""
    if part.tile_size:
        across = -(-part.data_window.width // part.tile_size[0])
        return struct.pack("<5i", index % across, index // across, 0, 0, len(payload)) + payload
    return struct.pack("<2i", chunk_window(part, index).y, len(payload)) + payload


def pack(lines: UInt8, compression: str) -> bytes:
    """Compress a chunk's lines with one of CODED_HERE; what does not shrink is stored as it is."""
    raw = lines.reshape(-1)
    if compression == "none":
        return raw.tobytes()
    split = np.concatenate([raw[0::2], raw[1::2]])
    coded = split.copy()
    coded[1:] -= split[:-1]
    coded[1:] += np.uint8(128)
    packed = deflated(coded.data)
    return packed if len(packed) < raw.size else raw.tobytes()


def unpack(payload: bytes, compression: str, height: int, line_bytes: int) -> UInt8:
    """Return a chunk's lines (height, line_bytes), writable. Raises ValueError for damaged data."""
    size = height * line_bytes
    if compression == "none" or len(payload) == size:
        raw = np.frombuffer(payload, np.uint8).copy()
    else:
        try:
            coded = np.frombuffer(zlib.decompress(payload, bufsize=size), np.uint8).copy()
        except zlib.error as error:
            raise Flaw("a chunk cannot be decompressed") from error
        coded[1:] -= np.uint8(128)
        split = np.cumsum(coded, dtype=np.uint8)
        raw = np.empty_like(split)
        half = (split.size + 1) // 2
        raw[0::2], raw[1::2] = split[:half], split[half:]
    if raw.size != size:
        raise Flaw(f"a chunk holds {raw.size} bytes, not {size}")
    return raw.reshape(height, line_bytes)


def as_channel_type(values: NDArray[np.floating], pixel_type: int) -> NDArray[np.generic]:
    """Return finite values as half (clipped to +-65504) or float pixels. Other types raise ValueError."""
    if pixel_type == HALF:
        return np.clip(values, -LARGEST_HALF, LARGEST_HALF).astype("<f2")
    if pixel_type == FLOAT:
        return values.astype("<f4")
    raise ValueError("colour cannot be stored as unsigned integers")
