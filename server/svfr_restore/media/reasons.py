"""Why something failed, fit for the middle of a sentence; what Python itself says is not."""

from __future__ import annotations

_LONGEST = 200


class Flaw(ValueError):
    """What is wrong with a file's data, as the end of a sentence: "a part has no pixels"."""


def in_one_line(reason: str) -> str:
    """Return a library's message as one line without its full stop, "no reason is given" for none."""
    line = " ".join(reason.split()).rstrip(".")
    return line[:_LONGEST] or "no reason is given"


def reason_of(error: Exception) -> str:
    """Return why a file could not be read or written: the system's words, or our own about its data."""
    if isinstance(error, OSError):
        return error.strerror or "the system gives no reason"
    return str(error) if isinstance(error, Flaw) else "its data is damaged"
