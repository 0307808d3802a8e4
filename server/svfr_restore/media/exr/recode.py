"""EXR codecs that are not written here (RLE, PIZ, PXR24, B44, DWA, ...), borrowed from OpenImageIO.

Decoding asks for each run of equally typed channels in its own type, so no value is converted. Encoding
writes a small scratch file and takes its compressed chunks; it is trusted only after decoding it again
gives the same bytes.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from svfr.arrays import UInt8
from svfr_client.reasons import in_one_line
from svfr_restore.errors import FrameCannotBeRead
from svfr_restore.media.exr.container import ChunkReader, read_header
from svfr_restore.media.exr.header import FLOAT, HALF, UINT, Channel, PartHeader
from svfr_restore.media.exr.pixels import LineLayout
from svfr_restore.media.window import Window

log = logging.getLogger(__name__)

_OIIO_TYPES = {UINT: oiio.UINT32, HALF: oiio.HALF, FLOAT: oiio.FLOAT}
_DTYPES: dict[int, np.dtype[Any]] = {UINT: np.dtype("<u4"), HALF: np.dtype("<f2"), FLOAT: np.dtype("<f4")}


def is_lossless(part: PartHeader) -> bool:
    """Return whether the part's compression gives back every bit of all its channels."""
    if part.compression == "pxr24":  # drops the last 8 bits of float channels
        return all(c.pixel_type != FLOAT for c in part.channels)
    return part.compression not in ("b44", "b44a", "dwaa", "dwab", "lj2k")


def decode_rows(path: Path, part_number: int, part: PartHeader, rows: Window) -> UInt8:
    """Return whole lines of a part, as stored: uint8 (rows.height, line bytes) over the data window's width.

    Raises FrameCannotBeRead when OpenImageIO cannot decode them.
    """
    source = oiio.ImageInput.open(str(path))
    if source is None or not source.seek_subimage(part_number, 0):
        raise FrameCannotBeRead(
            f"The file cannot be decoded: {in_one_line(oiio.geterror())}.",
            path=path,
            remedy="Render or copy it again.",
        )
    try:
        layout = LineLayout(part.channels, part.data_window.width)
        lines = np.zeros((rows.height, layout.line_bytes), np.uint8)
        names = list(source.spec().channelnames)
        for pixel_type, channels in _runs(part.channels, names):
            begin, end = names.index(channels[0].name), names.index(channels[-1].name) + 1
            pixels = _read(source, part_number, part, rows=rows, begin=begin, end=end, pixel_type=pixel_type)
            if pixels is None:
                raise FrameCannotBeRead(
                    f"The file cannot be decoded: {in_one_line(source.geterror())}.",
                    path=path,
                    remedy="Render or copy it again.",
                )
            for at, channel in enumerate(channels):
                layout.put(lines, channel.name, pixels[:, :, at])
        return lines
    finally:
        source.close()


def _runs(channels: tuple[Channel, ...], names: list[str]) -> Iterator[tuple[int, list[Channel]]]:
    """Group the channels, in OpenImageIO's order, into runs of one type."""
    ordered = sorted(channels, key=lambda c: names.index(c.name))
    for pixel_type, run in itertools.groupby(ordered, key=lambda c: c.pixel_type):
        yield pixel_type, list(run)


def _read(
    source: oiio.ImageInput,
    number: int,
    part: PartHeader,
    *,
    rows: Window,
    begin: int,
    end: int,
    pixel_type: int,
) -> NDArray[np.generic] | None:
    kind = _OIIO_TYPES[pixel_type]
    if part.tile_size:
        whole = source.read_image(number, 0, begin, end, kind)
        top = rows.y - part.data_window.y
        pixels = None if whole is None else np.asarray(whole)[top : top + rows.height]
    else:
        pixels = source.read_scanlines(number, 0, rows.y, rows.bottom, 0, begin, end, kind)
    if pixels is None:
        return None
    return np.asarray(pixels).reshape(rows.height, part.data_window.width, end - begin)


def encode_rows(part: PartHeader, rows: Window, lines: UInt8) -> list[bytes] | None:
    """Return the payloads of the scanline chunks that cover ``rows``, in the part's own compression.

    ``rows`` must begin on a chunk border. None when OpenImageIO cannot write these very bytes in that
    compression (it converts mixed channel types, and lacks some codecs).
    """
    with tempfile.TemporaryDirectory(prefix="svfr-exr-") as folder:
        scratch = Path(folder) / "rows.exr"
        if not _write_scratch(scratch, part, rows, lines):
            return None
        header = read_header(scratch)
        written = header.parts[0]
        same = _shape(written) == _shape(part)
        if not same or not np.array_equal(decode_rows(scratch, 0, written, rows), lines):
            return None
        with scratch.open("rb") as file:
            reader = ChunkReader(file, header)
            return [reader.body(0, index)[8:] for index in range(written.chunk_count)]


def _shape(part: PartHeader) -> tuple[str, list[tuple[str, int]]]:
    return part.compression, [(c.name, c.pixel_type) for c in part.channels]


def _write_scratch(scratch: Path, part: PartHeader, rows: Window, lines: UInt8) -> bool:
    layout = LineLayout(part.channels, part.data_window.width)
    kinds = {c.pixel_type for c in part.channels}
    kind = FLOAT if len(kinds) > 1 else part.channels[0].pixel_type
    spec = oiio.ImageSpec(rows.width, rows.height, len(part.channels), _OIIO_TYPES[kind])
    spec.x, spec.y = rows.x, rows.y
    spec.channelnames = [c.name for c in part.channels]
    if len(kinds) > 1:
        spec.channelformats = [oiio.TypeDesc(_OIIO_TYPES[c.pixel_type]) for c in part.channels]
    spec.attribute("compression", part.compression)
    with np.errstate(invalid="ignore"):  # widening a signalling NaN; the comparison afterwards finds it
        planes = [layout.get(lines, c.name).astype(_DTYPES[kind]) for c in part.channels]
    output = oiio.ImageOutput.create(str(scratch))
    if output is None or not output.open(str(scratch), spec):
        log.debug("OpenImageIO opens no %s scratch file: %s", part.compression, oiio.geterror())
        return False
    done = output.write_image(np.ascontiguousarray(np.stack(planes, axis=-1)))
    return bool(output.close() and done)
