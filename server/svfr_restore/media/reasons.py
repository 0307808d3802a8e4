"""What a library said, fit for a sentence."""

from __future__ import annotations

_LONGEST = 200


def in_one_line(reason: str) -> str:
    """Return a library's message as one line without its full stop, "no reason is given" for none."""
    line = " ".join(reason.split()).rstrip(".")
    return line[:_LONGEST] or "no reason is given"
