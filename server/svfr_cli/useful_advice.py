"""Which of a code's remedies help whoever reads them without a message, and so without their values."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .error_advice import FILLED

MOST_SHOWN = 8
_FEWEST_WORDS = 6  # of a sentence with values left out, for the others to say something
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z`…])")
_CONCRETE = re.compile(r"--\w|`|\w\.\w|[A-Z]{2}|[a-z]_[a-z]")  # options, commands, files, variables


def useful(remedies: Iterable[str]) -> list[str]:
    """Return the remedies without the sentences that say nothing when their values are left out, sorted.

    All of them where nothing else would be left.
    """
    given = set(remedies)
    kept = {text for one in given if (text := _complete(one))}
    return sorted(kept or given)


def foremost(remedies: Iterable[str], most: int = MOST_SHOWN) -> list[str]:
    """Return at most so many remedies, sorted: those with a command, option or file, then the longest."""
    ranked = sorted(remedies, key=lambda text: (not _CONCRETE.search(text), -_words(text), text))
    return sorted(ranked[:most])


def _complete(remedy: str) -> str:
    """Return the sentences of a remedy that say something without their values; "" for none."""
    return " ".join(one for one in _SENTENCE.split(remedy) if _says_something(one))


def _says_something(sentence: str) -> bool:
    is_before_a_command = sentence.endswith(f": {FILLED}")  # no full stop after it
    return FILLED not in sentence or is_before_a_command or _words(sentence) >= _FEWEST_WORDS


def _words(text: str) -> int:
    return sum(any(letter.isalnum() for letter in word) for word in text.split())
