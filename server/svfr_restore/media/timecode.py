"""SMPTE time codes: their text, counting on from one frame to the next, and the bits of EXR's attribute."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

_TEXT = re.compile(r"(\d{1,2})[:.](\d{2})[:.](\d{2})([:;.,])(\d{2,3})")
_DAY_HOURS = 24
_MOST_SINGLE, _MOST_PAIRED = 30, 60  # frames a second that a code counts one by one, and in pairs
_LAST_FRAME = 39  # what two bits of tens hold
_DROP_FRAME, _FIELD_MARK = 1 << 6, 1 << 15
_DROPPED_A_MINUTE = 2  # at 30000/1001; twice as many at 60000/1001


@dataclass(frozen=True)
class Timecode:
    """A time of day; ``frames`` counts within the second, at the movie's rate rounded up."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    is_drop_frame: bool = False

    @classmethod
    def parse(cls, text: str) -> Timecode | None:
        """Read ``01:02:03:04``, with ``;`` for drop frame; None for anything else."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            return None
        hours, minutes, seconds, mark, frames = found.groups()
        return cls(
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds),
            frames=int(frames),
            is_drop_frame=mark in ";,",
        )

    @classmethod
    def of_bits(cls, packed: int, rate: Fraction | None = None) -> Timecode | None:
        """Read the time and flags of EXR's timeCode attribute, as :meth:`bits` packs them.

        None where they are no time of day.
        """
        values = []
        for shift, tens in ((24, 3), (16, 7), (8, 7), (0, 3)):
            two = packed >> shift
            values.append((two >> 4 & tens) * 10 + (two & 15))
        hours, minutes, seconds, frames = values
        if hours >= _DAY_HOURS or minutes >= 60 or seconds >= 60:
            return None
        if rate is not None and rate > _MOST_SINGLE:
            frames = 2 * frames + bool(packed & _FIELD_MARK)
        return cls(
            hours=hours,
            minutes=minutes,
            seconds=seconds,
            frames=frames,
            is_drop_frame=bool(packed & _DROP_FRAME),
        )

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads."""
        mark = ";" if self.is_drop_frame else ":"
        return f"{self.hours:02d}:{self.minutes:02d}:{self.seconds:02d}{mark}{self.frames:02d}"

    def plus(self, count: int, rate: Fraction) -> Timecode:
        """Return the time code ``count`` frames later, past midnight if need be."""
        a_second = -(-rate.numerator // rate.denominator)
        dropped = _DROPPED_A_MINUTE * (a_second // 30) if self.is_drop_frame else 0
        total = ((self.hours * 60 + self.minutes) * 60 + self.seconds) * a_second + self.frames + count
        if dropped:
            minutes = self.hours * 60 + self.minutes
            total = _with_drops(total - dropped * (minutes - minutes // 10), a_second, dropped)
        total %= _DAY_HOURS * 3600 * a_second
        seconds, frames = divmod(total, a_second)
        return replace(
            self,
            hours=seconds // 3600,
            minutes=seconds // 60 % 60,
            seconds=seconds % 60,
            frames=frames,
        )

    def bits(self, rate: Fraction | None = None) -> int | None:
        """Return the time and flags of EXR's timeCode attribute (SMPTE ST 12-1, packed as for 60 fields).

        Above 30 frames a second the standard counts pairs of frames, and the field mark is set in the second
        of each. None where even pairs do not fit (above 60 frames a second), and for a frame that does not
        fit by itself while the rate is unknown.
        """
        frames, mark = self.frames, 0
        if rate is not None and rate > _MOST_PAIRED:
            return None
        if rate is not None and rate > _MOST_SINGLE:
            frames, second = divmod(self.frames, 2)
            mark = _FIELD_MARK if second else 0
        if frames > _LAST_FRAME:
            return None
        packed = mark
        for shift, value in ((0, frames), (8, self.seconds), (16, self.minutes), (24, self.hours)):
            packed |= (value // 10 << 4 | value % 10) << shift
        return packed | (_DROP_FRAME if self.is_drop_frame else 0)


def _with_drops(count: int, a_second: int, dropped: int) -> int:
    """Return the number that a count of real frames has once the dropped numbers are passed over."""
    a_minute, ten_minutes = a_second * 60 - dropped, a_second * 600 - 9 * dropped
    tens, rest = divmod(count, ten_minutes)
    extra = dropped * ((rest - dropped) // a_minute) if rest > dropped else 0
    return count + 9 * dropped * tens + extra
