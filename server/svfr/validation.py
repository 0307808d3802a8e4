"""Data from outside, checked by pydantic against the dataclasses it should be; all mistakes named at once.

Strict: no text where a number belongs, no whole number where a switch belongs, no unknown key. A dataclass
that is read from a file inherits :class:`Strict` and bears its bounds in its annotations. This module knows
no torch; the service's supervisor uses it too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from svfr_client.errors import SvfrError
from svfr_client.reasons import Flaw, in_one_line

T = TypeVar("T")
Problem = TypeVar("Problem", bound=SvfrError)

PositiveInt = Annotated[int, Field(ge=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_MOST_LEVELS = 100
_MOST_BITS = 1024
_TOO_DEEP = "it is nested too deeply"
_TOO_MANY_DIGITS = "a number has too many digits"
_SHOWN_CHARACTERS = 60
_MOST_PLACE_CHARACTERS = 200
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def read_json(text: str) -> Any:
    """Return the JSON document ``text``; raises ValueError, for :func:`svfr_client.reasons.reason_of`.

    Beside what is no JSON, a key that stands twice, deep nesting and endless numbers are refused.
    """
    return _within_bounds(partial(json.loads, text, object_pairs_hook=_each_key_once))


def read_toml(text: str) -> dict[str, Any]:
    """Return the TOML document ``text``; raises as :func:`read_json`."""
    document: dict[str, Any] = _within_bounds(partial(tomllib.loads, text))
    return document


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Flaw(f"the key {in_one_line(ascii(twice))} stands twice")
    return found


def _within_bounds(parse: Callable[[], Any]) -> Any:
    """Return what ``parse`` does, unless a step after it (json.dumps, pydantic) could not bear it."""
    try:
        document = parse()
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, Flaw):
        raise
    except RecursionError:
        raise Flaw(_TOO_DEEP) from None
    except ValueError:  # of int(), for more digits than Python converts
        raise Flaw(_TOO_MANY_DIGITS) from None
    level: list[Any] = [document]
    for _ in range(_MOST_LEVELS):
        if any(isinstance(value, int) and value.bit_length() > _MOST_BITS for value in level):
            raise Flaw(_TOO_MANY_DIGITS)
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return document
    raise Flaw(_TOO_DEEP)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class Strict:
    """Base of dataclasses that are read from files: unknown keys are refused."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def read_strictly(adapter: TypeAdapter[T], body: object) -> T:
    """Return the value that a parsed JSON or TOML document describes; raises pydantic's ValidationError.

    It is checked as JSON, in which a list is a tuple and a table a dataclass, and nothing else is converted.
    """
    return adapter.validate_json(json.dumps(body, default=str), strict=True)


def sentences_of(error: ValidationError, body: object = None) -> list[str]:
    """Return one sentence for each mistake, with its place as a dotted name, in the document's order.

    ``body`` is the document: with it, the kinds of a discriminated union are left out of the places.
    """
    details = error.errors(include_url=False)
    return [_sentence(detail, _place(detail, body)) for detail in details]


def problems_of(
    error: ValidationError, kind: type[Problem], body: object = None, **where: Any
) -> list[Problem]:
    """Return an error of ``kind`` for each mistake; ``where`` is what each of them is told (path, remedy)."""
    return [kind(f"{sentence}.", **where) for sentence in sentences_of(error, body)]


def _place(detail: Any, body: object) -> str:
    """Return the dotted name of a place, without the tags that pydantic adds for the kinds of a union."""
    names: list[str] = []
    here, location = body, detail["loc"]
    for i, step in enumerate(location):
        is_absent = detail["type"] == "missing" and i == len(location) - 1
        if isinstance(here, Mapping) and step not in here and not is_absent:
            continue  # the kind of a union, which the document does not hold as a key
        if step == "[key]":
            continue
        names.append(str(step))
        is_there = (isinstance(here, Mapping) and step in here) or (
            isinstance(here, Sequence) and isinstance(step, int) and step < len(here)
        )
        here = here[step] if is_there else None  # type: ignore[index]
    return ".".join(names)[:_MOST_PLACE_CHARACTERS]


def _sentence(detail: Any, place: str) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    prefix = f"{place}." if place else ""
    if kind == "missing":
        return f"missing key {place}"
    if kind in _UNKNOWN:
        return f"unknown key {place}"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        key = prefix + context["discriminator"].strip("'")
        if kind == "union_tag_not_found":
            return f"missing key {key}"
        return f"{key} must be one of {context['expected_tags']}, not {context['tag']!r}"
    if kind == "value_error":
        return f"{place}: {context['error']}" if place else str(context["error"])
    subject = place or "the document"
    text = str(detail["msg"])
    _, found, rest = text.partition(" should ")
    shown = repr(detail["input"])
    shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[: _SHOWN_CHARACTERS - 3]}..."
    return f"{subject} must {rest}, not {shown}" if found else f"{subject}: {text}"
