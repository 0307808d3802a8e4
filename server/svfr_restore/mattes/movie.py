"""A matte that came as a movie: its alpha where it has one, else its red; data, never colour-managed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from svfr.arrays import Float32
from svfr_client.errors import SvfrError
from svfr_client.frames import mask_gap
from svfr_restore.errors import MaskCannotBeRead, MaskSizeDiffers
from svfr_restore.mattes.last_read import LastRead
from svfr_restore.mattes.sequence import solid_alpha
from svfr_restore.media.feed import nearest_before
from svfr_restore.media.movie_plate import MoviePlate
from svfr_restore.media.plate_base import PlateFrame
from svfr_restore.media.window import Window

CHANNELS = ("A", "R", "G", "B")


class MovieMatte:
    """The first video stream of a movie as mattes for the plate's frames.

    Its first frame lies on the plate's first: on frame 1 of a movie, on 1001 of a sequence that begins there.
    Context frames beyond its ends take its nearest earlier frame, else its first.
    """

    def __init__(self, path: Path, display: Window, plate_first: int, channel: str | None = None) -> None:
        """Open the movie. Raises MaskCannotBeRead for a channel it does not have, and what a plate raises."""
        self._path, self._display = path, display
        self._movie = MoviePlate(str(path))
        self._shift = plate_first - self._movie.frames[0]
        self._last: LastRead[Float32] = LastRead()
        self.notes: tuple[str, ...] = ()
        self._channel = self._chosen(channel)

    def _chosen(self, channel: str | None) -> str:
        first = self._movie.read(self._movie.frames[0])
        there = CHANNELS if first.alpha is not None else CHANNELS[1:]
        if channel is not None:
            if channel.upper() not in there:
                raise MaskCannotBeRead(
                    f"The mask has no channel {channel}.",
                    path=self._path,
                    remedy=f"Its channels are {', '.join(there)}.",
                )
            return channel.upper()
        if first.alpha is None:
            return "R"
        if np.all(first.alpha == 1.0):
            self.notes = (solid_alpha("R"),)
            return "R"
        return "A"

    def check(self, frames: Iterable[int]) -> list[SvfrError]:
        """Return one error for another size, and one that names all frames that the movie lacks."""
        shown, plate = self._movie.display, self._display
        if (shown.width, shown.height) != (plate.width, plate.height):
            return [
                MaskSizeDiffers(
                    f"The mask has {shown.width} x {shown.height} pixels, "
                    f"the plate {plate.width} x {plate.height}.",
                    path=self._path,
                    remedy="Render the mask at the plate's full resolution.",
                )
            ]
        there = set(self._movie.frames)
        missing = sorted(frame for frame in set(frames) if frame - self._shift not in there)
        return [mask_gap(missing, str(self._path))] if missing else []

    def path(self, frame: int) -> Path | None:
        """Return the movie, which holds every frame."""
        return self._path

    def read(self, frame: int, window: Window) -> Float32:
        """Return the matte (h, w), 0..1, over plate pixels; 0 outside the plate's display window."""
        source = nearest_before(self._movie.frames, frame - self._shift)
        plane = self._last.get(source, lambda: self._plane(self._movie.read(source)))
        matte = np.zeros(window.shape, np.float32)
        both = self._display.intersect(window)
        if not both.is_empty:
            matte[both.slices_in(window)] = plane[both.slices_in(self._display)]
        return matte

    def _plane(self, picture: PlateFrame) -> Float32:
        if self._channel == "A" and picture.alpha is not None:
            plane = picture.alpha
        else:
            plane = picture.rgb[..., "RGB".index(self._channel)]
        return np.clip(plane, 0.0, 1.0)
