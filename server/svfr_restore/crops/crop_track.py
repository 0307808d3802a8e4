"""The square region of one face through one shot: a value that is computed once, saved, and may be edited.

``side_px`` counts square screen pixels, that is plate rows; the square is side / pixel aspect columns wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from svfr.arrays import Float64
from svfr_restore.crops.transform import CropTransform
from svfr_restore.errors import BoxIsEmpty, CropTrackFileIsBad, CropTrackHasNoFrame
from svfr_restore.media.window import Window

_SERIES = ("centre_x", "centre_y", "side_px")
# Far outside any plate, and still exact in every number that is made of it.
MOST_PX = 1_000_000
MOST_NUMBER = 2**31 - 1
_KEYS = ("index", "first_frame", *_SERIES)


@dataclass(frozen=True, eq=False)
class CropTrack:
    """One square per consecutive absolute frame from ``first_frame`` on; centres in EXR pixels.

    ``index`` is the face track's number. Raises CropTrackFileIsBad for series that are empty, of differing
    length, not finite, or with a side below one pixel.
    """

    index: int
    first_frame: int
    centre_x: Float64
    centre_y: Float64
    side_px: Float64

    def __post_init__(self) -> None:
        for name in _SERIES:
            series = np.array(getattr(self, name), np.float64)
            series.setflags(write=False)
            object.__setattr__(self, name, series)
        problems = _series_problems({name: getattr(self, name) for name in _SERIES})
        if problems:
            raise CropTrackFileIsBad(f"Crop track {self.index}: {'; '.join(problems)}.", remedy=_REMEDY)

    @property
    def frames(self) -> range:
        """The absolute frames that the track covers."""
        return range(self.first_frame, self.first_frame + len(self.centre_x))

    def transform(self, frame: int, crop_px: int, pixel_aspect: float) -> CropTransform:
        """Return the map between the crop of ``crop_px`` pixels a side and the plate at an absolute frame."""
        if frame not in self.frames:
            raise CropTrackHasNoFrame(
                f"Crop track {self.index} covers frames {self.frames[0]} to {self.frames[-1]}.",
                frame=frame,
                remedy="Add the frame to the track, or restore fewer frames.",
            )
        i = frame - self.first_frame
        return CropTransform.of_square(
            float(self.centre_x[i]), float(self.centre_y[i]), float(self.side_px[i]), crop_px, pixel_aspect
        )

    def clip(self, first: int, last: int) -> CropTrack | None:
        """Return the part within [first, last], or None when there is none."""
        start, stop = max(first, self.first_frame), min(last, self.frames[-1]) + 1
        if start >= stop:
            return None
        part = slice(start - self.first_frame, stop - self.first_frame)
        return CropTrack(
            index=self.index,
            first_frame=start,
            centre_x=self.centre_x[part],
            centre_y=self.centre_y[part],
            side_px=self.side_px[part],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object; numbers keep every bit."""
        series = {name: [float(v) for v in getattr(self, name)] for name in _SERIES}
        return {"index": self.index, "first_frame": self.first_frame, **series}

    @classmethod
    def from_json(cls, body: Any, where: str = "track") -> CropTrack:
        """Read :meth:`to_json`. A series may also be one number, which then holds for all frames.

        Raises CropTrackFileIsBad that names every missing, unknown and bad field at once.
        """
        if not isinstance(body, Mapping):
            raise CropTrackFileIsBad(f"{where} is no JSON object.", remedy=_REMEDY)
        problems = [f"{key} is missing" for key in _KEYS if key not in body]
        problems += [f"{key} is not known" for key in sorted(map(str, body)) if key not in _KEYS]
        problems += [
            f"{key} is no whole number"
            for key in ("index", "first_frame")
            if key in body and not _is_int(body[key])
        ]
        problems += [
            f"{key} is no list of numbers" for key in _SERIES if key in body and not _is_series(body[key])
        ]
        if not problems:
            series = _spread({key: body[key] for key in _SERIES})
            problems = _series_problems(series)
        if problems:
            raise CropTrackFileIsBad(f"{where}: {'; '.join(problems)}.", remedy=_REMEDY)
        return cls(body["index"], body["first_frame"], **series)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CropTrack):
            return NotImplemented
        return self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.index, self.first_frame, self.centre_x.tobytes(), self.side_px.tobytes()))


