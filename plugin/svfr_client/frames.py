"""Frame ranges as artists write them: ``1001-1050``, ``1001-1050x2``, ``1001,1005-1010``.

A range is a set of absolute plate frame numbers, kept ascending. Negative frames are allowed: ``-5--1``.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from numbers import Integral
from typing import Iterable, Iterator, List, Sequence, Tuple, Union

from .errors import BadFrameRange, EmptyFrameRange, MaskFramesMissing

# More than an hour of film in one job. Text is measured before it is read: no frame takes more characters.
MOST_FRAMES = 100_000
MOST_CHARACTERS = 12 * MOST_FRAMES
# Frames left out between two asked ones are still restored, for context, when the gap is no longer than this.
BRIDGED_GAP_FRAMES = 8
_QUOTED_CHARACTERS = 60
_SPLIT = "Split it into several jobs."
_REMEDY = 'Write it like "1001-1050", "1001-1050x2" or "1001,1005-1010".'
_PART = re.compile(r"^(-?\d{1,9})(?:-(-?\d{1,9})(?:x(\d{1,9}))?)?$")


@dataclass(frozen=True)
class FrameRange:
    """Absolute frame numbers, ascending, each once, at least one."""

    frames: Tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.frames:
            raise EmptyFrameRange("The frame range holds no frame.", remedy=_REMEDY)
        if any(self.frames[i] >= self.frames[i + 1] for i in range(len(self.frames) - 1)):
            raise BadFrameRange(
                "The frames of a range must ascend, each once.", remedy="Use FrameRange.of()."
            )

    @classmethod
    def parse(cls, text: str) -> "FrameRange":
        """Return the range that ``text`` writes; overlapping parts are merged.

        Raises EmptyFrameRange for blank text and BadFrameRange for text that is no range, for a range that
        runs backwards, for a step of 0 and for more than ``MOST_FRAMES`` frames, before any is written out.
        """
        return cls.of(frame for span in _spans(text) for frame in span)

    @classmethod
    def of(cls, frames: Iterable[int]) -> "FrameRange":
        """Return the range of these frames in any order, repeats merged."""
        return cls(tuple(sorted(set(frames))))

    @property
    def first(self) -> int:
        """The lowest frame."""
        return self.frames[0]

    @property
    def last(self) -> int:
        """The highest frame."""
        return self.frames[-1]

    def runs(self) -> Tuple[Tuple[int, int], ...]:
        """Return the (first, last) of every stretch of consecutive frames."""
        runs: List[Tuple[int, int]] = []
        for frame in self.frames:
            if runs and frame == runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], frame)
            else:
                runs.append((frame, frame))
        return tuple(runs)

    def __iter__(self) -> Iterator[int]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __contains__(self, frame: object) -> bool:
        if not isinstance(frame, Integral):
            return False
        place = bisect_left(self.frames, frame)
        return place < len(self.frames) and self.frames[place] == frame

    def progressions(self) -> Tuple[Tuple[int, int, int], ...]:
        """Return (first, last, step) of every even stretch, as the canonical text writes them."""
        parts: List[Tuple[int, int, int]] = []
        start = 0
        while start < len(self.frames):
            stop = _end_of_progression(self.frames, start)
            step = self.frames[start + 1] - self.frames[start] if stop - start > 1 else 1
            parts.append((self.frames[start], self.frames[stop - 1], step))
            start = stop
        return tuple(parts)

    def __str__(self) -> str:
        """Return the canonical text: equal sets of frames give equal text."""
        return ",".join(_write_part(*part) for part in self.progressions())


def frame_count(text: str) -> int:
    """Return how many frames a range's text names, repeats counted; raises as :meth:`FrameRange.parse`."""
    return sum(map(len, _spans(text)))


def refuse_long_text(text: Union[str, bytes]) -> None:
    """Raise BadFrameRange for text, or the JSON that holds it, which is longer than any range's."""
    if len(text) > MOST_CHARACTERS:
        raise BadFrameRange(
            f"A frame range is {len(text)} characters long, more than {MOST_CHARACTERS}.", remedy=_SPLIT
        )


def _spans(text: str) -> List[range]:
    """Return the parts of a range's text, at most ``MOST_FRAMES`` frames together."""
    refuse_long_text(text)
    if text.count(",") >= MOST_FRAMES:
        raise _too_many(text)
    compact = re.sub(r"\s+", "", text)
    if not compact:
        raise EmptyFrameRange("The frame range is empty.", remedy=_REMEDY)
    spans = [_parse_part(part, text) for part in compact.split(",")]
    if sum(map(len, spans)) > MOST_FRAMES:
        raise _too_many(text)
    return spans


def _too_many(text: str) -> BadFrameRange:
    return BadFrameRange(
        f"The frame range {_quoted(text)} holds more than {MOST_FRAMES} frames.", remedy=_SPLIT
    )


def _quoted(text: str) -> str:
    """Return a text for a sentence, its beginning where it is long."""
    return f'"{text}"' if len(text) <= _QUOTED_CHARACTERS else f'"{text[:_QUOTED_CHARACTERS]}..."'


def _parse_part(part: str, text: str) -> range:
    match = _PART.match(part)
    if match is None:
        raise BadFrameRange(f"{_quoted(part)} in {_quoted(text)} is no frame or range.", remedy=_REMEDY)
    first = int(match.group(1))
    last = first if match.group(2) is None else int(match.group(2))
    step = 1 if match.group(3) is None else int(match.group(3))
    if last < first:
        raise BadFrameRange(f'The range "{part}" runs backwards.', remedy=f"Write {last}-{first}.")
    if step == 0:
        raise BadFrameRange(f'The range "{part}" has a step of 0.', remedy="Use a step of 1 or more.")
    return range(first, last + 1, step)


def _end_of_progression(frames: Tuple[int, ...], start: int) -> int:
    """Return the index after the longest even progression from ``start``; a lone odd pair is cut to one."""
    if start + 1 == len(frames):
        return start + 1
    step = frames[start + 1] - frames[start]
    stop = start + 2
    while stop < len(frames) and frames[stop] - frames[stop - 1] == step:
        stop += 1
    return stop if step == 1 or stop - start > 2 else start + 1


def _write_part(first: int, last: int, step: int) -> str:
    if first == last:
        return str(first)
    return f"{first}-{last}" + ("" if step == 1 else f"x{step}")


def mask_gap(missing: Sequence[int], pattern: str) -> MaskFramesMissing:
    """Return the one error that names all frames a mask lacks, ascending; ``pattern``: its files."""
    one = len(missing) == 1
    return MaskFramesMissing(
        f"The mask sequence lacks frame{'' if one else 's'} {FrameRange.of(missing)}.",
        frame=missing[0],
        path=pattern,
        remedy="Render the missing frames, or use a single still that holds for all.",
    )
