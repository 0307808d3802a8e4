"""The returned picture: the plate's own EXR file with restored colour, and layers for the compositor.

Every channel, part and attribute of the plate stays as it is, bit for bit, except RGB where ``changed``.
Chunks without changed pixels are copied compressed, so a plate that the job hardly touches is written
about as fast as it is copied, and even a lossy plate keeps its bits where nothing changed at all.

Stills and movies become a new EXR: half for sources of up to 8 bits a channel (n/255 survives: half is
finer than half a step there), float32 for deeper ones (half would merge neighbouring 12 and 16 bit codes).
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from svfr.arrays import Float32, Mask
from svfr_client.errors import OutputEqualsPlate
from svfr_client.files import is_there, whole_file
from svfr_ocio.channels import in_every_channel
from svfr_restore.errors import RestoredPixelsAreNotFinite
from svfr_restore.media.exr.container import (
    Chunk,
    ChunkReader,
    ExrFileWriter,
    ExrHeader,
    read_complete_header,
    read_header,
)
from svfr_restore.media.exr.header import FLOAT, HALF, PartHeader, as_multipart
from svfr_restore.media.exr.layers import (
    Layers,
    NewPart,
    layer_parts,
    new_part,
    picture_header,
    picture_part,
)
from svfr_restore.media.exr.recode import decode_rows
from svfr_restore.media.exr.restored import Change, RestoredPart, restore_part
from svfr_restore.media.exr.select import GREY_AS_RGB_PART, OWN_PARTS, RgbChannels, find_rgb
from svfr_restore.media.plate_base import PlateFrame
from svfr_restore.media.window import Window

log = logging.getLogger(__name__)


_PROVENANCE = "svfr/"
_LONGEST_OLD_NAME = 31
_ACES_FLAG = "acesImageContainerFlag"
# Chunks are often smaller than a hundredth of this, and each call of the system costs as much as copying one.
_BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class WrittenFrame:
    """A file that now exists, its size, and sentences on what could not stay as in the plate."""

    path: Path
    size_bytes: int
    notes: tuple[str, ...]


def write_restored(
    plate_frame: PlateFrame,
    out_path: Path,
    rgb: Float32,
    changed: Mask,
    *,
    window: Window | None = None,
    layers: Layers | None = None,
    provenance: Mapping[str, str] | None = None,
    interop_id: str | None = None,
    judge: Callable[[Path], None] | None = None,
) -> WrittenFrame:
    """Write the plate's picture with ``rgb`` (h, w, 3) where ``changed`` (h, w).

    Both lie over ``window``, a part of the data window; None: all of it.
    ``provenance`` becomes string attributes of the picture's part, named ``svfr/...`` in at most 31
    characters (old readers know no more); those of an earlier pass are replaced, as are its layers.
    ``interop_id`` names the colour space of a new EXR made from a still or movie; an EXR plate keeps what
    it says itself. The file appears whole or not at all; ``judge`` is
    :func:`svfr_client.files.whole_file`'s. Raises what that does, OutputEqualsPlate,
    RestoredPixelsAreNotFinite, FileCannotBeWritten, and the plate's own errors when it cannot be read
    again; ValueError for arrays of another shape and wrong provenance names.
    """
    change = Change(plate_frame.data_window if window is None else window, rgb, changed)
    _check_arguments(plate_frame, out_path, change, provenance or {})
    with ExitStack() as stack:
        if plate_frame.kind == "exr":
            header = read_header(plate_frame.path)
            reader = ChunkReader(stack.enter_context(plate_frame.path.open("rb", _BUFFER_BYTES)), header)
            choice = find_rgb(header, plate_frame.choice)
            new = _from_exr(header, reader, choice, frame=plate_frame, change=change, layers=layers)
        else:
            new = _from_pixels(plate_frame, change, layers, interop_id)
        new = new.signed(provenance or {})
        with whole_file(out_path, partial(_check_written, picture=new.picture), judge=judge) as scratch:
            _write(scratch, new)
    for note in new.notes:
        log.warning("frame %d: %s", plate_frame.frame, note)
    return WrittenFrame(out_path, out_path.stat().st_size, new.notes)


@dataclass(frozen=True, kw_only=True)
class _NewFile:
    """Headers and chunks of the file to write; ``picture`` is the number of the part that holds RGB."""

    parts: tuple[PartHeader, ...]
    picture: int
    is_multipart: bool
    chunks: Iterable[Chunk]
    notes: tuple[str, ...] = ()

    def signed(self, provenance: Mapping[str, str]) -> _NewFile:
        """Return the file with the provenance of this job in place of any earlier one."""
        part = self.parts[self.picture]
        part = part.without(*(a.name for a in part.attributes if a.name.startswith(_PROVENANCE)))
        for name, text in provenance.items():
            part = part.with_(name, "string", text.encode())
        parts = (*self.parts[: self.picture], part, *self.parts[self.picture + 1 :])
        return _NewFile(
            parts=parts,
            picture=self.picture,
            is_multipart=self.is_multipart,
            chunks=self.chunks,
            notes=self.notes,
        )


def _check_arguments(
    plate_frame: PlateFrame, out_path: Path, change: Change, provenance: Mapping[str, str]
) -> None:
    rgb, changed, shape = change.rgb, change.changed, change.window.shape
    if rgb.shape != (*shape, 3) or changed.shape != shape or changed.dtype != np.bool_:
        raise ValueError(f"rgb {rgb.shape} and changed {changed.shape} do not lie over the plate's {shape}")
    if not plate_frame.data_window.contains(change.window):
        raise ValueError(f"{change.window} reaches outside the plate's {plate_frame.data_window}")
    bad = [n for n in provenance if not n.startswith(_PROVENANCE) or len(n.encode()) > _LONGEST_OLD_NAME]
    if bad:
        raise ValueError(f"provenance names must be svfr/... of at most 31 characters: {bad}")
    # realpath, which a link to itself does not trouble: the new file takes such a link's place
    if os.path.realpath(out_path) == os.path.realpath(plate_frame.path) or (
        is_there(out_path) and out_path.samefile(plate_frame.path)
    ):
        raise OutputEqualsPlate(
            "The output file is the plate's own file.",
            frame=plate_frame.frame,
            path=out_path,
            remedy="Choose another output folder or name.",
        )
    finite = in_every_channel(np.isfinite(rgb))
    if not finite[changed].all():
        raise RestoredPixelsAreNotFinite(
            "The restored picture holds NaN or infinity.",
            frame=plate_frame.frame,
            remedy="Try full precision (float32); if it persists, report it with the plate.",
        )


def _from_exr(
    header: ExrHeader,
    reader: ChunkReader,
    choice: RgbChannels,
    *,
    frame: PlateFrame,
    change: Change,
    layers: Layers | None,
) -> _NewFile:
    part = header.parts[choice.part]
    if choice.is_grey:
        restored = RestoredPart(part, {})
        grey_rgb = [_grey_as_rgb(part, choice, _merged_pixels(frame, change))]
    else:
        restored, grey_rgb = restore_part(reader, header, choice, change), []
    rgb_types = {c.pixel_type for c in part.channels if c.name in choice.rgb}
    pixel_type = FLOAT if FLOAT in rgb_types else HALF
    extra = grey_rgb + (layer_parts(layers, part, pixel_type) if layers else [])
    kept = [
        i for i, p in enumerate(header.parts) if not (header.is_multipart and p.text("name") in OWN_PARTS)
    ]
    numbers = {old: new for new, old in enumerate(kept)}
    parts = [restored.header if i == choice.part else header.parts[i] for i in kept]
    if extra and not header.is_multipart:
        parts = [as_multipart(p, "rgba") for p in parts]
    if extra or restored.is_whole:  # no ACES container (SMPTE ST 2065-4) holds other parts or compression
        parts = [_without_aces_flag(p) for p in parts]
    return _NewFile(
        parts=(*parts, *(e.header for e in extra)),
        picture=numbers[choice.part],
        is_multipart=header.is_multipart or bool(extra),
        chunks=_merged(reader, numbers, choice.part, restored, extra),
        notes=restored.notes,
    )


def _without_aces_flag(part: PartHeader) -> PartHeader:
    """Take the container flag away, which was the file's only word on its colour, and say it otherwise."""
    if not part.has(_ACES_FLAG):
        return part
    stated = part.has("colorInteropID") or struct.unpack("<i", (part.get(_ACES_FLAG) or bytes(4))[:4])[0] != 1
    bare = part.without(_ACES_FLAG)
    return bare if stated else bare.with_("colorInteropID", "string", b"lin_ap0_scene")


