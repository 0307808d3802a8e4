"""Reading a JSON object so that one error names everything that is wrong with it.

A reader collects problems instead of stopping at the first, so a hand-edited file is fixed in one
go. Nothing is converted silently: 1.0 is no integer, 1 is no boolean, unknown keys are problems.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(value: Any) -> Any:
    """Return the value as json.loads would give it: tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


class ObjectReader:
    """One JSON object being read; ``problems`` is shared with the readers of its nested objects.

    Every ``take`` method returns a value of the promised type; after a problem it returns a harmless one,
    which the caller must throw away (it checks ``problems`` at the end).
    """

    def __init__(self, body: object, where: str = "", problems: list[str] | None = None) -> None:
        self.problems: list[str] = [] if problems is None else problems
        self._where = where
        self._taken: set[str] = set()
        self._body: Mapping[str, Any] = {}
        if isinstance(body, Mapping):
            self._body = body
        else:
            self.problems.append(f"{where or 'the document'} is not a JSON object")

    def name(self, key: str) -> str:
        """Return the dotted path of a key, as messages name it."""
        return f"{self._where}.{key}" if self._where else key

    def keys(self) -> tuple[str, ...]:
        """Return all keys that the object has."""
        return tuple(self._body)

    def has(self, key: str) -> bool:
        """Say whether the key is there; asking does not count as reading it."""
        return key in self._body

    def any_value(self, key: str) -> Any:
        """Take a value of any type; a missing key is a problem."""
        self._taken.add(key)
        if key not in self._body:
            self.problems.append(f"missing key {self.name(key)}")
            return None
        return self._body[key]

    def _typed(self, key: str, accepts: tuple[type, ...], what: str, fallback: Any) -> Any:
        present = key in self._body
        value = self.any_value(key)
        wrong_bool = isinstance(value, bool) and bool not in accepts
        if present and (wrong_bool or not isinstance(value, accepts)):
            self.problems.append(f"{self.name(key)} must be {what}, not {value!r}")
            return fallback
        return value if present else fallback

    def text(self, key: str) -> str:
        """Take a string."""
        return str(self._typed(key, (str,), "a text", ""))

    def flag(self, key: str) -> bool:
        """Take a boolean."""
        return bool(self._typed(key, (bool,), "true or false", False))

    def choice(self, key: str, options: Sequence[str]) -> str:
        """Take one of the given words."""
        word = self.text(key)
        if key in self._body and word not in options:
            self.problems.append(f"{self.name(key)} must be one of {', '.join(options)}, not {word!r}")
        return word if word in options else options[0]

    def integer(self, key: str, minimum: int) -> int:
        """Take an integer not below ``minimum``."""
        value = int(self._typed(key, (int,), "an integer", minimum))
        if value < minimum:
            self.problems.append(f"{self.name(key)} must be at least {minimum}, not {value}")
        return max(value, minimum)

    def number(self, key: str, minimum: float, *, above: bool = False) -> float:
        """Take a finite number not below ``minimum``, or, with ``above``, greater than it."""
        value = float(self._typed(key, (int, float), "a number", minimum + 1.0))
        if not math.isfinite(value) or value < minimum or (above and value == minimum):
            bound = "above" if above else "at least"
            self.problems.append(f"{self.name(key)} must be a finite number {bound} {minimum:g}, not {value}")
            return minimum + 1.0
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """Take a list of finite numbers."""
        return tuple(float(v) for v in self._list_of(key, (int, float), "numbers"))

    def integers(self, key: str, minimum: int) -> tuple[int, ...]:
        """Take a list of integers, none below ``minimum``."""
        values = self._list_of(key, (int,), "integers")
        if any(v < minimum for v in values):
            self.problems.append(f"{self.name(key)} must hold integers of at least {minimum}")
        return tuple(values)

    def _list_of(self, key: str, accepts: tuple[type, ...], what: str) -> list[Any]:
        values: list[Any] = self._typed(key, (list,), f"a list of {what}", [])
        for value in values:
            finite = isinstance(value, (int, float)) and math.isfinite(value)
            if isinstance(value, bool) or not finite or not isinstance(value, accepts):
                self.problems.append(f"{self.name(key)} must be a list of finite {what}, not with {value!r}")
                return []
        return list(values)

    def free_object(self, key: str) -> dict[str, Any]:
        """Take an object whose keys are not ours to judge."""
        return dict(self._typed(key, (dict,), "an object", {}))

    def child(self, key: str) -> ObjectReader:
        """Take a nested object; its problems are added to this reader's."""
        present = key in self._body
        value = self.any_value(key)
        if not isinstance(value, Mapping):
            if present:
                self.problems.append(f"{self.name(key)} must be an object, not {value!r}")
            return _Absent(self.name(key))
        return ObjectReader(value, self.name(key), self.problems)

    def finish(self) -> None:
        """Report every key that nothing has taken."""
        self.problems.extend(f"unknown key {self.name(k)}" for k in self._body if k not in self._taken)


class _Absent(ObjectReader):
    """Stands for a nested object that is not there, whose absence is the one problem worth naming."""

    def __init__(self, where: str) -> None:
        super().__init__({}, where, [])
