# SPDX-License-Identifier: GPL-3.0-or-later
"""How strips are found again after undo, reload and restart: by ID properties, never by name or pointer.

A source carries a random id; cutting or duplicating it copies the id, and each part gets its result. A result
carries the id of its source and of the job that made it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

SOURCE_KEY = "svfr_source"
RESULT_KEY = "svfr_result"


def tag_source(strip: Any) -> str:
    """Return the id of a source strip, giving it one if it has none."""
    if SOURCE_KEY not in strip:
        strip[SOURCE_KEY] = uuid.uuid4().hex
    return str(strip[SOURCE_KEY])


def source_of(strip: Any) -> str | None:
    """Return the source id that a strip carries, as a source or as a result; None if it is neither."""
    if RESULT_KEY in strip:
        return str(_result(strip).get("source", "")) or None
    return str(strip[SOURCE_KEY]) if SOURCE_KEY in strip else None


def is_result(strip: Any) -> bool:
    """Return whether a strip was inserted by this extension."""
    return RESULT_KEY in strip


def tag_result(strip: Any, source: str, job: str) -> None:
    """Mark a strip as the result of a job."""
    strip[RESULT_KEY] = json.dumps({"source": source, "job": job})


def sources(strips: Iterable[Any], source: str) -> list[Any]:
    """Return every strip that is the source with this id: several, when it was cut since."""
    return [s for s in strips if not is_result(s) and s.get(SOURCE_KEY) == source]


def results(strips: Iterable[Any], source: str) -> list[Any]:
    """Return every result of a source."""
    return [s for s in strips if is_result(s) and source_of(s) == source]


def _result(strip: Any) -> dict[str, Any]:
    try:
        found = json.loads(strip[RESULT_KEY])
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
