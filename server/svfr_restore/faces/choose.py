"""Which of a shot's faces a job restores."""

from __future__ import annotations

from collections.abc import Sequence

from svfr_restore.errors import FaceTrackNotFound
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
