"""The plate's RGB part with restored colour: only chunks that hold changed pixels are coded again."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from svfr.arrays import Float32, Mask, UInt8
from svfr_client.reasons import reason_of
from svfr_restore.errors import FrameCannotBeRead
from svfr_restore.media.exr.container import ChunkReader, ExrHeader
from svfr_restore.media.exr.header import COMPRESSIONS, PartHeader
from svfr_restore.media.exr.pixels import (
    CODED_HERE,
    LineLayout,
    as_channel_type,
    chunk_body,
    chunk_window,
    lines_per_chunk,
    pack,
    unpack,
)
from svfr_restore.media.exr.recode import decode_rows, encode_rows, is_lossless
from svfr_restore.media.exr.select import RgbChannels
from svfr_restore.media.window import Window


@dataclass(frozen=True)
class RestoredPart:
    """A part's new header and the chunks that replace its old ones, by index.

    ``is_whole``: every old chunk is replaced, because the compression changed. ``notes`` say, for the
    log, what could not stay as it was.
    """

    header: PartHeader
    bodies: Mapping[int, bytes]
    is_whole: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """The restored colour ``rgb`` (h, w, 3) where ``changed`` (h, w), both over ``window``.

    The window lies within a part's data window.
    """

    window: Window
    rgb: Float32
    changed: Mask

    def chunks(self, part: PartHeader) -> list[int]:
        """Return the full-resolution chunks of a part that hold changed pixels, in order."""
        if part.tile_size:
            numbers = range(part.full_size_chunks)
            return [number for number in numbers if self._touches(chunk_window(part, number))]
        rows = np.flatnonzero(self.changed.any(axis=1)) + self.window.y - part.data_window.y
        return [int(number) for number in np.unique(rows // lines_per_chunk(part))]

    def _touches(self, window: Window) -> bool:
        both = window.intersect(self.window)
        return not both.is_empty and bool(self.changed[both.slices_in(self.window)].any())


@dataclass(frozen=True)
class _Restoration:
    """A change of a part's colour."""

    channels: RgbChannels
    change: Change

    def put_into(self, lines: UInt8, layout: LineLayout, window: Window) -> None:
        """Replace the changed pixels in the stored lines of ``window``."""
        change = self.change
        both = window.intersect(change.window)
        if both.is_empty:
            return
        place, stored = both.slices_in(change.window), both.slices_in(window)
        mask, rgb = change.changed[place], change.rgb[place]
        types = {c.name: c.pixel_type for c in layout.channels}
        for index, name in enumerate(self.channels.rgb):
            plane = layout.get(lines, name)
            plane[stored][mask] = as_channel_type(rgb[..., index][mask], types[name])
            layout.put(lines, name, plane)


def restore_part(
    reader: ChunkReader, header: ExrHeader, channels: RgbChannels, change: Change
) -> RestoredPart:
    """Return the part with the change; the bits of all other pixels and channels stay.

    The compression stays when it is lossless and can be written; otherwise the whole part becomes ZIP.
    Raises FrameCannotBeRead when the plate's chunks cannot be decoded.
    """
    part = header.parts[channels.part]
    restoration = _Restoration(channels, change)
    touched = change.chunks(part)
    if not touched:
        return RestoredPart(part, {})
    single, notes = _without_mip_levels(part)
    if part.compression in CODED_HERE:
        try:
            bodies = {i: _recoded_chunk(reader, part, restoration, i) for i in touched}
        except ValueError as error:
            raise FrameCannotBeRead(
                f"The pixels cannot be decoded: {reason_of(error)}.",
                path=header.path,
                remedy="Render or copy it again.",
            ) from error
        return RestoredPart(single, bodies, notes=notes)
    if is_lossless(part) and not part.tile_size:
        same = _recoded_band(header, part, restoration, touched)
        if same is not None:
            return RestoredPart(single, same, notes=notes)
    return _as_zip(header, single, restoration, notes)


def _recoded_chunk(reader: ChunkReader, part: PartHeader, restoration: _Restoration, index: int) -> bytes:
    window = chunk_window(part, index)
    layout = LineLayout(part.channels, window.width)
    head = 20 if part.tile_size else 8
    payload = reader.body(restoration.channels.part, index)[head:]
    lines = unpack(payload, part.compression, window.height, layout.line_bytes)
    restoration.put_into(lines, layout, window)
    return chunk_body(part, index, pack(lines, part.compression))


def _recoded_band(
    header: ExrHeader, part: PartHeader, restoration: _Restoration, touched: list[int]
) -> dict[int, bytes] | None:
    """Code the rows from the first to the last touched chunk again in the part's own compression."""
    rows = chunk_window(part, touched[0]).union(chunk_window(part, touched[-1]))
    lines = decode_rows(header.path, restoration.channels.part, part, rows)
    restoration.put_into(lines, LineLayout(part.channels, rows.width), rows)
    payloads = encode_rows(part, rows, lines)
    if payloads is None:
        return None
    return {i: chunk_body(part, i, payloads[i - touched[0]]) for i in touched}


def _as_zip(
    header: ExrHeader, part: PartHeader, restoration: _Restoration, notes: tuple[str, ...]
) -> RestoredPart:
    lines = decode_rows(header.path, restoration.channels.part, part, part.data_window)
    layout = LineLayout(part.channels, part.data_window.width)
    restoration.put_into(lines, layout, part.data_window)
    zipped = part.with_("compression", "compression", bytes([COMPRESSIONS.index("zip")]))
    zipped = with_chunk_count(zipped)
    why = "lossy" if not is_lossless(part) else "not written here with these channels"
    note = f"The compression {part.compression} is {why}; the restored picture is stored with ZIP."
    return RestoredPart(zipped, dict(enumerate(zip_bodies(zipped, lines))), True, (*notes, note))


def zip_bodies(part: PartHeader, lines: UInt8) -> Iterator[bytes]:
    """Yield the chunks of a whole ZIP part whose stored lines, over its data window, are given."""
    whole = LineLayout(part.channels, part.data_window.width)
    for index in range(part.full_size_chunks):
        window = chunk_window(part, index)
        rows, columns = window.slices_in(part.data_window)
        cut = lines[rows]
        if window.width != part.data_window.width:
            layout = LineLayout(part.channels, window.width)
            cut = np.empty((window.height, layout.line_bytes), np.uint8)
            for channel in part.channels:
                layout.put(cut, channel.name, whole.get(lines[rows], channel.name)[:, columns])
        yield chunk_body(part, index, pack(cut, "zip"))


def with_chunk_count(part: PartHeader) -> PartHeader:
    """Return the header with a stated chunkCount made right for its compression and levels."""
    if not part.has("chunkCount"):
        return part
    return part.with_("chunkCount", "int", struct.pack("<i", part.full_size_chunks))


def _without_mip_levels(part: PartHeader) -> tuple[PartHeader, tuple[str, ...]]:
    """Smaller copies of the unrestored picture would be wrong, so only the full-size level stays."""
    if not part.has_mip_levels:
        return part, ()
    width, height = part.tile_size or (0, 0)
    single = part.with_("tiles", "tiledesc", struct.pack("<IIB", width, height, 0))
    return with_chunk_count(single), ("The smaller mip levels of the plate are left out.",)
