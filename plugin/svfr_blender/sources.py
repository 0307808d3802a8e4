# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip to the files behind it: which plate frame is shown at which timeline frame.

Pure functions over the small part of a strip that they read (:class:`SourceStrip`). The original files are
named even when Blender shows proxies. What cannot be mapped frame by frame is refused in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

from .compat import end_frame, first_frame
from .errors import StripCannotBeRestored
from .svfr_client.errors import SvfrError, raise_problems
from .svfr_client.frames import FrameRange
from .svfr_client.sequences import frame_fields, frame_number_in_name

_DIGITS = re.compile(r"(\d+)")


class SourceStrip(Protocol):
    """What is read of an image or movie strip; Blender's strips have it in all supported versions."""

    name: str
    type: str
    frame_start: float
    frame_duration: int
    frame_offset_start: float
    frame_offset_end: float
    animation_offset_start: int
    use_reverse_frames: bool
    elements: Any


@dataclass(frozen=True)
class Source:
    """The files behind one strip.

    ``plate``: pattern, still or movie, as the service names it. ``content``: the plate frame of each element
    of the strip, trimmed ones too. ``first`` and ``end``: visible timeline frames, end exclusive.
    ``shown``: (timeline frame, index into content) of every visible frame and of the handles.
    """

    plate: str
    kind: str
    content: tuple[int, ...]
    first: int
    end: int
    shown: tuple[tuple[int, int], ...]

    @property
    def timeline(self) -> dict[int, int]:
        """Return the timeline frame of every plate frame that is needed; the first one where it repeats."""
        frames: dict[int, int] = {}
        for at, index in self.shown:
            frames.setdefault(self.content[index], at)
        return frames

    @property
    def frames(self) -> FrameRange:
        """Return the plate frames that are needed."""
        return FrameRange.of(self.timeline)

    def plate_frame(self, at: int) -> int:
        """Return the plate frame shown at a timeline frame; raises StripCannotBeRestored outside it."""
        for timeline_frame, index in self.shown:
            if timeline_frame == at:
                return self.content[index]
        raise StripCannotBeRestored(
            f"Frame {at} is outside the strip ({self.first} to {self.end - 1}).",
            remedy="Choose a frame that the strip shows.",
        )


def read_source(strip: SourceStrip, abspath: Callable[[str], str], handles: int = 0) -> Source:
    """Return the files behind a strip that :func:`strip_problems` has passed.

    ``abspath`` resolves Blender's ``//`` paths. ``handles``: that many trimmed frames on either side are
    needed too, where the source has them.
    """
    if strip.type == "MOVIE":
        plate = abspath(strip.filepath)  # type: ignore[attr-defined]
        count = strip.frame_duration + strip.animation_offset_start + _cut_off_end(strip)
        content = tuple(range(1, count + 1))
        kind = "movie"
    else:
        folder = abspath(strip.directory)  # type: ignore[attr-defined]
        plate, content = sequence_of(folder, [element.filename for element in strip.elements])
        kind = "images"
    if not _is_whole(plate):
        raise StripCannotBeRestored(
            f'The path of the strip "{strip.name}" is relative to a file that is not saved.',
            path=plate,
            remedy="Save the file first.",
        )
    first, end = first_frame(strip), end_frame(strip)
    begin, stop = content_span(strip)
    span = range(min(first, max(begin, first - handles)), max(end, min(stop, end + handles)))
    shown = tuple((at, content_index(strip, at)) for at in span)
    return Source(plate=plate, kind=kind, content=content, first=first, end=end, shown=shown)


def content_span(strip: SourceStrip) -> tuple[int, int]:
    """Return the timeline frames that the untrimmed strip would cover, end exclusive."""
    start = round(strip.frame_start)
    return start, start + strip.frame_duration


def content_index(strip: SourceStrip, at: int) -> int:
    """Return the element shown at a timeline frame; before the content its first, after it its last."""
    index = min(max(at - round(strip.frame_start), 0), strip.frame_duration - 1)
    if strip.use_reverse_frames:
        index = strip.frame_duration - 1 - index
    return index + strip.animation_offset_start


