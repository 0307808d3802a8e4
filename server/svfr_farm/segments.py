"""How the frames of a shot are shared out between farm tasks, and what each task sees around its share.

A diffusion sampler that blends windows makes every frame depend on many others, so a cut through a track is
never free. The rules keep cuts rare and harmless: a track that one task can hold is never cut; a longer one
is cut where the plan's segments meet, and each task restores ``halo_frames`` more on both sides, in the
window phase and with the noise that the undivided track would have. What overlaps is cross-faded in latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from svfr_client.errors import BadJob
from svfr_client.records import Record


@dataclass(frozen=True, kw_only=True)
class SegmentRules(Record):
    """The lengths of a split, in frames.

    ``whole_frames``: a shot, and a track, of no more frames than this is never cut. ``core_frames``: what a
    segment of a longer shot has, about. ``halo_frames``: restored beyond the core on both sides and thrown
    away, but for ``fade_frames`` that cross-fade with the neighbour. ``segments``: this many whatever the
    length; tracks are then cut at every border.
    """

    whole_frames: int = 300
    core_frames: int = 192
    halo_frames: int = 24
    fade_frames: int = 4
    segments: int | None = None

    def problems(self) -> list[BadJob]:
        """Return everything wrong with the numbers."""
        limits = (
            ("--whole-frames", self.whole_frames, 0, 1_000_000),
            ("--core-frames", self.core_frames, 96, 1_000_000),
            ("fade_frames", self.fade_frames, 1, 64),
            ("--halo", self.halo_frames, 2 * self.fade_frames, 1000),
            ("--segments", 1 if self.segments is None else self.segments, 1, 1000),
        )
        return [
            BadJob(f"{name} is {value}, outside {low} to {high}.", remedy="Choose a value within.")
            for name, value, low, high in limits
            if not low <= value <= high
        ]


@dataclass(frozen=True)
class Segment(Record):
    """The share of one farm task: absolute frames ``first`` to ``last``, both included."""

    first: int
    last: int

    def shared(self, frames: range) -> range:
        """Return which of consecutive ``frames`` lie in the segment."""
        start, stop = max(self.first, frames.start), min(self.last + 1, frames.stop)
        return range(start, max(start, stop))


@dataclass(frozen=True)
class Piece(Record):
    """What one task restores of track ``track``: ``core`` is its own, ``seen`` the core with its halo.

    Both are (first, last) absolute frames.
    """

    track: int
    segment: int
    core: tuple[int, int]
    seen: tuple[int, int]


def split(runs: Sequence[range], rules: SegmentRules, may_cut: bool) -> tuple[Segment, ...]:
    """Return the segments of a shot whose frames are ``runs``: of even length, in order, at least one.

    ``may_cut`` False (a sampler whose windows run round the whole shot) gives one segment.
    """
    frames = [frame for run in runs for frame in run]
    count = 1
    if may_cut and rules.segments is not None:
        count = min(rules.segments, len(frames))
    elif may_cut and len(frames) > rules.whole_frames:
        count = max(2, round(len(frames) / rules.core_frames))
    borders = [i * len(frames) // count for i in range(count + 1)]
    return tuple(Segment(frames[a], frames[b - 1]) for a, b in pairwise(borders))


def pieces_of(
    track: int, frames: range, segments: Sequence[Segment], rules: SegmentRules, chunk: int
) -> tuple[Piece, ...]:
    """Share the consecutive ``frames`` of a track out to the segments, each frame to exactly one.

    A track of at most ``whole_frames`` goes whole to the segment that has most of it. Of a longer one each
    segment has its part; a part too short to be faded on both sides joins its neighbour. ``seen`` begins
    whole ``chunk`` frames from the track's start, so that frames are encoded in the groups of an uncut run.
    """
    if rules.segments is None and len(frames) <= rules.whole_frames:
        most = max(range(len(segments)), key=lambda i: (len(segments[i].shared(frames)), -i))
        return (Piece(track, most, (frames[0], frames[-1]), (frames[0], frames[-1])),)
    cores = [(i, part) for i, segment in enumerate(segments) if (part := segment.shared(frames))]
    return tuple(
        Piece(track, number, (core[0], core[-1]), _seen(core, frames, rules.halo_frames, chunk))
        for number, core in _joined(_without_gaps(cores, frames), 2 * rules.fade_frames + 1)
    )


def _without_gaps(cores: list[tuple[int, range]], frames: range) -> list[tuple[int, range]]:
    """Let every core reach to the next one's start: a track may run through frames that no segment names."""
    starts = [frames.start, *(core.start for _, core in cores[1:]), frames.stop]
    return [(number, range(starts[i], starts[i + 1])) for i, (number, _) in enumerate(cores)]


def _joined(cores: list[tuple[int, range]], least: int) -> list[tuple[int, range]]:
    joined: list[tuple[int, range]] = []
    for number, core in cores:
        if joined and (len(core) < least or len(joined[-1][1]) < least):
            before_number, before = joined[-1]
            keeps = number if len(core) > len(before) else before_number
            joined[-1] = (keeps, range(before.start, core.stop))
        else:
            joined.append((number, core))
    return joined


def _seen(core: range, frames: range, halo: int, chunk: int) -> tuple[int, int]:
    first = max(frames.start, core.start - halo)
    first -= (first - frames.start) % chunk
    return first, min(frames.stop, core.stop + halo) - 1
