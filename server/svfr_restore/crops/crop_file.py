"""The file of crop tracks that a job writes, an artist may edit, and another job may start from.

::

    {"format": 1, "tracks": [{"index": 0, "first_frame": 1001,
                              "centre_x": [960.5, ...], "centre_y": [412.0, ...], "side_px": 540.0}]}

Positions are EXR pixels; a series may be a single number. The same index may come several times for
different stretches of frames (shots).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svfr.validation import read_json_file
from svfr_client.files import write_whole
from svfr_restore.crops.crop_track import CropTrack, tracks_problems
from svfr_restore.errors import CropTrackFileIsBad
from svfr_restore.media.regular_file import require_regular

FORMAT = 1
MOST_TRACKS = 1000
MOST_BYTES = 64 * 2**20


def tracks_to_json(tracks: Sequence[CropTrack]) -> dict[str, Any]:
    """Return the file's JSON object."""
    return {"format": FORMAT, "tracks": [track.to_json() for track in tracks]}


def tracks_from_json(body: Any) -> list[CropTrack]:
    """Read :func:`tracks_to_json`; raises CropTrackFileIsBad that names the fields that are bad."""
    if not isinstance(body, Mapping) or set(body) != {"format", "tracks"}:
        raise CropTrackFileIsBad(
            "A crop-track file is an object with the keys format and tracks.", remedy="Fix the file."
        )
    if body["format"] != FORMAT or not isinstance(body["tracks"], list) or not body["tracks"]:
        raise CropTrackFileIsBad(
            f"The crop-track file has format {body['format']!r} or holds no list of tracks.",
            remedy=f"This version reads format {FORMAT} with at least one track.",
        )
    if len(body["tracks"]) > MOST_TRACKS:
        raise CropTrackFileIsBad(
            f"The file has {len(body['tracks'])} tracks.", remedy=f"At most {MOST_TRACKS} are restored."
        )
    tracks = [CropTrack.from_json(item, f"tracks[{i}]") for i, item in enumerate(body["tracks"])]
    problems = tracks_problems(tracks)
    if problems:
        raise CropTrackFileIsBad(f"{'; '.join(problems)}.".capitalize(), remedy="Keep one of them.")
    return tracks


def write_tracks(path: Path, tracks: Sequence[CropTrack]) -> None:
    """Write the file, one series a line so that it can be compared and edited."""
    text = json.dumps(tracks_to_json(tracks), indent=1, allow_nan=False)
    write_whole(path, text + "\n")


def read_tracks(path: Path) -> list[CropTrack]:
    """Read the file; raises CropTrackFileIsBad with its path for anything that makes no crops."""
    require_regular(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CropTrackFileIsBad(
                "The crop-track file is larger than any shot's.",
                path=path,
                remedy=f"At most {MOST_BYTES} bytes.",
            )
        body = read_json_file(path, MOST_BYTES)
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise CropTrackFileIsBad(
            f"The crop-track file cannot be read: {reason}.", path=path, remedy="Check the path."
        ) from error
    except ValueError as error:  # no JSON, no UTF-8, numbers of 4,000 digits, or too deep
        raise CropTrackFileIsBad(
            "The crop-track file is no usable JSON.",
            path=path,
            remedy="Write it again with svfr faces --tracks.",
        ) from error
    try:
        return tracks_from_json(body)
    except CropTrackFileIsBad as error:
        raise CropTrackFileIsBad(error.message, path=path, remedy=error.remedy) from error
