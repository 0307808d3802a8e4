"""The header of one EXR part: attributes as exact bytes, and the few of them that the code interprets.

Attributes of types that nobody here knows keep their bytes, so a file can be copied with all it carries.
Layout as in "OpenEXR File Layout", openexr.com/en/latest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from svfr_client.reasons import Flaw
from svfr_restore.media.window import Window

COMPRESSIONS = (
    "none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab", "htj2k256", "htj2k32",
    "lj2k", "zstd",
)  # fmt: skip
LINES_PER_CHUNK = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 1)
PIXEL_BYTES = (4, 2, 4)  # uint, half, float
UINT, HALF, FLOAT = 0, 1, 2


class Attribute(NamedTuple):
    """One header attribute with its bytes as they lie in the file."""

    name: str
    type: str
    value: bytes


@dataclass(frozen=True)
class Channel:
    """One channel of a part; ``pixel_type`` is UINT, HALF or FLOAT."""

    name: str
    pixel_type: int
    x_sampling: int = 1
    y_sampling: int = 1
    flags: bytes = b"\0\0\0\0"  # perceptually linear, and three reserved bytes

    @property
    def is_subsampled(self) -> bool:
        """Whether the channel is stored at a lower resolution than the data window."""
        return (self.x_sampling, self.y_sampling) != (1, 1)


@dataclass(frozen=True)
class PartHeader:
    """The attributes of one part, in file order. Changes return a new header."""

    attributes: tuple[Attribute, ...]

    def get(self, name: str) -> bytes | None:
        """Return the bytes of an attribute, None without it."""
        return next((a.value for a in self.attributes if a.name == name), None)

    def has(self, name: str) -> bool:
        """Return whether the part carries an attribute of that name."""
        return self.get(name) is not None

    def with_(self, name: str, kind: str, value: bytes) -> PartHeader:
        """Return the header with one attribute set, at its old place or at the end."""
        new = Attribute(name, kind, value)
        if not self.has(name):
            return PartHeader((*self.attributes, new))
        return PartHeader(tuple(new if a.name == name else a for a in self.attributes))

    def without(self, *names: str) -> PartHeader:
        """Return the header without some attributes."""
        return PartHeader(tuple(a for a in self.attributes if a.name not in names))

    def text(self, name: str) -> str:
        """Return a string attribute, "" without it."""
        return (self.get(name) or b"").decode("utf-8", "replace")

    def _required(self, name: str, size: int) -> bytes:
        value = self.get(name)
        if value is None or len(value) < size:
            raise Flaw(f"the header has no usable {name!r} attribute")
        return value

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """The channels in the order in which their pixels are stored."""
        data, at, found = self._required("channels", 1), 0, []
        while data[at : at + 1] != b"\0":
            end = data.index(b"\0", at)
            pixel_type, flags, xs, ys = struct.unpack_from("<i4sii", data, end + 1)
            if pixel_type not in (UINT, HALF, FLOAT):
                raise Flaw(f"a channel has the unknown pixel type {pixel_type}")
            found.append(
                Channel(
                    name=data[at:end].decode("utf-8", "replace"),
                    pixel_type=pixel_type,
                    x_sampling=xs,
                    y_sampling=ys,
                    flags=flags,
                )
            )
            at = end + 17
        return tuple(found)

    @cached_property
    def compression(self) -> str:
        """The compression's name, one of COMPRESSIONS."""
        code = self._required("compression", 1)[0]
        if code >= len(COMPRESSIONS):
            raise Flaw(f"the compression has the unknown number {code}")
        return COMPRESSIONS[code]

    @cached_property
    def data_window(self) -> Window:
        """The pixels that are stored."""
        return _window(self._required("dataWindow", 16))

    @cached_property
    def display_window(self) -> Window:
        """The pixels that the picture is meant to show."""
        return _window(self._required("displayWindow", 16))

    @cached_property
    def pixel_aspect(self) -> float:
        """Width of a pixel on screen over its height."""
        return float(struct.unpack("<f", self._required("pixelAspectRatio", 4)[:4])[0])

    @cached_property
    def is_deep(self) -> bool:
        """Whether the part holds deep samples."""
        return self.text("type").startswith("deep")

    @cached_property
    def tile_size(self) -> tuple[int, int] | None:
        """(width, height) of a tile, None for scanline parts."""
        if not self.has("tiles") or "scanline" in self.text("type"):
            return None
        width, height = struct.unpack_from("<II", self._required("tiles", 9))
        if not width or not height:
            raise Flaw("the tiles have no size")
        return width, height

    @cached_property
    def has_mip_levels(self) -> bool:
        """Whether a tiled part holds smaller copies of the picture too."""
        return self.tile_size is not None and self._required("tiles", 9)[8] & 0xF != 0

    @cached_property
    def full_size_chunks(self) -> int:
        """How many chunks hold the picture at full resolution."""
        window = self.data_window
        if self.tile_size:
            width, height = self.tile_size
            return -(-window.width // width) * -(-window.height // height)
        return -(-window.height // LINES_PER_CHUNK[COMPRESSIONS.index(self.compression)])

    @cached_property
    def chunk_count(self) -> int:
        """How many chunks the part has in the file, mip levels included."""
        stated = self.get("chunkCount")
        if stated is not None:
            return int(struct.unpack("<i", stated[:4])[0])
        return _mip_chunks(self) if self.has_mip_levels else self.full_size_chunks


def _window(value: bytes) -> Window:
    left, top, right, bottom = struct.unpack("<4i", value[:16])
    if right < left or bottom < top:
        raise Flaw("a window of the header is inside out")
    return Window(left, top, right - left + 1, bottom - top + 1)


def box2i(window: Window) -> bytes:
    """Return a window as the bytes of a box2i attribute (inclusive corners)."""
    return struct.pack("<4i", window.x, window.y, window.right - 1, window.bottom - 1)


def _mip_chunks(header: PartHeader) -> int:
    """Count the tiles of all levels of a single-part tiled file, which states no chunkCount."""
    mode = header._required("tiles", 9)[8]
    width, height = header.data_window.width, header.data_window.height
    tile_width, tile_height = header.tile_size or (width, height)
    up = bool(mode & 0x10)

    def sizes(size: int) -> list[int]:
        found = [size]
        while found[-1] > 1:
            found.append((found[-1] + 1) // 2 if up else found[-1] // 2)
        return found

    across, down = sizes(width), sizes(height)
    if mode & 0xF == 1:  # mip levels halve both sides together, as often as the longer side allows
        levels = max(len(across), len(down))
        across += [1] * (levels - len(across))
        down += [1] * (levels - len(down))
        return sum(-(-w // tile_width) * -(-h // tile_height) for w, h in zip(across, down, strict=True))
    return sum(-(-w // tile_width) for w in across) * sum(-(-h // tile_height) for h in down)


def as_multipart(part: PartHeader, fallback_name: str) -> PartHeader:
    """Return a single part's header with the name, type and chunkCount that multi-part files demand."""
    kind = b"tiledimage" if part.tile_size else b"scanlineimage"
    named = part if part.text("name") else part.with_("name", "string", fallback_name.encode())
    typed = named if named.has("type") else named.with_("type", "string", kind)
    return typed.with_("chunkCount", "int", struct.pack("<i", typed.chunk_count))


def channel_list(channels: tuple[Channel, ...]) -> bytes:
    """Return the bytes of a chlist attribute; EXR wants the names in order."""
    ordered = sorted(channels, key=lambda c: c.name)
    packed = (
        c.name.encode() + b"\0" + struct.pack("<i4sii", c.pixel_type, c.flags, c.x_sampling, c.y_sampling)
        for c in ordered
    )
    return b"".join(packed) + b"\0"
