"""The lines of a clip list as pydantic reads them: the header and one clip.

All mistakes of a line are found together, each as a sentence that lacks the line's number alone;
:mod:`svfr_lab.clips.list_file` reads the whole list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, TypeAdapter

from svfr.validation import Finite, Strict
from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_lab.clips.entries import REGION_NUMBERS, ClipEntry, Region, RegionKind, Split

VERSION = 1

_KINDS: Mapping[str, RegionKind] = {"box": "box", "boxes": "box", "crop": "crop", "crops": "crop"}


def _known_version(version: int) -> int:
    if version != VERSION:
        raise ValueError(f"it must be {VERSION}, not {version}: the list is from a newer svfr")
    return version


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("it must not be empty")
    return text


def _frames_in_a_row(text: str) -> str:
    try:
        frames = FrameRange.parse(text)
    except SvfrError as problem:
        raise ValueError(f"{problem.message.rstrip('.')}; {problem.remedy.rstrip('.')}") from problem
    if len(frames.frames) != frames.last - frames.first + 1:
        raise ValueError('the frames of a clip follow one another, as in "1001-1050"')
    return text


def _frame_number(text: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f"{text!r} is no frame number")
    return int(text)


def _region_numbers(kind: RegionKind, numbers: tuple[float, ...]) -> tuple[float, ...]:
    names = REGION_NUMBERS[kind]
    if len(numbers) != len(names):
        raise ValueError(f"it must be [{', '.join(names)}]")
    if min(numbers[2:]) < 1.0:
        raise ValueError(f"{' and '.join(names[2:])} must be at least 1 pixel")
    return numbers


def _some_frames(
    by_frame: dict[int, tuple[float, ...]],
) -> dict[int, tuple[float, ...]]:
    if not by_frame:
        raise ValueError("it holds no frame")
    return by_frame


_Text = Annotated[str, AfterValidator(_not_empty)]
_Box = Annotated[tuple[Finite, ...], AfterValidator(partial(_region_numbers, "box"))]
_Crop = Annotated[tuple[Finite, ...], AfterValidator(partial(_region_numbers, "crop"))]
_Frame = Annotated[int, BeforeValidator(_frame_number)]


@dataclass(frozen=True, kw_only=True)
class Header(Strict):
    """The first line; what is None is where :mod:`svfr_lab.clips.list_file` says."""

    format: Literal["svfr-clips"]
    version: Annotated[int, AfterValidator(_known_version)]
    root: str = "."
    cache: str | None = None
    landmarks68: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClipLine(Strict):
    """One clip; ``caption`` is for people."""

    path: _Text
    identity: _Text
    split: Split
    frames: Annotated[str, AfterValidator(_frames_in_a_row)] | None = None
    space: str | None = None
    caption: str | None = None
    box: _Box | None = None
    crop: _Crop | None = None
    boxes: Annotated[dict[_Frame, _Box], AfterValidator(_some_frames)] | None = None
    crops: Annotated[dict[_Frame, _Crop], AfterValidator(_some_frames)] | None = None

    def __post_init__(self) -> None:
        given = [key for key in _KINDS if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(given)}, not several")

    def entry(self) -> ClipEntry:
        """Return the clip that the line describes."""
        frames = None if self.frames is None else FrameRange.parse(self.frames)
        return ClipEntry(
            path=self.path,
            identity=self.identity,
            split=self.split,
            frames=frames,
            region=self._region(),
            space=self.space,
        )

    def _region(self) -> Region | None:
        for key, kind in _KINDS.items():
            given = getattr(self, key)
            if given is not None:
                return Region(kind, dict(given) if isinstance(given, dict) else {None: given})
        return None


HEADERS: TypeAdapter[Header] = TypeAdapter(Header)
CLIP_LINES: TypeAdapter[ClipLine] = TypeAdapter(ClipLine)