def _grey_as_rgb(part: PartHeader, choice: RgbChannels, rgb: Float32) -> NewPart:
    """Return a part of R, G and B beside a black-and-white picture, which stays as it is."""
    pixel_type = next(c.pixel_type for c in part.channels if c.name == choice.red)
    planes = {name: rgb[..., i] for i, name in enumerate("RGB")}
    return picture_part(GREY_AS_RGB_PART, part, planes, pixel_type)


def _merged(
    reader: ChunkReader,
    numbers: Mapping[int, int],
    picture: int,
    restored: RestoredPart,
    extra: list[NewPart],
) -> Iterator[Chunk]:
    """Yield the plate's chunks in their order, restored ones in place of old ones, then the new parts'."""
    for chunk in reader:
        if chunk.part not in numbers:
            continue
        if chunk.part != picture:
            yield Chunk(numbers[chunk.part], chunk.index, chunk.body)
        elif not restored.is_whole and chunk.index < restored.header.chunk_count:
            yield Chunk(numbers[picture], chunk.index, restored.bodies.get(chunk.index, chunk.body))
    if restored.is_whole:
        yield from (Chunk(numbers[picture], index, body) for index, body in restored.bodies.items())
    yield from _chunks_of(extra, len(numbers))


def _chunks_of(parts: list[NewPart], first: int) -> Iterator[Chunk]:
    for number, part in enumerate(parts, first):
        yield from (Chunk(number, index, body) for index, body in enumerate(part.bodies))


