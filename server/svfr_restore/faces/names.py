"""Ids of face tracks: short names that stay when other faces come or go, or more frames are looked at.

A number says where a track stands among the others; an id says where and when it was first sighted. It is
the same in every job whose frames begin alike, however many more there are at their end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from svfr_client.face_words import ID_LENGTH, ID_LETTERS
from svfr_restore.faces.tracks import FaceTrack

_MOST_LETTERS = 12


def track_ids(tracks: Sequence[FaceTrack]) -> dict[int, str]:
    """Return the id of each track, by its number. Tracks that would share one get longer ones, in order."""
    ids: dict[int, str] = {}
    for track in tracks:
        letters = _letters(track)
        lengths = range(ID_LENGTH, _MOST_LETTERS + 1)
        free = (letters[:length] for length in lengths if letters[:length] not in ids.values())
        ids[track.index] = next(free, letters)
    return ids


def _letters(track: FaceTrack) -> str:
    frame = min(track.detected)
    box = track.boxes[frame]
    place = f"{frame} {round(box.centre_x)} {round(box.centre_y)}"
    number = int.from_bytes(hashlib.sha256(place.encode()).digest()[:8], "big")
    letters = ""
    for _ in range(_MOST_LETTERS):
        number, letter = divmod(number, len(ID_LETTERS))
        letters += ID_LETTERS[letter]
    return letters
