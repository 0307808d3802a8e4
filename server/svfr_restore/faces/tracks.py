"""Faces followed through one shot: sightings of single frames joined into tracks with stable numbers.

A find, a box that scores 0 or more, carries on the track that it fits best or begins one. Then what may be a
face carries on the tracks that no find was for: so a face stays one track while it is blurred, turned away or
half covered, and what only looks like a face begins nothing. A face that vanishes altogether is expected back
near where it would be by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from svfr_restore.faces.box import FaceBox
from svfr_restore.media.shots import Shot

# A face may vanish (turned away, hidden by another one, missed by the detector) for this long.
GAP_FRAMES = 24
# A detection belongs to a track when its centre lies within this part of the face's size of where the
# track is expected, plus this part more for every frame since it was last seen.
REACH = 0.5
REACH_PER_FRAME = 0.05
MOST_REACH = 1.5
# ... and when the sizes differ by no more than this factor.
SIZE_RATIO = 1.8
# Tracks seen less often than this are taken for false detections.
LEAST_DETECTIONS = 3
# False detections of HOG score up to about 0.15, again and again on the same pattern of a jacket or a
# wall; a real face, however degraded, scores more than this somewhere in its shot.
SURE_SCORE = 0.25
# Detections over which a track's speed is taken.
SPEED_DETECTIONS = 5


@dataclass(frozen=True)
class FaceTrack:
    """One face through one shot: a box for every consecutive frame that the track covers.

    ``detected`` are the frames whose box was seen; the others are interpolated or, at the ends, held.
    """

    index: int
    boxes: Mapping[int, FaceBox]
    detected: frozenset[int]

    @property
    def first_frame(self) -> int:
        """The first absolute frame."""
        return min(self.boxes)

    @property
    def last_frame(self) -> int:
        """The last absolute frame."""
        return max(self.boxes)

    @property
    def presence(self) -> float:
        """Box area summed over frames: large faces that stay count most."""
        return sum(box.area for box in self.boxes.values())


def build_tracks(
    detections: Mapping[int, list[FaceBox]], shot: Shot, gap_frames: int = GAP_FRAMES
) -> list[FaceTrack]:
    """Return the face tracks of a shot, numbered from 0 by first frame, then by size, largest first.

    ``detections`` gives the boxes of every frame that was looked at, in absolute frames; frames that were
    not looked at are left out of it and interpolated. Gaps up to ``gap_frames`` are bridged, and a track
    that begins or ends within that many frames of the shot's ends is held to them. Tracks with fewer than
    three finds (or than there were frames to look at) and tracks without one sure detection are dropped
    as false; if that leaves nothing, the strongest that is long or sure stays.

    The result depends on the frames given: a job over another range of the same shot may number and box
    faces differently, which is why jobs can be given a saved crop track.
    """
    examined = sorted(frame for frame in detections if shot.first <= frame <= shot.last)
    open_tracks: list[_Growing] = []
    for frame in examined:
        finds = [box for box in detections[frame] if box.score >= 0.0]
        doubtful = [box for box in detections[frame] if box.score < 0.0]
        open_tracks += [_Growing({frame: box}) for box in _extend(open_tracks, frame, finds, gap_frames)]
        _extend([t for t in open_tracks if t.last_frame < frame], frame, doubtful, gap_frames)
    kept = _without_false(open_tracks, len(examined))
    kept.sort(key=lambda track: (min(track.seen), -max(box.area for box in track.seen.values())))
    return [track.finished(index, shot, gap_frames) for index, track in enumerate(kept)]


def filled_track(index: int, seen: Mapping[int, FaceBox], frames: range) -> FaceTrack:
    """Return the track over consecutive ``frames`` of boxes seen in some of them (at least one).

    Between two seen boxes the track goes straight; before the first and after the last it holds them.
    """
    order = sorted(seen)
    boxes: dict[int, FaceBox] = {frame: seen[order[0]] for frame in range(frames.start, order[0])}
    for here, there in pairwise(order):
        for frame in range(here, there):
            boxes[frame] = seen[here].towards(seen[there], (frame - here) / (there - here))
    boxes.update((frame, seen[order[-1]]) for frame in range(order[-1], frames.stop))
    covered = {frame: box for frame, box in boxes.items() if frame in frames}
    return FaceTrack(index, MappingProxyType(covered), frozenset(frame for frame in order if frame in frames))


def without_blank_ends(track: FaceTrack, is_blank: Callable[[int, FaceBox], bool]) -> FaceTrack:
    """Return the track less the frames at its ends that were not seen and show nothing in their box."""
    first, last = track.first_frame, track.last_frame
    while first not in track.detected and is_blank(first, track.boxes[first]):
        first += 1
    while last not in track.detected and is_blank(last, track.boxes[last]):
        last -= 1
    kept = {frame: track.boxes[frame] for frame in range(first, last + 1)}
    return FaceTrack(track.index, MappingProxyType(kept), track.detected)


def unseen_ends(track: FaceTrack, examined: Collection[int]) -> list[range]:
    """Return the stretches before the first sighting and after the last one that were looked at in vain.

    ``examined`` are the frames in which faces were sought; each stretch goes from its first such frame to its
    last.
    """
    before = [frame for frame in track.boxes if frame in examined and frame < min(track.detected)]
    after = [frame for frame in track.boxes if frame in examined and frame > max(track.detected)]
    return [range(min(frames), max(frames) + 1) for frames in (before, after) if frames]


@dataclass(eq=False)
class _Growing:
    """A track while it is being built: what was seen so far."""

    seen: dict[int, FaceBox] = field(default_factory=dict)

    @property
    def last_frame(self) -> int:
        return next(reversed(self.seen))

    @property
    def finds(self) -> int:
        return sum(box.score >= 0.0 for box in self.seen.values())

    @property
    def score(self) -> float:
        return sum(max(box.score, 0.0) for box in self.seen.values())

    def expected(self, frame: int) -> FaceBox:
        """Return the last box moved on at the speed of the last few detections."""
        frames = list(self.seen)[-SPEED_DETECTIONS:]
        last = self.seen[frames[-1]]
        if len(frames) < 3:
            return last
        first = self.seen[frames[0]]
        ahead = (frame - frames[-1]) / (frames[-1] - frames[0])
        dx = (last.centre_x - first.centre_x) * ahead
        dy = (last.centre_y - first.centre_y) * ahead
        return FaceBox(x=last.x + dx, y=last.y + dy, width=last.width, height=last.height, score=last.score)

    def cost(self, frame: int, box: FaceBox) -> float | None:
        """Return how badly a detection fits (0 is best), or None when it cannot be this face."""
        expected = self.expected(frame)
        size = (expected.area * box.area) ** 0.25
        ratio = max(expected.area, box.area) / max(min(expected.area, box.area), 1e-9)
        distance = _distance(expected, box) / size
        # a face that stopped while it was hidden is where it was seen last
        nearest = min(distance, _distance(self.seen[self.last_frame], box) / size)
        reach = min(REACH + REACH_PER_FRAME * (frame - self.last_frame - 1), MOST_REACH)
        if ratio > SIZE_RATIO**2 or nearest > reach:
            return None
        return distance + (1.0 - expected.overlap(box)) + 0.5 * (ratio**0.5 - 1.0)

    def finished(self, index: int, shot: Shot, gap_frames: int) -> FaceTrack:
        """Return the track with gaps interpolated and its ends held to the shot's when these are near."""
        first, last = min(self.seen), max(self.seen)
        start = shot.first if first - shot.first <= gap_frames else first
        stop = shot.last if shot.last - last <= gap_frames else last
        return filled_track(index, self.seen, range(start, stop + 1))


