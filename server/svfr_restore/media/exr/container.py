"""The EXR container: headers and compressed chunks, read and written byte for byte.

Chunks (blocks of compressed scanlines, tiles, deep samples) can be copied without decoding them. This is
what lets a restored frame keep every other bit of its plate. Layout as in "OpenEXR File Layout",
openexr.com/en/latest.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from svfr_client.files import open_regular
from svfr_client.reasons import Flaw, reason_of
from svfr_restore.errors import FrameCannotBeRead, FrameIsTruncated
from svfr_restore.media.exr.header import Attribute, PartHeader

MAGIC = 20000630
_VERSION, _TILED, _LONG_NAMES, _NON_IMAGE, _MULTIPART = 2, 0x200, 0x400, 0x800, 0x1000
_LONGEST_NAME = 255
# Previews and manifests of thousands of objects take some megabytes; a header has a bound before it is read.
_MOST_ATTRIBUTES, _MOST_ATTRIBUTE_BYTES, _MOST_PARTS = 4096, 64 * 2**20, 1024


@dataclass(frozen=True)
class ExrHeader:
    """All parts' headers of a file, and where its chunk tables begin."""

    path: Path
    parts: tuple[PartHeader, ...]
    is_multipart: bool
    tables_at: int

    @property
    def record_prefix_bytes(self) -> int:
        """Bytes before each chunk's own record: the part number, in multi-part files."""
        return 4 if self.is_multipart else 0


def read_header(path: Path) -> ExrHeader:
    """Read the headers of all parts; no pixel is touched.

    Raises FrameIsTruncated for an empty file or one that ends inside its header, FrameCannotBeRead for a
    file that is no EXR or has a broken header.
    """
    with open_regular(path) as file:
        return _header_of(file, path)


def read_complete_header(path: Path) -> ExrHeader:
    """Read the headers of a file that is all there: see :meth:`ChunkReader.check_complete`.

    It costs one opening, the header, the chunk tables and the head of one chunk a part, whatever the
    picture's size. Raises as :func:`read_header`.
    """
    with open_regular(path) as file:
        header = _header_of(file, path)
        ChunkReader(file, header).check_complete()
        return header


def _header_of(file: BufferedReader, path: Path) -> ExrHeader:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise FrameIsTruncated("The file is empty (zero bytes).", path=path, remedy="Render it again.")
    try:
        magic, version = struct.unpack("<iI", _take(file, 8))
        if magic != MAGIC or version & 0xFF != _VERSION:
            raise Flaw("it does not begin as an EXR file does")
        multipart = bool(version & _MULTIPART)
        parts = [_read_part(file, size)]
        while multipart:
            part = _read_part(file, size)
            if not part.attributes:
                break
            parts.append(part)
            if len(parts) > _MOST_PARTS:
                raise Flaw("it has more parts than any picture")
        if not multipart:
            parts[0] = _with_type_from_flags(parts[0], version)
        for part in parts:
            _check_part(part)
        return ExrHeader(path, tuple(parts), multipart, file.tell())
    except EOFError as error:
        raise FrameIsTruncated(
            "The file ends inside its header.", path=path, remedy="Render or copy it again."
        ) from error
    except (ValueError, struct.error, IndexError) as error:
        raise FrameCannotBeRead(
            f"The file is no readable EXR: {reason_of(error)}.", path=path, remedy="Render or copy it again."
        ) from error


def _check_part(part: PartHeader) -> None:
    """Ask a header for all that later code relies on, so that a broken one fails here."""
    _ = part.channels, part.compression, part.data_window, part.display_window, part.pixel_aspect
    if part.chunk_count < 1:
        raise Flaw("a part has no pixels")


def _with_type_from_flags(part: PartHeader, version: int) -> PartHeader:
    """Return a single-part file's header with the type that the version flags say.

    The attribute is optional there, and OpenEXR goes by the flags where the two differ. Multi-part files
    must state it.
    """
    tiled = bool(version & _TILED) and part.has("tiles")
    if version & _NON_IMAGE:
        kind = b"deeptile" if tiled else b"deepscanline"
    else:
        kind = b"tiledimage" if tiled else b"scanlineimage"
    if not part.has("type") and (kind == b"tiledimage" or not part.has("tiles")) and not version & _NON_IMAGE:
        return part
    return part.with_("type", "string", kind)


def _read_part(file: BufferedReader, file_size: int) -> PartHeader:
    found: list[Attribute] = []
    while name := _take_name(file):
        kind = _take_name(file)
        (length,) = struct.unpack("<i", _take(file, 4))
        if length < 0:
            raise Flaw(f"the attribute {name!r} has a negative size")
        if length > file_size:
            raise EOFError
        if length > _MOST_ATTRIBUTE_BYTES or len(found) >= _MOST_ATTRIBUTES:
            raise Flaw("its header is larger than any picture's")
        found.append(Attribute(name, kind, _take(file, length)))
    return PartHeader(tuple(found))


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise EOFError
    return data


def _take_name(file: BufferedReader) -> str:
    ahead = file.peek(_LONGEST_NAME + 1)
    end = ahead.find(b"\0", 0, _LONGEST_NAME + 1)
    if end >= 0:
        return _take(file, end + 1)[:end].decode("utf-8")
    name = bytearray()  # it crosses the end of what is buffered, or never ends
    while (byte := _take(file, 1)) != b"\0":
        name += byte
        if len(name) > _LONGEST_NAME:
            raise Flaw("a name in the header never ends")
    return name.decode("utf-8")


