"""EXR files as a plate: pixels by OpenImageIO, headers and completeness by reading the container itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from svfr_client.errors import SvfrError
from svfr_client.reasons import in_one_line
from svfr_restore.errors import FrameCannotBeRead
from svfr_restore.media.colour_claims import ColourClaimOfFile, of_id
from svfr_restore.media.exr.container import ChunkReader, ExrHeader, read_header
from svfr_restore.media.exr.header import PIXEL_BYTES, PartHeader
from svfr_restore.media.exr.pixels import lines_per_chunk
from svfr_restore.media.exr.select import GREY_AS_RGB_PART, RgbChannels, find_rgb, other_views
from svfr_restore.media.plate_base import (
    ANY_PICTURE,
    FilePlate,
    Float32,
    FrameShape,
    PictureChoice,
    PlateFrame,
)
from svfr_restore.media.regular_file import require_size

_AP0_INTEROP_ID = "lin_ap0_scene"
_MOST_READ_TOGETHER = 8
# Of more lines the copy is so large that its memory comes from the system anew each time. No fewer than a
# chunk has, or chunks would be decoded twice.
_ROWS_AT_ONCE = 64


class ExrPlate(FilePlate):
    """An EXR sequence or a single EXR file; the first readable frame says resolution and colour.

    Raises the first frame's own error when none can be read.
    """

    kind = "exr"

    def __init__(self, pattern: str, chosen: PictureChoice = ANY_PICTURE) -> None:
        super().__init__(pattern)
        self._chosen = chosen
        header, choice = self._first_readable()
        part = header.parts[choice.part]
        self.display = part.display_window
        self.data_window = part.data_window
        self.pixel_aspect = part.pixel_aspect
        self.sample_bits = _sample_bits(header, choice)
        self.colour = colour_claim(header, choice)
        views = other_views(header, choice)
        if views:
            text = (
                f"The plate is stereo; the view {', '.join(views)} is not restored (choose it with --view)."
            )
            self.notes = (text,)
        if choice.is_grey:
            self.notes += (
                f"The plate's one channel {choice.red} comes back as it is: the restored R, G and B are "
                f"in the part {GREY_AS_RGB_PART} of the same file.",
            )
        self.notes += _two_claims(part)

    def _first_readable(self) -> tuple[ExrHeader, RgbChannels]:
        first_error: SvfrError | None = None
        for frame in self.frames:
            try:
                header = read_header(self._existing(frame))
                return header, find_rgb(header, self._chosen)
            except SvfrError as error:
                error.frame = frame
                first_error = first_error or error
        assert first_error is not None  # a FilePlate has at least one frame
        raise first_error

    @contextmanager
    def _opened(self, frame: int) -> Iterator[tuple[Path, ExrHeader, RgbChannels]]:
        """Give a frame's file, its header and the picture's channels; errors meanwhile are of the frame."""
        path = self._existing(frame)
        try:
            header = read_header(path)
            choice = find_rgb(header, self._chosen)
            require_size(*_stored_size(header, choice), path, frame)
            yield path, header, choice
        except SvfrError as error:
            error.frame = frame
            raise

    def read(self, frame: int) -> PlateFrame:
        """Return one picture over its data window, values exactly as stored (NaN and infinity too)."""
        with self._opened(frame) as (path, header, choice):
            part = header.parts[choice.part]
            rgb, alpha = _read_channels(path, choice, max(_ROWS_AT_ONCE, lines_per_chunk(part)))
        bits = _sample_bits(header, choice)
        return PlateFrame(
            frame=frame,
            path=path,
            kind="exr",
            rgb=rgb,
            alpha=alpha,
            data_window=part.data_window,
            display_window=part.display_window,
            pixel_aspect=part.pixel_aspect,
            sample_bits=bits,
            choice=self._chosen,
        )

    def probe(self, frame: int) -> FrameShape:
        """Read the header and look at the end of every part's chunks; no pixel is decoded."""
        with self._opened(frame) as (path, header, choice), path.open("rb") as file:
            ChunkReader(file, header).check_complete()
        part = header.parts[choice.part]
        shown = part.display_window
        return FrameShape(
            shown.width, shown.height, part.pixel_aspect, colour_claim(header, choice).interop_id
        )


def colour_claim(header: ExrHeader, choice: RgbChannels) -> ColourClaimOfFile:
    """Return what the file states about its colour.

    Order as the ASWF Color Interop Forum recommends: the ACES container flag first, then colorInteropID.
    Chromaticities are not taken as a statement, but either of them must not contradict them.
    """
    part = header.parts[choice.part]
    stored = part.get("chromaticities")
    chromaticities = struct.unpack("<8f", stored) if stored is not None and len(stored) == 32 else None
    if _is_aces(part):
        return of_id(_AP0_INTEROP_ID, chromaticities)
    stated = part.text("colorInteropID")
    return of_id(stated if stated and stated != "unknown" else None, chromaticities)


