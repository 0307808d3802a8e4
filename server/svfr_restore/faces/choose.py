"""Which of a shot's faces a job restores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from svfr_client.job import FacePoint
from svfr_restore.errors import FaceTrackNotFound
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.names import track_ids
from svfr_restore.faces.tracks import FaceTrack


def choose_tracks(tracks: Sequence[FaceTrack], mode: str, indices: Sequence[int] = ()) -> list[FaceTrack]:
    """Return the chosen tracks of one shot in the order of their numbers.

    ``mode`` is ``all``; ``largest``, the one face with the most area summed over its frames, so that a
    passer-by close to the camera does not win; or ``index`` with the numbers wanted. A shot without faces
    gives []. Raises FaceTrackNotFound for a number that the shot does not have and for an unknown mode.
    """
    if mode == "all":
        return list(tracks)
    if mode == "largest":
        return [max(tracks, key=lambda track: track.presence)] if tracks else []
    if mode != "index":
        raise FaceTrackNotFound(
            f'Faces cannot be chosen by "{mode}".', remedy="Choose largest, all, or a list of face numbers."
        )
    by_index = {track.index: track for track in tracks}
    missing = [index for index in indices if index not in by_index]
    if missing or not indices:
        known = ", ".join(map(str, by_index)) or "none"
        raise FaceTrackNotFound(
            f"There is no face {', '.join(map(str, missing))} in this shot."
            if missing
            else "No face number was given.",
            remedy=f"The shot's faces are: {known}. The contact sheet of `svfr faces` shows them.",
        )
    return [by_index[index] for index in sorted(set(indices))]


def tracks_by_id(tracks: Sequence[FaceTrack], ids: Sequence[str]) -> list[FaceTrack]:
    """Return the tracks of a job that have the given ids, in the order of their numbers.

    Raises FaceTrackNotFound for an id that none has.
    """
    names = track_ids(tracks)
    missing = [name for name in ids if name not in names.values()]
    if missing:
        raise FaceTrackNotFound(
            f"There is no face {', '.join(missing)} in these frames.",
            remedy=f"The faces are: {described(tracks)}. An id is of a job's first frame on; a place in the "
            "picture, x,y@frame, finds a face whatever the frames.",
        )
    return [track for track in tracks if names[track.index] in ids]


def tracks_at(tracks: Sequence[FaceTrack], points: Sequence[FacePoint]) -> list[FaceTrack]:
    """Return the tracks of a job whose boxes hold the given places, in the order of their numbers.

    Where boxes overlap, the one whose middle is nearest. Raises FaceTrackNotFound for a place without a face.
    """
    found = {_track_at(tracks, point).index for point in points}
    return [track for track in tracks if track.index in found]


def described(tracks: Sequence[FaceTrack]) -> str:
    """Return the tracks as an error names them."""
    names = track_ids(tracks)
    each = (f"{names[t.index]} (number {t.index}, frames {t.first_frame}-{t.last_frame})" for t in tracks)
    return ", ".join(each) or "none"


def _track_at(tracks: Sequence[FaceTrack], point: FacePoint) -> FaceTrack:
    there = [track for track in tracks if point.frame in track.boxes]
    holding = [track for track in there if _distance(track.boxes[point.frame], point) == 0.0]
    if holding:
        return min(holding, key=lambda track: _from_middle(track.boxes[point.frame], point))
    place = f"There is no face at {point.x:g},{point.y:g} in frame {point.frame}"
    if not there:
        raise FaceTrackNotFound(
            f"{place}, nor anywhere else in that frame.",
            frame=point.frame,
            remedy=f"The faces of these frames are: {described(tracks)}.",
        )
    nearest = min(there, key=lambda track: _distance(track.boxes[point.frame], point))
    box, name = nearest.boxes[point.frame], track_ids(tracks)[nearest.index]
    raise FaceTrackNotFound(
        f"{place}; the nearest, {name}, is {_distance(box, point):.0f} px away.",
        frame=point.frame,
        remedy=f"Its middle is at {box.centre_x:.0f},{box.centre_y:.0f}@{point.frame}. x counts from the "
        "left, y from the top.",
    )


def _distance(box: FaceBox, point: FacePoint) -> float:
    """Return how far a place lies outside a box, in pixels; 0 inside."""
    across = max(box.x - point.x, point.x - box.x - box.width, 0.0)
    down = max(box.y - point.y, point.y - box.y - box.height, 0.0)
    return math.hypot(across, down)


def _from_middle(box: FaceBox, point: FacePoint) -> float:
    return math.hypot(box.centre_x - point.x, box.centre_y - point.y)