@dataclass(frozen=True)
class Chunk:
    """One chunk as it lies in a file: ``index`` in its part's table; ``body`` without the part number."""

    part: int
    index: int
    body: bytes


class ChunkReader:
    """The chunks of an open EXR file."""

    def __init__(self, file: BinaryIO, header: ExrHeader) -> None:
        self._file = file
        self._header = header
        self._size = os.fstat(file.fileno()).st_size
        file.seek(header.tables_at)
        try:
            counts = [part.chunk_count for part in header.parts]
            if 8 * sum(counts) > self._size:
                raise EOFError
            self.tables = [struct.unpack(f"<{n}Q", _take(file, 8 * n)) for n in counts]
        except EOFError as error:
            raise self._truncated("its chunk table") from error
        self._data_at = file.tell()

    def _truncated(self, where: str) -> FrameIsTruncated:
        return FrameIsTruncated(
            f"The file ends inside {where}.", path=self._header.path, remedy="Render or copy it again."
        )

    def __iter__(self) -> Iterator[Chunk]:
        """Yield every chunk in the order of the file, so that a copy reads forward."""
        where = [(at, p, i) for p, table in enumerate(self.tables) for i, at in enumerate(table)]
        for at, part, index in sorted(where):
            yield Chunk(part, index, self.body(part, index, at))

    def body(self, part: int, index: int, at: int | None = None) -> bytes:
        """Return one chunk without its part number. Raises FrameIsTruncated when it is not all there."""
        start = self.tables[part][index] if at is None else at
        length = self.length(part, start)
        self._file.seek(start + self._header.record_prefix_bytes)
        return _take(self._file, length)

    def length(self, part: int, at: int) -> int:
        """Return the bytes of the chunk at a file position, after checking that it lies in the file."""
        if at < self._data_at or at >= self._size:
            raise self._truncated("its pixels")
        prefix, head = self._header.record_prefix_bytes, chunk_head(self._header.parts[part])
        self._file.seek(at + prefix)
        try:
            fields = head.unpack(_take(self._file, head.size))
        except EOFError as error:
            raise self._truncated("its pixels") from error
        sizes = fields[-3:-1] if self._header.parts[part].is_deep else fields[-1:]
        length = head.size + sum(sizes)
        if min(sizes) < 0 or at + prefix + length > self._size:
            raise self._truncated("its pixels")
        return length

    def check_complete(self) -> None:
        """Raise FrameIsTruncated unless every chunk starts inside the file and the last ones end there.

        Only the last chunk of each part is looked at: files are cut off at the end, and a writer that
        was killed leaves zeros in the chunk table.
        """
        for part, table in enumerate(self.tables):
            if min(table) < self._data_at or max(table) >= self._size:
                raise self._truncated("its pixels")
            self.length(part, max(table))


def chunk_head(part: PartHeader) -> struct.Struct:
    """The fixed fields of a chunk: coordinates, then one size (three for deep parts)."""
    coordinates = "4i" if part.tile_size else "i"
    return struct.Struct(f"<{coordinates}{'3Q' if part.is_deep else 'i'}")


def version_field(parts: tuple[PartHeader, ...], multipart: bool) -> int:
    """Return the version number and flags that fit these parts."""
    names = [text for p in parts for a in p.attributes for text in (a.name, a.type)]
    names += [c.name for p in parts for c in p.channels]
    value = _VERSION | (_LONG_NAMES if max(map(len, names)) > 31 else 0)
    if any(p.is_deep for p in parts):
        value |= _NON_IMAGE
    if multipart:
        return value | _MULTIPART
    return value | (_TILED if parts[0].tile_size and not parts[0].is_deep else 0)


class ExrFileWriter:
    """Writes headers at once and chunks as they come; :meth:`finish` fills in the chunk tables."""

    def __init__(self, file: BinaryIO, parts: tuple[PartHeader, ...], multipart: bool) -> None:
        self._file = file
        self._multipart = multipart
        file.write(struct.pack("<iI", MAGIC, version_field(parts, multipart)))
        for part in parts:
            for attribute in part.attributes:
                file.write(attribute.name.encode() + b"\0" + attribute.type.encode() + b"\0")
                file.write(struct.pack("<i", len(attribute.value)) + attribute.value)
            file.write(b"\0")
        if multipart:
            file.write(b"\0")
        self._tables_at = file.tell()
        self._tables = [[0] * part.chunk_count for part in parts]
        file.write(bytes(8 * sum(map(len, self._tables))))

    def write(self, chunk: Chunk) -> None:
        """Append one chunk and remember where it begins."""
        self._tables[chunk.part][chunk.index] = self._file.tell()
        if self._multipart:
            self._file.write(struct.pack("<i", chunk.part))
        self._file.write(chunk.body)

    def finish(self) -> None:
        """Write the chunk tables. Raises ValueError when a chunk was never written."""
        if any(0 in table for table in self._tables):
            raise Flaw("a chunk of the picture was not written")
        self._file.seek(self._tables_at)
        for table in self._tables:
            self._file.write(struct.pack(f"<{len(table)}Q", *table))
        self._file.seek(0, os.SEEK_END)
