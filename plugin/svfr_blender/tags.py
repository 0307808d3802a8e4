# SPDX-License-Identifier: GPL-3.0-or-later
"""How strips are found again after undo, reload and restart: by ID properties, never by name or pointer.

A source carries a random id; a result carries the id of its source and of the job that made it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .compat import end_frame, first_frame
from .moved import along, way_from
from .svfr_client.json_files import read_json

SOURCE_KEY = "svfr_source"
RESULT_KEY = "svfr_result"
MOVIE_KEY = "svfr_movie"
LAYERS_KEY = "svfr_layers"


def tag_source(strip: Any, others: Iterable[Any]) -> str:
    """Return the id of a source strip, giving it one of its own if it has none or shares it.

    Cutting and duplicating copy the id. Such a part gets a new one, which its own results take over; where
    one result still spans several parts, they stay together. ``others``: all strips of the scene.
    """
    known = str(strip[SOURCE_KEY]) if SOURCE_KEY in strip else None
    if known is not None:
        every = list(others)
        parts = [part for part in sources(every, known) if part != strip]
        own = [result for result in results(every, known) if lie_together(result, strip)]
        if not parts or any(lie_together(result, part) for result in own for part in parts):
            return known
        strip[SOURCE_KEY] = uuid.uuid4().hex
        for one in [*own, *(movie for movie in movies(every, known) if lie_together(movie, strip))]:
            _note(one, source=strip[SOURCE_KEY])
    else:
        strip[SOURCE_KEY] = uuid.uuid4().hex
    return str(strip[SOURCE_KEY])


def lie_together(result: Any, strip: Any) -> bool:
    """Return whether a result belongs to this part of a source that was cut: they share visible frames."""
    same_stack = result.parent_meta() == strip.parent_meta()
    overlap = min(end_frame(result), end_frame(strip)) > max(first_frame(result), first_frame(strip))
    return bool(same_stack and overlap)


def source_of(strip: Any) -> str | None:
    """Return the source id that a strip carries, as a source or as a result; None if it is neither."""
    key = _own_key(strip)
    if key is not None:
        return str(_noted(strip, key).get("source", "")) or None
    return str(strip[SOURCE_KEY]) if SOURCE_KEY in strip else None


def is_result(strip: Any) -> bool:
    """Return whether a strip was inserted by this extension: a result or its movie."""
    return _own_key(strip) is not None


def is_movie(strip: Any) -> bool:
    """Return whether a strip is the movie of a result."""
    return MOVIE_KEY in strip


def tag_result(strip: Any, source: str, job: str, plate: str, folder: str) -> None:
    """Mark a strip as the result of a job on ``plate``, and note the trims that it was given.

    ``folder``: where its files lie; it moves along with a project.
    """
    trims = [round(strip.frame_offset_start), round(strip.frame_offset_end)]
    way = way_from(folder, plate)
    noted = {"source": source, "job": job, "plate": plate, "plate_way": way, "trims": trims}
    strip[RESULT_KEY] = json.dumps(noted)


def tag_layers(strip: Any, job: str, folder: str, plate: str) -> None:
    """Note on a source, whose files are ``plate``, where the frames of a job of it lie that have layers."""
    strip[LAYERS_KEY] = json.dumps({"job": job, "folder": folder, "way": way_from(plate, folder)})


def layers_of(strip: Any, job: str, plate: str) -> tuple[str, ...]:
    """Return where the frames of a job may lie that have extra layers; nowhere when there are none."""
    try:
        noted = read_json(strip.get(LAYERS_KEY, "{}"))
        if noted["job"] != job:
            return ()
        way = str(noted.get("way", ""))
        return (str(noted["folder"]), *([along(plate, way)] if way else []))
    except (ValueError, TypeError, KeyError):
        return ()


def plates_of(result: Any, folder: str) -> tuple[str, ...]:
    """Return the plate that a result was made from, as it was named then and as it lies from ``folder``.

    Both are the same until the project is moved. ``folder``: where the result's files are now. Empty when it
    does not say.
    """
    noted = _result(result)
    plate, way = str(noted.get("plate", "")), str(noted.get("plate_way", ""))
    return tuple(dict.fromkeys(filter(None, (plate, along(folder, way) if way else ""))))


def job_of(result: Any) -> str:
    """Return the job whose references made a result; empty when it does not say."""
    return str(_result(result).get("job", ""))


def is_trimmed_by_hand(result: Any) -> bool:
    """Return whether a result was trimmed or cut since it was inserted or updated."""
    trims = [round(result.frame_offset_start), round(result.frame_offset_end)]
    return bool(_result(result).get("trims", trims) != trims)


def sources(strips: Iterable[Any], source: str) -> list[Any]:
    """Return every strip that is the source with this id: several, when it was cut since."""
    return [s for s in strips if not is_result(s) and s.get(SOURCE_KEY) == source]


def results(strips: Iterable[Any], source: str) -> list[Any]:
    """Return every result of a source; not their movies."""
    return [s for s in strips if RESULT_KEY in s and source_of(s) == source]


def movies(strips: Iterable[Any], source: str) -> list[Any]:
    """Return the movies of every result of a source."""
    return [s for s in strips if is_movie(s) and source_of(s) == source]


@dataclass(frozen=True)
class MovieNote:
    """The movie that a result knows: ``name`` in its folder, of the plate's ``frames``, in ``space``."""

    name: str
    frames: str
    space: str


def note_movie(result: Any, movie: MovieNote) -> None:
    """Let a result know its movie; :func:`tag_result` makes it forget it."""
    _note(result, movie=[movie.name, movie.frames, movie.space])


def noted_movie(result: Any) -> MovieNote | None:
    """Return the movie that a result knows."""
    noted = _result(result).get("movie")
    return MovieNote(*map(str, noted)) if isinstance(noted, list) and len(noted) == 3 else None


def tag_movie(strip: Any, source: str, shift: float) -> None:
    """Mark a strip as the movie of a result of this source; it begins ``shift`` frames after that."""
    strip[MOVIE_KEY] = json.dumps({"source": source, "shift": shift, "is_shown": False})


def movie_shift(strip: Any) -> float:
    """Return how many frames after its result a movie begins."""
    return float(_noted(strip, MOVIE_KEY).get("shift", 0.0))


def shows_movie(strip: Any) -> bool:
    """Return whether a movie has the place of its result."""
    return bool(_noted(strip, MOVIE_KEY).get("is_shown", False))


def note_shown(strip: Any, is_shown: bool) -> None:
    """Note whether a movie has the place of its result."""
    _note(strip, is_shown=is_shown)


def _own_key(strip: Any) -> str | None:
    return next((key for key in (RESULT_KEY, MOVIE_KEY) if key in strip), None)


def _note(strip: Any, **values: Any) -> None:
    key = str(_own_key(strip))
    strip[key] = json.dumps({**_noted(strip, key), **values})


def _result(strip: Any) -> dict[str, Any]:
    return _noted(strip, RESULT_KEY)


def _noted(strip: Any, key: str) -> dict[str, Any]:
    try:
        found = read_json(strip[key])
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
