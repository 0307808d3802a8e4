"""The parts that a restored EXR gains: `svfr` (colour) and `svfr_data` (numbers), with cropped data windows.

Colour layers keep the plate's space; numbers are marked `colorInteropID=data` so that no host colour-manages
them. Names end in .A, .Y, .u, .v there because hosts take R, G, B for colour (ASWF Color Interop, rec 04).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

Float32 = NDArray[np.float32]

_SHARED = ("displayWindow", "pixelAspectRatio", "timeCode", "chromaticities")
_VIEW = ("screenWindowCenter", "screenWindowWidth")


@dataclass(frozen=True)
class Layers:
    """What is stored beside the picture, each over ``window`` (h, w), float32; None leaves a layer out.

    ``delta`` (h, w, 3) is added to the plate through the matte, in the transfer space; ``matte`` (h, w) is
    0..1; ``crop`` (h, w, 3) the restored crop at plate scale; ``diff`` (h, w) the luma of restored minus
    plate; ``st`` (h, w, 2) the crop's coordinates, always stored as float32.
    """

    window: Window
    delta: Float32 | None = None
    matte: Float32 | None = None
    crop: Float32 | None = None
    diff: Float32 | None = None
    st: Float32 | None = None

    def __post_init__(self) -> None:
        depths = {"delta": (3,), "matte": (), "crop": (3,), "diff": (), "st": (2,)}
        for name, depth in depths.items():
            plane = getattr(self, name)
            if plane is not None and plane.shape != self.window.shape + depth:
                raise ValueError(f"layer {name} is {plane.shape}, not {self.window.shape + depth}")


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
    place = window.slices_in(layers.window)
    colour: dict[str, Float32] = {}
    numbers: dict[str, Float32] = {}
    for name, plane in (("delta", layers.delta), ("crop", layers.crop)):
        if plane is not None:
            colour |= {f"svfr.{name}.{c}": plane[place][..., i] for i, c in enumerate("RGB")}
    for name, plane in (("matte.A", layers.matte), ("diff.Y", layers.diff)):
        if plane is not None:
            numbers[f"svfr.{name}"] = plane[place]
    if layers.st is not None:
        numbers |= {f"svfr.st.{c}": layers.st[place][..., i] for i, c in enumerate("uv")}
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
