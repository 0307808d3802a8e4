"""The parts that a restored EXR gains: `svfr` (colour) and `svfr_data` (numbers), with cropped data windows.

Colour layers keep the plate's space; numbers are marked `colorInteropID=data` so that no host colour-manages
them. Names end in .A, .Y, .u, .v there because hosts take R, G, B for colour (ASWF Color Interop, rec 04).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from svfr.arrays import Float32
from svfr_restore.media.exr.header import (
    COMPRESSIONS,
    FLOAT,
    HALF,
    Attribute,
    Channel,
    PartHeader,
    box2i,
    channel_list,
)
from svfr_restore.media.exr.pixels import LineLayout, as_channel_type
from svfr_restore.media.exr.restored import with_chunk_count, zip_bodies
from svfr_restore.media.window import Window

_SHARED = ("displayWindow", "pixelAspectRatio", "timeCode", "chromaticities")
_VIEW = ("screenWindowCenter", "screenWindowWidth")


# The channels of each layer, in the order in which they are stored; a layer of R, G and B is colour.
LAYER_CHANNELS: Mapping[str, str] = {
    "delta": "RGB",
    "base": "RGB",
    "detail": "RGB",
    "crop": "RGB",
    "matte": "A",
    "diff": "Y",
    "invention": "Y",
    "spread": "Y",
    "st": "uv",
}


@dataclass(frozen=True)
class Layers:
    """What is stored beside the picture: float32 ``planes`` by layer name, each over ``window``.

    "delta" (h, w, 3) is added to the plate through the matte, in the transfer space, and so is "base" plus
    any share of "detail", (h, w, 3) each; "matte" (h, w) is 0..1; "crop" (h, w, 3) the restored crop at
    plate scale; "diff" (h, w) the luma of restored minus plate; "invention" and "spread" (h, w) are code
    values; "st" (h, w, 2) the crop's coordinates, always stored as float32. Raises ValueError for other
    names and shapes.
    """

    window: Window
    planes: Mapping[str, Float32]

    def __post_init__(self) -> None:
        for name, plane in self.planes.items():
            if plane.shape != layer_shape(name, self.window):
                raise ValueError(f"layer {name} is {plane.shape}, not {layer_shape(name, self.window)}")

    @classmethod
    def empty(cls, names: Collection[str], data_window: Window) -> Layers:
        """Return layers of one pixel of zeros.

        Hosts take the channels of a sequence from one of its frames, so every frame must have them.
        """
        window = Window(data_window.x, data_window.y, 1, 1)
        return cls(window, {name: np.zeros(layer_shape(name, window), np.float32) for name in names})

    def channels(self, window: Window, *, are_colour: bool) -> dict[str, Float32]:
        """Return the planes (h, w) of all colour or all other layers over part of the window, by channel."""
        place, found = window.slices_in(self.window), dict[str, Float32]()
        for name, suffixes in LAYER_CHANNELS.items():
            if name in self.planes and (suffixes == "RGB") == are_colour:
                plane = self.planes[name][place].reshape(*window.shape, len(suffixes))
                found |= {f"svfr.{name}.{suffix}": plane[..., i] for i, suffix in enumerate(suffixes)}
        return found


def layer_shape(name: str, window: Window) -> tuple[int, ...]:
    """Return the shape of a layer's array over a window: a layer of one channel has two axes."""
    if name not in LAYER_CHANNELS:
        raise ValueError(f"there is no layer {name!r}")
    count = len(LAYER_CHANNELS[name])
    return window.shape if count == 1 else (*window.shape, count)


@dataclass(frozen=True)
class NewPart:
    """A part made here: its header and its chunks in order."""

    header: PartHeader
    bodies: Iterator[bytes]


def layer_parts(layers: Layers, picture: PartHeader, pixel_type: int) -> list[NewPart]:
    """Return the parts for these layers beside a picture part; none when there is nothing to store.

    Planes are cut to the picture's data window and stored as ``pixel_type`` (HALF values beyond +-65504
    are clipped), the st map as FLOAT.
    """
    window = layers.window.intersect(picture.data_window)
    if window.is_empty:
        return []
    colour = layers.channels(window, are_colour=True)
    numbers = layers.channels(window, are_colour=False)
    parts = []
    if colour:
        header = _header("svfr", picture, window, _channels(colour, pixel_type))
        stated = picture.get("colorInteropID")
        header = header if stated is None else header.with_("colorInteropID", "string", stated)
        parts.append(new_part(header, colour))
    if numbers:
        header = _header("svfr_data", picture, window, _channels(numbers, pixel_type))
        parts.append(new_part(header.with_("colorInteropID", "string", b"data"), numbers))
    return parts


def _channels(planes: Mapping[str, Float32], pixel_type: int) -> tuple[Channel, ...]:
    return tuple(Channel(name, FLOAT if name.startswith("svfr.st.") else pixel_type) for name in planes)


def picture_part(name: str, picture: PartHeader, planes: Mapping[str, Float32], pixel_type: int) -> NewPart:
    """Return a named part of these planes over a picture part's data window, in its colour space."""
    header = _header(name, picture, picture.data_window, _channels(planes, pixel_type))
    stated = picture.get("colorInteropID")
    header = header if stated is None else header.with_("colorInteropID", "string", stated)
    return new_part(header, planes)


def _header(name: str, picture: PartHeader, window: Window, channels: tuple[Channel, ...]) -> PartHeader:
    kept = tuple(a for a in picture.attributes if a.name in (*_SHARED, *_VIEW))
    own = (
        *basic_attributes(window, channels),
        Attribute("name", "string", name.encode()),
        Attribute("type", "string", b"scanlineimage"),
        Attribute("chunkCount", "int", bytes(4)),
    )
    return with_chunk_count(PartHeader(kept + own))


def basic_attributes(window: Window, channels: tuple[Channel, ...]) -> tuple[Attribute, ...]:
    """Return the attributes that a ZIP scanline part of these channels needs beside the shared ones."""
    return (
        Attribute("channels", "chlist", channel_list(channels)),
        Attribute("compression", "compression", bytes([COMPRESSIONS.index("zip")])),
        Attribute("dataWindow", "box2i", box2i(window)),
        Attribute("lineOrder", "lineOrder", b"\0"),
    )


def new_part(header: PartHeader, planes: Mapping[str, Float32]) -> NewPart:
    """Return a ZIP part whose channels hold ``planes`` (h, w) over its data window."""
    window = header.data_window
    layout = LineLayout(header.channels, window.width)
    lines = np.empty((window.height, layout.line_bytes), np.uint8)
    for channel in header.channels:
        layout.put(lines, channel.name, as_channel_type(planes[channel.name], channel.pixel_type))
    return NewPart(header, zip_bodies(header, lines))


def picture_header(
    window: Window, display: Window, pixel_aspect: float, with_alpha: bool, pixel_type: int
) -> PartHeader:
    """Return the header of a new single-part RGB(A) picture: HALF or FLOAT, ZIP scanlines."""
    if pixel_type not in (HALF, FLOAT):
        raise ValueError("a picture is stored as half or float")
    channels = tuple(Channel(name, pixel_type) for name in ("RGBA" if with_alpha else "RGB"))
    more = (
        Attribute("displayWindow", "box2i", box2i(display)),
        Attribute("pixelAspectRatio", "float", struct.pack("<f", pixel_aspect)),
        Attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        Attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)),
    )
    return PartHeader(basic_attributes(window, channels) + more)