def _from_pixels(
    frame: PlateFrame, change: Change, layers: Layers | None, interop_id: str | None
) -> _NewFile:
    pixel_type = HALF if frame.sample_bits <= 8 else FLOAT
    header = picture_header(
        frame.data_window, frame.display_window, frame.pixel_aspect, frame.alpha is not None, pixel_type
    )
    if interop_id:
        header = header.with_("colorInteropID", "string", interop_id.encode())
    header = _tagged(header, frame)
    merged = _merged_pixels(frame, change)
    planes = {name: merged[..., i] for i, name in enumerate("RGB")}
    if frame.alpha is not None:
        planes["A"] = frame.alpha
    extra = layer_parts(layers, header, pixel_type) if layers else []
    picture = new_part(as_multipart(header, "rgba") if extra else header, planes)
    parts = [picture, *extra]
    return _NewFile(
        parts=tuple(p.header for p in parts), picture=0, is_multipart=bool(extra), chunks=_chunks_of(parts, 0)
    )


def _merged_pixels(frame: PlateFrame, change: Change) -> Float32:
    """Return the plate's pixels (h, w, 3) with the change in place."""
    merged = frame.rgb.copy()
    place = change.window.slices_in(frame.data_window)
    merged[place] = np.where(change.changed[..., None], change.rgb, merged[place])
    return merged


def _tagged(header: PartHeader, frame: PlateFrame) -> PartHeader:
    """Return the header with what a still or movie said of itself, in EXR's standard attributes."""
    if frame.fps:
        rate = struct.pack("<iI", frame.fps.numerator, frame.fps.denominator)
        header = header.with_("framesPerSecond", "rational", rate)
    tags = frame.tags
    code = None if tags.timecode is None else tags.timecode.bits(frame.fps)
    if code is not None:
        header = header.with_("timeCode", "timecode", struct.pack("<II", code, 0))
    for name, text in (("reelName", tags.reel), ("owner", tags.owner), ("capDate", tags.captured)):
        if text:
            header = header.with_(name, "string", text.encode())
    return header


def _write(scratch: Path, new: _NewFile) -> None:
    with scratch.open("wb", _BUFFER_BYTES) as file:
        writer = ExrFileWriter(file, new.parts, new.is_multipart)
        for chunk in new.chunks:
            writer.write(chunk)
        writer.finish()


def _check_written(path: Path, picture: int) -> None:
    """Open the finished file as any reader would and decode a line of the picture's part."""
    part = read_complete_header(path).parts[picture]
    window = part.data_window
    decode_rows(path, picture, part, Window(window.x, window.bottom - 1, window.width, 1))
