# SPDX-License-Identifier: GPL-3.0-or-later
"""How strips are found again after undo, reload and restart: by ID properties, never by name or pointer.

A source carries a random id; a result carries the id of its source and of the job that made it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from .compat import end_frame, first_frame
from .svfr_client.json_files import read_json

SOURCE_KEY = "svfr_source"
RESULT_KEY = "svfr_result"


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
        for result in own:
            result[RESULT_KEY] = json.dumps({**_result(result), "source": strip[SOURCE_KEY]})
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
    if RESULT_KEY in strip:
        return str(_result(strip).get("source", "")) or None
    return str(strip[SOURCE_KEY]) if SOURCE_KEY in strip else None


def is_result(strip: Any) -> bool:
    """Return whether a strip was inserted by this extension."""
    return RESULT_KEY in strip


def tag_result(strip: Any, source: str, job: str, plate: str) -> None:
    """Mark a strip as the result of a job on ``plate``, and note the trims that it was given."""
    trims = [round(strip.frame_offset_start), round(strip.frame_offset_end)]
    strip[RESULT_KEY] = json.dumps({"source": source, "job": job, "plate": plate, "trims": trims})


def plate_of(result: Any) -> str:
    """Return the plate that a result was made from; empty when it does not say."""
    return str(_result(result).get("plate", ""))


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
    """Return every result of a source."""
    return [s for s in strips if is_result(s) and source_of(s) == source]


def _result(strip: Any) -> dict[str, Any]:
    try:
        found = read_json(strip[RESULT_KEY])
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
