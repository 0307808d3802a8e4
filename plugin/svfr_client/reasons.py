"""Why something failed, fit for the middle of a sentence; what Python itself says is not."""

import json
from typing import Optional

from .errors import SvfrError

_LONGEST = 200


class Flaw(ValueError):
    """What is wrong with a file's data, as the end of a sentence: "a part has no pixels"."""


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can hold a text, and not only Python, which keeps odd bytes as half letters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def in_one_line(reason: object) -> str:
    """Return a library's message as one line without its full stop, "no reason is given" for none.

    For libraries whose message is all that is known; of Python's own errors and the system's take
    :func:`reason_of`.
    """
    line = " ".join(str(reason).split()).rstrip(".")
    return line[:_LONGEST] or "no reason is given"


def printable(text: str) -> str:
    """Return a text with "?" for letters that a terminal might obey, such as line breaks and escapes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def reason_of(error: Optional[BaseException]) -> str:
    """Return why a file could not be read or written, or a program not run: the system's words, or ours."""
    if isinstance(error, OSError):
        return error.strerror or "the system gives no reason"
    if isinstance(error, SvfrError):
        return error.message.rstrip(".")
    kind = type(error).__name__  # by name: hosts start programs, and read TOML, elsewhere or not at all
    if kind == "TimeoutExpired":
        return f"it did not answer within {getattr(error, 'timeout', 0):g} s"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON from line {error.lineno}, character {error.colno} on"
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if kind == "TOMLDecodeError":
        return f"it is no TOML: {in_one_line(error)}"
    return str(error) if isinstance(error, Flaw) else "its data is damaged"
