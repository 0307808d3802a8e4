"""What every plate is: numbered pictures of one resolution, whatever files they come from.

Pixels come as float32 RGB exactly as stored: EXR values as they
are, stills and movies as code values 0..1. A movie's first frame is number 1; a single file's number is the
one at the end of its name (``shot.1001.exr``), else 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from svfr.arrays import Float32
from svfr_client.errors import FrameIsMissing
from svfr_client.files import is_file
from svfr_client.sequences import PathPattern, frame_number_in_name, is_sequence, missing_frame
from svfr_restore.errors import PlateNotFound
from svfr_restore.media.colour_claims import ColourClaimOfFile
from svfr_restore.media.file_state import FileState
from svfr_restore.media.regular_file import require_regular
from svfr_restore.media.timecode import Timecode
from svfr_restore.media.window import Window

PlateKind = Literal["exr", "still", "movie"]


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """Which picture of a file with several is the plate; None: the plain one, or the only one there is.

    ``part`` is a name or a number from 0, ``layer`` the name before ``.R``, ``view`` an eye of a stereo file.
    """

    layer: str | None = None
    part: str | None = None
    view: str | None = None


ANY_PICTURE = PictureChoice()


@dataclass(frozen=True, kw_only=True)
class SourceTags:
    """What a still or movie frame says of where it comes from, and a new EXR of it says too.

    ``captured`` is "YYYY:MM:DD hh:mm:ss"; empty texts are unknown.
    """

    timecode: Timecode | None = None
    reel: str = ""
    owner: str = ""
    captured: str = ""


@dataclass(frozen=True, kw_only=True)
class PlateFrame:
    """One picture of a plate.

    ``rgb`` (h, w, 3) and ``alpha`` (h, w) or None are float32 over ``data_window``; ``pixel_aspect`` is the
    width of a pixel on screen over its height; ``sample_bits`` is the source's precision per channel.
    """

    frame: int
    path: Path
    kind: PlateKind
    rgb: Float32
    alpha: Float32 | None
    data_window: Window
    display_window: Window
    pixel_aspect: float
    sample_bits: int
    fps: Fraction | None = None
    choice: PictureChoice = ANY_PICTURE
    tags: SourceTags = field(default_factory=SourceTags)


@dataclass(frozen=True)
class FrameShape:
    """What all frames of a plate must share: resolution on screen, pixel aspect, and stated colour."""

    width: int
    height: int
    pixel_aspect: float
    colour: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} with pixel aspect {self.pixel_aspect:g}"


class Plate(ABC):
    """Numbered pictures of one resolution, opened by :func:`svfr_restore.media.plate.open_plate`.

    Reading is safe from several threads. Attributes are those of the first frame that can be read.
    """

    kind: PlateKind
    pattern: str
    frames: tuple[int, ...]
    display: Window
    data_window: Window
    pixel_aspect: float
    fps: Fraction | None
    sample_bits: int
    colour: ColourClaimOfFile
    """What the file itself states about its colour."""
    notes: tuple[str, ...] = ()
    """What a user should know about the file before it is restored, as sentences."""
    opened_state: FileState | None = None
    """The state of the one file that stays open, taken before it was; None where each frame has a file."""

    @property
    def colour_hint(self) -> str | None:
        """Color Interop ID that the file itself states, None when it says nothing that has one."""
        return self.colour.interop_id

    @abstractmethod
    def path(self, frame: int) -> Path:
        """Return the file that holds, or would hold, a frame."""

    @abstractmethod
    def read(self, frame: int) -> PlateFrame:
        """Return one picture. Raises FrameIsMissing and the errors of a damaged or unsuitable file."""

    @abstractmethod
    def probe(self, frame: int) -> FrameShape:
        """Check that a frame is there and whole without decoding it; raises what :meth:`read` would."""

    def other_colour(self, frames: Iterable[int]) -> tuple[int, str | None] | None:
        """Return the first of the frames of one file whose tags differ from :attr:`colour`, and its hint.

        None for plates of a file per frame: there :meth:`probe` tells.
        """
        return None

    def shape(self) -> FrameShape:
        """Return the resolution and pixel aspect of the first frame."""
        return FrameShape(self.display.width, self.display.height, self.pixel_aspect, self.colour_hint)

    def _missing(self, frame: int) -> FrameIsMissing:
        return missing_frame(frame, self.frames[0], self.frames[-1], self.path(frame))


class FilePlate(Plate):
    """A plate with one file per frame: a numbered sequence, or one single file."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.fps = None
        if is_sequence(pattern):
            numbered = PathPattern.parse(pattern)
            self._files = {frame: numbered.path(frame) for frame in numbered.frames()}
            self._numbered: PathPattern | None = numbered
        else:
            single = Path(pattern)
            require_regular(single)
            self._files = {frame_number_in_name(single): single} if is_file(single) else {}
            self._numbered = None
        if not self._files:
            raise PlateNotFound(
                "No file matches the plate's path.",
                path=pattern,
                remedy="Check the path and its frame field.",
            )
        self.frames = tuple(sorted(self._files))

    def path(self, frame: int) -> Path:
        """Return the frame's file; for a single file, that file."""
        if frame in self._files:
            return self._files[frame]
        return self._numbered.path(frame) if self._numbered else Path(self.pattern)

    def _existing(self, frame: int) -> Path:
        if frame not in self._files:
            raise self._missing(frame)
        path = self._files[frame]
        require_regular(path, frame)
        if not is_file(path):
            raise self._missing(frame)
        return path
