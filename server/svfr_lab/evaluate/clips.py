"""Which clip is compared with which, and which frame with which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from svfr_client.frames import FrameRange
from svfr_lab.metrics.errors import ClipsDoNotMatch, FrameCountsDiffer
from svfr_restore.media.movie_plate import MOVIE_SUFFIXES
from svfr_restore.media.still_plate import STILL_SUFFIXES

_PICTURES = (".exr", *STILL_SUFFIXES)
_LAST_NUMBER = re.compile(r"^(.*?)(\d+)$")


class ClipPair(NamedTuple):
    """Two plates that show the same clip; ``name`` tells it from others of a set."""

    name: str
    result: str
    truth: str


class FramePair(NamedTuple):
    """A frame of the result and the frame of the truth that it is compared with."""

    result: int
    truth: int


def find_clips(result: str, truth: str) -> list[ClipPair]:
    """Return the clips that two plates, or two folders of clips, hold.

    In a folder a clip is a movie, or a folder with one numbered sequence of pictures; both sides must have
    the same ones, movies without regard to their endings. Raises ClipsDoNotMatch.
    """
    if not Path(result).is_dir() and not Path(truth).is_dir():
        return [ClipPair(Path(truth).name, result, truth)]
    for side in (result, truth):
        if not Path(side).is_dir():
            raise ClipsDoNotMatch(
                "One side is a folder of clips and the other is a plate.",
                path=side,
                remedy="Give two plates, or two folders whose clips have the same names.",
            )
    ours, theirs = _clips_in(Path(result)), _clips_in(Path(truth))
    lonely = sorted(ours.keys() ^ theirs.keys())
    if lonely:
        raise ClipsDoNotMatch(
            f"{len(lonely)} clips are on one side only: {', '.join(lonely[:5])}"
            f"{' and more' if len(lonely) > 5 else ''}.",
            path=result,
            remedy="Restore the missing clips, or move those away that are not to be compared.",
        )
    return [ClipPair(name, ours[name], theirs[name]) for name in sorted(ours)]


def pair_frames(
    result: Sequence[int], truth: Sequence[int], asked: FrameRange | None, most: int | None
) -> list[FramePair]:
    """Return the frames to compare, ascending, at most the first ``most``.

    Frames of one number belong together; where the numbers of the two plates differ but not their count, as
    with a movie and a sequence, first belongs to first. ``asked`` chooses by the result's numbers. Raises
    FrameCountsDiffer with what is missing on which side.
    """
    wanted = tuple(result) if asked is None else asked.frames
    _require(wanted, result, "result")
    if asked is None and len(result) != len(truth):
        raise FrameCountsDiffer(
            f"The result has {len(result)} frames and the truth {len(truth)}.",
            remedy="Choose frames that both have with --frames.",
        )
    if len(result) == len(truth) and tuple(result) != tuple(truth):
        partner = dict(zip(result, truth, strict=True))
        pairs = [FramePair(frame, partner[frame]) for frame in wanted]
    else:
        _require(wanted, truth, "truth")
        pairs = [FramePair(frame, frame) for frame in wanted]
    return pairs[:most]


def _require(wanted: Sequence[int], there: Sequence[int], side: str) -> None:
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise FrameCountsDiffer(
            f"The {side} lacks frame{'' if len(missing) == 1 else 's'} {FrameRange.of(missing)}.",
            frame=missing[0],
            remedy="Choose frames that both have with --frames.",
        )


def _clips_in(folder: Path) -> dict[str, str]:
    found = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            found[entry.name] = _sequence_in(entry)
        elif entry.suffix.lower() in MOVIE_SUFFIXES:
            found[entry.stem] = str(entry)
    if not found:
        raise ClipsDoNotMatch(
            "The folder holds no clips.",
            path=folder,
            remedy="Put movies into it, or one folder of numbered pictures for each clip.",
        )
    return found


def _sequence_in(folder: Path) -> str:
    """Return the pattern of the one numbered sequence in a folder."""
    patterns = set()
    for path in folder.iterdir():
        number = _LAST_NUMBER.match(path.stem)
        if path.suffix.lower() in _PICTURES and number:
            digits = number[2]
            field = f"%0{len(digits)}d" if digits.startswith("0") or len(digits) > 1 else "%d"
            patterns.add(str(folder / f"{number[1]}{field}{path.suffix}"))
    if len(patterns) != 1:
        raise ClipsDoNotMatch(
            f"The folder holds {len(patterns)} numbered sequences of pictures; a clip has one.",
            path=folder,
            remedy="Give every clip a folder of its own, with frame numbers of one width.",
        )
    return patterns.pop()