def _distance(one: FaceBox, other: FaceBox) -> float:
    return ((one.centre_x - other.centre_x) ** 2 + (one.centre_y - other.centre_y) ** 2) ** 0.5


def _extend(tracks: list[_Growing], frame: int, boxes: list[FaceBox], gap_frames: int) -> list[FaceBox]:
    """Give every box of a frame to the track that it fits best; return those that fit none."""
    pairs: list[tuple[float, int, int]] = []
    for t, track in enumerate(tracks):
        if frame - track.last_frame - 1 > gap_frames:
            continue
        for b, box in enumerate(boxes):
            cost = track.cost(frame, box)
            if cost is not None:
                pairs.append((cost, t, b))
    used_tracks: set[int] = set()
    used_boxes: set[int] = set()
    for _, t, b in sorted(pairs):
        if t not in used_tracks and b not in used_boxes:
            tracks[t].seen[frame] = boxes[b]
            used_tracks.add(t)
            used_boxes.add(b)
    return [box for b, box in enumerate(boxes) if b not in used_boxes]


def _without_false(tracks: list[_Growing], examined: int) -> list[_Growing]:
    """Return the tracks that are both sure and long, else the strongest of those that are either."""
    sure = [track for track in tracks if max(box.score for box in track.seen.values()) >= SURE_SCORE]
    long = [track for track in tracks if track.finds >= min(LEAST_DETECTIONS, examined)]
    both = [track for track in sure if track in long]
    if both or not (sure or long):
        return both
    return [max(sure or long, key=lambda track: track.score)]
