"""Following a person of a photo through the shots of a job, across its cuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from svfr.eight_bit import eight_bit
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.errors import FaceTrackNotFound
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.likeness import LEAST_ALIKE, LikenessFinder, Portrait, alike
from svfr_restore.faces.names import track_ids
from svfr_restore.faces.tracks import FaceTrack
from svfr_restore.media.feed import FrameFeed
from svfr_restore.plan.job_plan import JobPlan

Warn = Callable[[str], None]

# A track is looked at in so many frames, the best of as many stretches of it.
_SAMPLES = 5


def track_portraits(
    plan: JobPlan, crop: CropTrack, boxes: Mapping[int, FaceBox], domain: ModelDomain
) -> list[Portrait]:
    """Return portraits of a face from the frames that show it best; a frame without points gives none."""
    feed, finder = FrameFeed(plan.plate), LikenessFinder()
    portraits = []
    for frame in best_frames(boxes):
        picture = feed.read(frame)
        transform = crop.transform(frame, finder.crop_px, picture.pixel_aspect)
        pixels = warp_to_crop(picture.rgb, picture.data_window, transform, finder.crop_px)
        portrait = finder.portrait(eight_bit(np.clip(domain.to_codes(pixels), 0.0, 1.0)))
        if portrait is not None:
            portraits.append(portrait)
    return portraits


def best_frames(boxes: Mapping[int, FaceBox], count: int = _SAMPLES) -> list[int]:
    """Return the frame with the highest score of each of ``count`` stretches of a track."""
    stretches = np.array_split(np.array(sorted(boxes)), min(count, len(boxes)))
    return [max(map(int, stretch), key=lambda frame: boxes[frame].score) for stretch in stretches]


def people_in_shots(
    people: Mapping[str, Portrait],
    shots: Sequence[Sequence[FaceTrack]],
    portraits: Mapping[int, Sequence[Portrait]],
    warn: Warn,
) -> list[FaceTrack]:
    """Return the tracks of the people, by their photos, in the order of the shots.

    ``shots`` are the tracks of each shot, ``portraits`` those of each track by its number. The track that is
    most like a photo of all is the person, and stands for the person beside the photo: other shots are more
    like it than like a photo made elsewhere. If it is not very like the photo, ``warn`` is told, for the
    person may not be there at all. In each shot the person is the most alike track that is alike enough, with
    others that are so and never seen together with it. Raises FaceTrackNotFound when no face has five points.
    """
    found: set[int] = set()
    tracks = [track for of in shots for track in of]
    names = track_ids(tracks)
    for photo, person in people.items():
        alikeness = {index: _most_alike([person], of) for index, of in portraits.items()}
        anchor = max(alikeness, key=lambda index: alikeness[index])
        if not portraits[anchor]:
            raise FaceTrackNotFound(
                "No face in these frames can be compared with the photo: none shows eyes, nose and mouth.",
                path=Path(photo),
                remedy="Choose the face by id or by a place in the picture.",
            )
        if alikeness[anchor] < LEAST_ALIKE:
            warn(
                f"Face {names[anchor]} is most like {photo}, but only to {alikeness[anchor]:.2f}: look at it."
            )
        found.add(anchor)
        known = [person, *portraits[anchor]]
        for of in shots:
            here = {track.index: _most_alike(known, portraits[track.index]) for track in of}
            found |= _in_one_shot(of, here)
    return [track for track in tracks if track.index in found]


def _in_one_shot(tracks: Sequence[FaceTrack], alikeness: Mapping[int, float]) -> set[int]:
    chosen: list[FaceTrack] = []
    for track in sorted(tracks, key=lambda track: -alikeness[track.index]):
        together = any(track.boxes.keys() & other.boxes.keys() for other in chosen)
        if alikeness[track.index] >= LEAST_ALIKE and not together:
            chosen.append(track)
    return {track.index for track in chosen}


def _most_alike(known: Sequence[Portrait], portraits: Sequence[Portrait]) -> float:
    """Return how alike the nearest known one is to a track's portraits, as a mean; 0 without any."""
    if not portraits:
        return 0.0
    return float(np.mean([max(alike(one, portrait) for one in known) for portrait in portraits]))