def sequence_of(folder: str, names: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Return the path pattern of a strip's files and the number of each.

    One file, however often, is named as it is. Raises StripCannotBeRestored when the names differ by more
    than one number.
    """
    fields = [_DIGITS.split(name) for name in names]
    length = len(fields[0])
    varying = {
        i for parts in fields for i in range(length) if len(parts) == length and parts[i] != fields[0][i]
    }
    if not varying and all(len(parts) == length for parts in fields):
        return _join(folder, names[0]), (frame_number_in_name(Path(names[0])),) * len(names)
    if len(varying) != 1 or any(len(parts) != length for parts in fields) or next(iter(varying)) % 2 == 0:
        raise _no_sequence(names)
    at = varying.pop()
    numbers = [parts[at] for parts in fields]
    width = min(len(number) for number in numbers)
    if any(f"{int(number):0{width}d}" != number for number in numbers):
        raise _no_sequence(names)
    parts = list(fields[0])
    parts[at] = f"%0{width}d"
    pattern = "".join(parts)
    if len(frame_fields(pattern)) != 1:  # a name may hold what reads as a frame field
        raise _no_sequence(names)
    return _join(folder, pattern), tuple(int(number) for number in numbers)


def strip_problems(strip: Any, others: Iterable[Any], movie_frames: Callable[[Any], int]) -> list[SvfrError]:
    """Return why a strip cannot be restored, one sentence each.

    ``others``: all strips of the scene. ``movie_frames`` counts the frames in the file of a movie strip.
    """
    if strip.type not in ("IMAGE", "MOVIE"):
        kind = strip.type.replace("_", " ").lower()
        article = "an" if kind[0] in "aeiou" else "a"
        return [_refuse(strip, f"is {article} {kind} strip", "Choose an image sequence or a movie.")]
    found: list[SvfrError] = []
    if len(getattr(strip, "retiming_keys", ())) > 0:
        found.append(_refuse(strip, "is retimed", "Remove its retiming, restore it, and retime the result."))
    if any(other.type == "SPEED" and other.input_1 == strip for other in others):
        found.append(_refuse(strip, "has a speed effect", "Restore it without, and add the effect again."))
    if strip.strobe > 1.0:
        found.append(_refuse(strip, "is strobed", "Set its strobe to 1; strobe the result instead."))
    if strip.use_multiview:
        found.append(_refuse(strip, "is multi-view (stereo)", "Restore each view as a strip of its own."))
    if getattr(strip, "use_deinterlace", False):
        found.append(_refuse(strip, "is deinterlaced by Blender", "Deinterlace the movie first."))
    if getattr(strip, "stream_index", 0) > 0:
        found.append(_refuse(strip, "shows another than the movie's first stream", "Extract that stream."))
    if strip.type == "MOVIE" and not found and _is_stretched(strip, movie_frames(strip)):
        remedy = "Set the scene's frame rate to the movie's, or convert the movie to an image sequence."
        found.append(_refuse(strip, f"plays a {strip.fps:g} fps movie at the scene's rate", remedy))
    return found


def check_strip(strip: Any, others: Iterable[Any], movie_frames: Callable[[Any], int]) -> None:
    """Raise everything that :func:`strip_problems` finds."""
    raise_problems(strip_problems(strip, others, movie_frames))


def _is_stretched(strip: Any, frames_in_file: int) -> bool:
    """Return whether Blender plays the movie at its own rate in a scene of another.

    It then has more or fewer frames on the timeline than in the file, untrimmed. (Which of the two
    ``frame_duration`` counts differs between 4.2 and 4.5.)
    """
    visible = end_frame(strip) - first_frame(strip)
    untrimmed = round(visible + strip.frame_offset_start + strip.frame_offset_end)
    return untrimmed + strip.animation_offset_start + _cut_off_end(strip) != frames_in_file


def _cut_off_end(strip: Any) -> int:
    return int(getattr(strip, "animation_offset_end", 0))


def _is_whole(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _join(folder: str, name: str) -> str:
    return str(Path(folder) / name)


def _refuse(strip: Any, why: str, remedy: str) -> StripCannotBeRestored:
    return StripCannotBeRestored(f'The strip "{strip.name}" {why}.', remedy=remedy)


def _no_sequence(names: Sequence[str]) -> StripCannotBeRestored:
    return StripCannotBeRestored(
        f"The files of the strip, {names[0]} to {names[-1]}, are no numbered sequence.",
        remedy="Number the files alike, for example shot.1001.exr, shot.1002.exr.",
    )
