"""Mattes that an artist rendered: a numbered sequence or one still, in the plate's own geometry.

Values are data: they are never colour-managed or multiplied by an alpha, and soft values stay soft. A picture
that asks to be turned (EXIF orientation) is turned, as a plate is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)

from svfr.arrays import Float32
from svfr_client.errors import SvfrError
from svfr_client.files import is_file
from svfr_client.frames import mask_gap
from svfr_client.sequences import PathPattern, is_sequence
from svfr_restore.errors import MaskCannotBeRead, MaskSizeDiffers
from svfr_restore.media.orientation import swaps_sides, upright, upright_window
from svfr_restore.media.regular_file import require_regular, require_size
from svfr_restore.media.window import Window

# The project's own matte layer comes first: where it is there, a plain A is the plate's alpha.
CHANNELS = ("svfr.matte.A", "A", "Y", "R")
# One channel as float, its copy over the window, and what limits it to 0..1.
_BYTES_PER_PIXEL = 24


@dataclass(frozen=True)
class MatteSequence:
    """Files of one channel each frame; ``pattern`` None means that ``still`` holds for every frame."""

    display: Window
    channel: str
    pattern: PathPattern | None
    still: Path
    notes: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: str | Path, display: Window, channel: str | None = None) -> MatteSequence:
        """Open ``mask.%04d.exr``, ``mask.####.png`` or a single picture for a plate's display window.

        ``channel`` names the channel; else it is chosen on the first file and is the same for all: the first
        present of svfr.matte.A, A, Y and R, else the first channel. An A that is 1 everywhere beside colour
        channels that are not is passed over: hosts write a solid alpha with black-and-white masks.
        Raises MaskCannotBeRead when there is no such file, BadPathPattern for two frame fields.
        """
        if not is_sequence(path):
            still = Path(path)
            require_regular(still)
            return cls._of(display, channel, None, still)
        pattern = PathPattern.parse(path)
        frames = pattern.frames()
        if not frames:
            raise MaskCannotBeRead("The mask sequence has no file.", path=path, remedy="Check the path.")
        first = pattern.path(frames[0])
        require_regular(first)
        return cls._of(display, channel, pattern, first)

    @classmethod
    def _of(
        cls, display: Window, channel: str | None, pattern: PathPattern | None, first: Path
    ) -> MatteSequence:
        chosen, passes_over = (channel, False) if channel else _choose_channel(first)
        notes = (solid_alpha(chosen),) if passes_over else ()
        return cls(display=display, channel=chosen, pattern=pattern, still=first, notes=notes)

    def path(self, frame: int) -> Path:
        """Return the file that holds the matte of an absolute frame."""
        return self.still if self.pattern is None else self.pattern.path(frame)

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return what is wrong for these frames, from the headers alone: gaps (one error that names them
        all), files that cannot be opened, files of another size.
        """
        wanted = sorted(set(frames))
        problems: list[SvfrError] = []
        if self.pattern is not None:
            there = set(self.pattern.frames())
            missing = [frame for frame in wanted if frame not in there]
            wanted = [frame for frame in wanted if frame in there]
            if missing:
                problems.append(mask_gap(missing, str(self.pattern)))
        elif wanted:
            wanted = wanted[:1]
        for frame in wanted:
            try:
                _Layout.of(self.path(frame), self.channel, self.display, frame)
            except SvfrError as error:
                problems.append(error)
        return problems

    def read(self, frame: int, window: Window) -> Float32:
        """Return the matte (h, w) of a frame over plate pixels, limited to 0..1; 0 where the file has none.

        NaN counts as 0, and of a channel of whole numbers (EXR's uint) every number but 0 as 1.
        Raises MaskFramesMissing, MaskSizeDiffers or MaskCannotBeRead with the frame.
        """
        path = self.path(frame)
        if self.pattern is not None and not is_file(path):
            raise mask_gap([frame], str(self.pattern))
        layout = _Layout.of(path, self.channel, self.display, frame)
        values = layout.read()
        matte = np.zeros(window.shape, np.float32)
        both = layout.data.intersect(window)
        if not both.is_empty:
            matte[both.slices_in(window)] = values[both.slices_in(layout.data)]
        return np.clip(np.nan_to_num(matte, nan=0.0), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where the channel lies in one file, how it is turned, and which plate pixels it then covers."""

    path: Path
    frame: int | None
    part: int
    channel: int
    orientation: int
    data: Window

    @classmethod
    def of(cls, path: Path, channel: str, display: Window, frame: int) -> _Layout:
        """Find the channel in a file's parts; raises MaskCannotBeRead and MaskSizeDiffers."""
        picture = _open(path, frame)
        try:
            specs = _specs(picture)
            for part, spec in enumerate(specs):
                if channel not in spec.channelnames:
                    continue
                orientation = _orientation(picture, spec)
                whole = Window(0, 0, spec.full_width, spec.full_height)
                stored = Window(spec.x - spec.full_x, spec.y - spec.full_y, spec.width, spec.height)
                size = whole.width, whole.height
                whole = upright_window(whole, size, orientation)
                if whole.shape != display.shape:
                    raise MaskSizeDiffers(
                        f"The mask has {whole.width} x {whole.height} pixels, "
                        f"the plate {display.width} x {display.height}.",
                        frame=frame,
                        path=path,
                        remedy="Render the mask at the plate's full resolution.",
                    )
                shown = upright_window(stored, size, orientation)
                return cls(
                    path=path,
                    frame=frame,
                    part=part,
                    channel=spec.channelnames.index(channel),
                    orientation=orientation,
                    data=Window(display.x + shown.x, display.y + shown.y, shown.width, shown.height),
                )
        finally:
            picture.close()
        names = sorted({name for part in specs for name in part.channelnames})
        raise MaskCannotBeRead(
            f"The mask has no channel {channel}.",
            frame=frame,
            path=path,
            remedy=f"Its channels are {', '.join(names[:20])}; all frames must have the one that is used.",
        )

    def read(self) -> Float32:
        picture = _open(self.path, self.frame)
        try:
            values = _values(picture, self.part, self.channel)
            if values is None:
                raise _unreadable(self.path, self.frame, picture.geterror())
        finally:
            picture.close()
        height, width = self.data.shape
        stored = (width, height) if swaps_sides(self.orientation) else (height, width)
        return upright(values.reshape(stored), self.orientation)


def solid_alpha(chosen: str) -> str:
    """Return what to tell of a mask whose alpha was passed over."""
    return (
        f"The mask's first picture has an alpha of 1 everywhere, so its channel {chosen} is the mask "
        "in all frames; --mask-channel A takes the alpha."
    )


def _choose_channel(path: Path) -> tuple[str, bool]:
    """Return the channel, and whether a solid alpha was passed over for it."""
    picture = _open(path, None)
    try:
        specs = _specs(picture)
        names = [name for spec in specs for name in spec.channelnames]
        found = [name for name in CHANNELS if name in names] or list(specs[0].channelnames[:1])
        if not found:
            raise _unreadable(path, None, "it has no channels")
        if found[0] == "A" and len(found) > 1 and _is_solid(picture, specs, "A"):
            passes_over = not _is_solid(picture, specs, found[1])
            return found[1 if passes_over else 0], passes_over
        return found[0], False
    finally:
        picture.close()


def _is_solid(picture: oiio.ImageInput, specs: Sequence[oiio.ImageSpec], name: str) -> bool:
    part = next(i for i, spec in enumerate(specs) if name in spec.channelnames)
    channel = specs[part].channelnames.index(name)
    values = _values(picture, part, channel)
    return values is not None and bool(np.all(values == 1.0))


def _values(picture: oiio.ImageInput, part: int, channel: int) -> Float32 | None:
    """Return a channel's values; None where they cannot be decoded.

    Whole numbers of an EXR are values too (0 and 1, or an object's number), not code values of 32 bits.
    """
    picture.seek_subimage(part, 0)
    spec = picture.spec()
    is_number = picture.format_name() == "openexr" and spec.channelformat(channel).basetype == oiio.UINT32
    form = oiio.UINT32 if is_number else oiio.FLOAT
    pixels = picture.read_image(part, 0, channel, channel + 1, form)
    return None if pixels is None else np.asarray(pixels).astype(np.float32)


def _specs(picture: oiio.ImageInput) -> list[oiio.ImageSpec]:
    specs: list[oiio.ImageSpec] = []
    while picture.seek_subimage(len(specs), 0):
        specs.append(picture.spec())
    picture.geterror()  # running past the last part is no error
    return specs


def _orientation(picture: oiio.ImageInput, spec: oiio.ImageSpec) -> int:
    """Return how a picture asks to be turned; EXR has no such attribute."""
    return 1 if picture.format_name() == "openexr" else int(spec.get_int_attribute("Orientation", 1))


def _open(path: Path, frame: int | None) -> oiio.ImageInput:
    require_regular(path, frame)
    wishes = oiio.ImageSpec()
    wishes.attribute("oiio:UnassociatedAlpha", 1)
    picture = oiio.ImageInput.open(str(path), wishes)
    if picture is None:
        raise _unreadable(path, frame, oiio.geterror())
    spec = picture.spec()
    require_size(spec.width, spec.height, spec.nchannels, path, frame, bytes_per_pixel=_BYTES_PER_PIXEL)
    return picture


def _unreadable(path: Path, frame: int | None, why: str) -> MaskCannotBeRead:
    reason = " ".join(why.split()) or "the file is damaged or of an unknown type"
    return MaskCannotBeRead(
        f"The mask cannot be read: {reason}.",
        frame=frame,
        path=path,
        remedy="Render it again as EXR, PNG or TIFF.",
    )