def static_track(index: int, frames: range, centre_x: float, centre_y: float, side_px: float) -> CropTrack:
    """Return a track that holds one square over consecutive frames."""
    count = len(frames)
    return CropTrack(
        index=index,
        first_frame=frames[0],
        centre_x=np.full(count, centre_x),
        centre_y=np.full(count, centre_y),
        side_px=np.full(count, side_px),
    )


def track_of_box(
    index: int, frames: range, *, x: float, y: float, width: float, height: float, pixel_aspect: float
) -> CropTrack:
    """Return the static track of a box in EXR pixels that a user drew: the square around it IS the crop.

    It depends on nothing but the box, so any frame range of the plate gets the same crop; a square box of
    ``crop_px`` whole pixels is copied without resampling. A face should fill about 1 / 1.8 of it.
    """
    values = (x, y, width, height)
    if not all(map(math.isfinite, values)) or width * pixel_aspect < 1 or height < 1:
        raise BoxIsEmpty(
            f"The box {x:g},{y:g},{width:g},{height:g} has no area.",
            remedy="Give x,y,width,height in plate pixels, at least 1 pixel wide and high.",
        )
    return static_track(index, frames, x + width / 2, y + height / 2, max(width * pixel_aspect, height))


def track_of_frame(index: int, frames: range, display: Window, pixel_aspect: float) -> CropTrack:
    """Return the static track whose square holds the whole display window.

    Its top left corner is a whole pixel: a plate of ``crop_px`` pixels a side, or with the longer side of
    ``crop_px``, is copied without resampling. The shorter side overhangs the plate equally, within a pixel.
    """
    side = max(display.width * pixel_aspect, float(display.height))
    left = display.x + math.floor((display.width - side / pixel_aspect) / 2)
    top = display.y + math.floor((display.height - side) / 2)
    return static_track(index, frames, left + side / pixel_aspect / 2, top + side / 2, side)


_REMEDY = "Fix the field, or let the faces be detected again."


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_int(value)


def _is_series(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, list) and all(map(_is_number, value)))


def _spread(values: Mapping[str, Any]) -> dict[str, Float64]:
    """Return the series as arrays, single numbers repeated to the longest list's length."""
    count = max((len(v) for v in values.values() if isinstance(v, list)), default=1)
    return {key: np.array(v if isinstance(v, list) else [v] * count, np.float64) for key, v in values.items()}


def _series_problems(series: Mapping[str, Float64]) -> list[str]:
    lengths = {name: len(values) for name, values in series.items()}
    problems = [f"{name} is empty" for name, count in lengths.items() if count == 0]
    if len(set(lengths.values())) > 1:
        problems.append("lengths differ: " + ", ".join(f"{n} has {c}" for n, c in lengths.items()))
    problems += [
        f"{n} holds a value that is not finite" for n, v in series.items() if not np.isfinite(v).all()
    ]
    if np.any(series["side_px"] < 1.0):
        problems.append("side_px holds a side below 1 pixel")
    if any(np.any(np.abs(values) > MOST_PX) for values in series.values()):
        problems.append(f"a value lies beyond {MOST_PX} pixels")
    return problems


def tracks_problems(tracks: Sequence[CropTrack]) -> list[str]:
    """Return what is wrong among several tracks: two of one face that cover the same frame."""
    problems: list[str] = []
    for i, one in enumerate(tracks):
        for other in tracks[i + 1 :]:
            same = one.index == other.index and other.clip(one.frames[0], one.frames[-1]) is not None
            if same:
                problems.append(
                    f"two tracks with index {one.index} cover frame {max(one.first_frame, other.first_frame)}"
                )
    return problems
