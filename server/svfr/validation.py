"""Data from outside, checked by pydantic against the dataclasses it should be; all mistakes named at once.

Strict: no text where a number belongs, no whole number where a switch belongs, no unknown key. A dataclass
that is read from a file inherits :class:`Strict` and bears its bounds in its annotations. This module knows
no torch; the service's supervisor uses it too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from svfr_client.errors import SvfrError
from svfr_client.json_files import read_json, read_json_file, within_bounds
from svfr_client.reasons import reason_of

__all__ = [
    "SCHEMA_DIALECT",
    "Finite",
    "NotNegative",
    "NotNegativeInt",
    "Positive",
    "PositiveInt",
    "Strict",
    "problems_of",
    "read_json",
    "read_json_file",
    "read_record",
    "read_strictly",
    "read_toml",
    "sentences_of",
]

T = TypeVar("T")
Problem = TypeVar("Problem", bound=SvfrError)

PositiveInt = Annotated[int, Field(ge=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SHOWN_CHARACTERS = 60
_MOST_PLACE_CHARACTERS = 200
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def read_toml(text: str) -> dict[str, Any]:
    """Return the TOML document ``text``; raises as :func:`read_json`."""
    document: dict[str, Any] = within_bounds(partial(tomllib.loads, text))
    return document


def read_record(path: Path, kind: type[SvfrError], what: str, remedy: str) -> dict[str, Any]:
    """Return the JSON object in a file; raises ``kind``, which says that ``what`` cannot be read and why."""
    try:
        body = read_json_file(path)
    except (OSError, ValueError) as error:
        raise kind(f"{what} cannot be read: {reason_of(error)}.", path=path, remedy=remedy) from error
    if not isinstance(body, dict):
        raise kind(f"{what} is no JSON object.", path=path, remedy=remedy)
    return body


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