def _is_aces(part: PartHeader) -> bool:
    flag = part.get("acesImageContainerFlag")
    return flag is not None and bool(struct.unpack("<i", flag[:4])[0] == 1)


def _two_claims(part: PartHeader) -> tuple[str, ...]:
    """Return a note where the container flag and the stated ID name two spaces."""
    stated = part.text("colorInteropID")
    if not _is_aces(part) or stated in (None, "", "unknown", _AP0_INTEROP_ID):
        return ()
    return (
        f"The plate's acesImageContainerFlag says {_AP0_INTEROP_ID} and its colorInteropID "
        f"{in_one_line(stated)}: the flag is believed unless the job names the space.",
    )


def _stored_size(header: ExrHeader, choice: RgbChannels) -> tuple[int, int, int]:
    window = header.parts[choice.part].data_window
    return window.width, window.height, len(header.parts[choice.part].channels)


def _sample_bits(header: ExrHeader, choice: RgbChannels) -> int:
    channels = header.parts[choice.part].channels
    return max(8 * PIXEL_BYTES[c.pixel_type] for c in channels if c.name in choice.rgb)


def _read_channels(path: Path, choice: RgbChannels, most_rows: int) -> tuple[Float32, Float32 | None]:
    """Return a picture's colours (h, w, 3) and its alpha (h, w), read at most so many lines at a time."""
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise FrameCannotBeRead(
            f"The file cannot be opened: {in_one_line(oiio.geterror())}.",
            path=path,
            remedy="Render or copy it again.",
        )
    try:
        if not source.seek_subimage(choice.part, 0):
            raise FrameCannotBeRead(
                f"Part {choice.part} cannot be read: {in_one_line(source.geterror())}.",
                path=path,
                remedy="Render or copy it again.",
            )
        names = list(source.spec().channelnames)
        wanted = [*choice.rgb, *([choice.alpha] if choice.alpha else [])]
        places = [names.index(name) for name in wanted]
        if places == list(range(places[0], places[0] + len(places))):  # as OpenImageIO orders them: no copies
            read = _read_range(source, path, choice.part, (places[0], places[-1] + 1), most_rows)
            rgb = np.ascontiguousarray(read[..., :3])
            return rgb, np.ascontiguousarray(read[..., 3]) if choice.alpha else None
        planes = _read_places(source, path, choice.part, places, most_rows)
    finally:
        source.close()
    return np.stack(planes[:3], axis=-1), planes[3] if choice.alpha else None


def _read_places(
    source: oiio.ImageInput, path: Path, part: int, places: list[int], most_rows: int
) -> list[Float32]:
    """Return these channels, each (h, w): together where they lie close, else one by one.

    A file of two thousand channels may have its R far from its B, and what lies between need not be held.
    """
    begin, end = min(places), max(places) + 1
    together = end - begin <= _MOST_READ_TOGETHER
    ranges = [(begin, end)] if together else [(place, place + 1) for place in places]
    planes: list[Float32] = []
    for first, last in ranges:
        read = _read_range(source, path, part, (first, last), most_rows)
        planes += [
            np.ascontiguousarray(read[..., place - first]) for place in places if first <= place < last
        ]
    return planes


def _read_range(
    source: oiio.ImageInput, path: Path, part: int, channels: tuple[int, int], most_rows: int
) -> Float32:
    """Return the channels from a number to before another, (h, w, n).

    Lines are read some at a time: OpenImageIO returns a copy of what it decodes, and memory that is touched
    for the first time costs as much as decoding does.
    """
    spec = source.spec()
    count = channels[1] - channels[0]
    if spec.tile_width:
        whole = _decoded(source, path, source.read_image(part, 0, *channels, oiio.FLOAT))
        return whole.reshape(spec.height, spec.width, count)
    rows = np.empty((spec.height, spec.width, count), np.float32)
    for top in range(0, spec.height, most_rows):
        stop = min(top + most_rows, spec.height)
        read = source.read_scanlines(part, 0, spec.y + top, spec.y + stop, 0, *channels, oiio.FLOAT)
        rows[top:stop] = _decoded(source, path, read).reshape(stop - top, spec.width, count)
    return rows


def _decoded(source: oiio.ImageInput, path: Path, pixels: object | None) -> Float32:
    """Return what OpenImageIO decoded; raises FrameCannotBeRead where it could not."""
    if pixels is None:
        raise FrameCannotBeRead(
            f"The pixels cannot be decoded: {in_one_line(source.geterror())}.",
            path=path,
            remedy="Render or copy the file again.",
        )
    return np.asarray(pixels, np.float32)
